import type { ReferenceCall } from "@elapid/tensor";
import { complexAt, conjTimes, over, plus, scaled, setComplex, times, type Complex } from "../lti/complex.ts";
import { Fft } from "../lti/fft.ts";
import { pointsOf, radiusOf } from "./circle.ts";

type Dims = "inner state complex time";
type Inputs = "logDt logAReal AImag P B C";

const one: Complex = { re: 1, im: 0 };
const zero: Complex = { re: 0, im: 0 };
const conj = ({ re, im }: Complex): Complex => ({ re, im: -im });
/** The products of a mode that are summed, by what they are of. */
const parts = ["CB", "CP", "PB", "PP"] as const;
type Parts = Readonly<Record<(typeof parts)[number], Complex>>;

/** One mode: its eigenvalue and products. */
interface Mode {
  readonly w: Complex;
  readonly P: Complex;
  readonly B: Complex;
  readonly C: Complex;
  readonly v: Parts;
}

/** One channel after another, one point of the circle after another. */
export function s4KernelReference({
  dims: { inner, state, time },
  inputs,
  outputs: { K },
}: ReferenceCall<Dims, Inputs, "K">): void {
  const points = pointsOf(time);
  const radius = radiusOf(points);
  const fft = new Fft(points);
  for (let channel = 0; channel < inner; channel++) {
    const modes = modesOf(inputs, channel, state);
    const [re, im] = [new Float64Array(points), new Float64Array(points)];
    for (let m = 0; m < points; m++) {
      const { g, scale } = pointAt(m, points, radius, inputs.logDt[channel]);
      const { CB, CP, PB, PP } = sumsAt(g, modes);
      const value = times(scale, plus(CB, scaled(over(times(CP, PB), plus(one, PP)), -1)));
      [re[m], im[m]] = [value.re, value.im];
    }
    fft.forward({ re, im });
    for (let l = 0; l < time; l++) K[channel * time + l] = (re[l] * radius ** -l) / points;
  }
}

/** The same points; what flows back into them is the transform of `dK`, conjugated. */
export function s4KernelBackwardReference({
  dims: { inner, state, time },
  inputs,
  outputs: { dlogDt, dlogAReal, dAImag, dP, dB, dC },
}: ReferenceCall<Dims, `${Inputs} dK`, "dlogDt dlogAReal dAImag dP dB dC">): void {
  const points = pointsOf(time);
  const radius = radiusOf(points);
  const fft = new Fft(points);
  for (let channel = 0; channel < inner; channel++) {
    const modes = modesOf(inputs, channel, state);
    const [re, im] = [new Float64Array(points), new Float64Array(points)];
    for (let l = 0; l < time; l++) re[l] = (inputs.dK[channel * time + l] * radius ** -l) / points;
    fft.forward({ re, im });
    const dv = modes.map(() => ({ CB: zero, CP: zero, PB: zero, PP: zero }) as Record<(typeof parts)[number], Complex>);
    const dw = modes.map(() => zero);
    let dlog = 0;
    for (let m = 0; m < points; m++) {
      const { g, scale } = pointAt(m, points, radius, inputs.logDt[channel]);
      const { CP, PB, PP } = sumsAt(g, modes);
      const q = over(one, plus(one, PP));
      const dCB = conjTimes(scale, { re: re[m], im: -im[m] });
      const dsums: Parts = {
        CB: dCB,
        CP: scaled(conjTimes(times(PB, q), dCB), -1),
        PB: scaled(conjTimes(times(CP, q), dCB), -1),
        PP: conjTimes(times(times(CP, PB), times(q, q)), dCB),
      };
      modes.forEach(({ w, v }, n) => {
        const R = over(one, plus(g, scaled(w, -1)));
        const S = over(one, plus(g, scaled(conj(w), -1))); // of the conjugate mode
        for (const part of parts) {
          const d = dsums[part];
          dv[n][part] = plus(dv[n][part], plus(conjTimes(R, d), times(S, conj(d))));
          const own = times(v[part], times(R, R));
          const other = times(conj(v[part]), times(S, S));
          dw[n] = plus(dw[n], plus(conjTimes(own, d), times(other, conj(d))));
          dlog += times(conj(g), conjTimes(plus(own, other), d)).re;
        }
      });
    }
    dlogDt[channel] = dlog;
    modes.forEach(({ w, P, B, C }, n) => {
      const i = channel * state + n;
      const { CB, CP, PB, PP } = dv[n];
      dlogAReal[i] = dw[n].re * w.re;
      dAImag[i] = dw[n].im;
      setComplex(dC, i, plus(conjTimes(B, CB), conjTimes(P, CP)));
      setComplex(dB, i, plus(conjTimes(C, CB), times(P, PB)));
      setComplex(dP, i, plus(plus(conjTimes(C, CP), times(B, conj(PB))), scaled(P, 2 * PP.re)));
    });
  }
}

/** What the bilinear rule makes of point `m` of the circle: the resolvent is taken at `g`, and its value scaled. */
function pointAt(m: number, points: number, radius: number, logDt: number): { g: Complex; scale: Complex } {
  const angle = (2 * Math.PI * m) / points;
  const z = { re: radius * Math.cos(angle), im: radius * Math.sin(angle) };
  const scale = over({ re: 2, im: 0 }, plus(one, z));
  return { g: scaled(times(plus(one, scaled(z, -1)), scale), Math.exp(-logDt)), scale };
}

/** Sums over all modes, those of each pair, of `v / (g - w)`. */
function sumsAt(g: Complex, modes: readonly Mode[]): Parts {
  const sums: Record<(typeof parts)[number], Complex> = { CB: zero, CP: zero, PB: zero, PP: zero };
  for (const { w, v } of modes) {
    const R = over(one, plus(g, scaled(w, -1)));
    const S = over(one, plus(g, scaled(conj(w), -1)));
    for (const part of parts) sums[part] = plus(sums[part], plus(times(v[part], R), times(conj(v[part]), S)));
  }
  return sums;
}

interface Arrays {
  readonly logAReal: Float32Array;
  readonly AImag: Float32Array;
  readonly P: Float32Array;
  readonly B: Float32Array;
  readonly C: Float32Array;
}

function modesOf(inputs: Arrays, channel: number, state: number): Mode[] {
  return Array.from({ length: state }, (_, n) => {
    const i = channel * state + n;
    const [P, B, C] = [inputs.P, inputs.B, inputs.C].map((array) => complexAt(array, i));
    const v = { CB: times(C, B), CP: times(C, P), PB: conjTimes(P, B), PP: conjTimes(P, P) };
    return { w: { re: -Math.exp(inputs.logAReal[i]), im: inputs.AImag[i] }, P, B, C, v };
  });
}
