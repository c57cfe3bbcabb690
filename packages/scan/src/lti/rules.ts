import { complexExp, conjTimes, over, plus, scaled, times, type Complex } from "./complex.ts";

/** How a continuous system `x' = A x + B u` becomes a step of length `dt`. */
export type Rule = "zoh" | "bilinear" | "euler" | "backward-euler";

/** Where between the ends of a step the generalised bilinear transform takes the derivative: 0 is the start, 1 the end. */
export const blend = { euler: 0, bilinear: 0.5, "backward-euler": 1 } as const;

/** @throws RangeError if the word names no rule. */
export function checkRule(rule: string, action: string): asserts rule is Rule {
  if (rule !== "zoh" && !Object.hasOwn(blend, rule)) {
    const known = ["zoh", ...Object.keys(blend)].map((name) => `"${name}"`).join(", ");
    throw new RangeError(`${action}: rule is "${rule}" but one of ${known} was needed`);
  }
}

/** One mode `x' = a x + b u` as a recurrence `x[t] = factor · x[t-1] + input · u[t]`, with what its gradient needs. */
export interface Mode {
  readonly factor: Complex;
  readonly input: Complex;
  /**
   * Gradients by the continuous mode, given those by the discrete one. With `z = dt a`, `factor = f(z)` and
   * `input = dt b g(z)`; all complex gradients are `dL/dre + i dL/dim`.
   */
  readonly gradient: (dfactor: Complex, dinput: Complex) => { da: Complex; db: Complex; ddt: number };
}

/** Discretises one mode. Zero-order hold: `f = exp(z)`, `g = (exp(z) - 1) / z`, whose limit at 0 is 1. */
export function discretizeMode(rule: string, a: Complex, b: Complex, dt: number): Mode {
  const z = scaled(a, dt);
  const { f, df, g, dg } = rule === "zoh" ? heldInput(z) : blended(z, blend[rule as keyof typeof blend]);
  const bg = times(b, g);
  return {
    factor: f,
    input: scaled(bg, dt),
    gradient: (dfactor, dinput) => {
      const dz = plus(conjTimes(df, dfactor), conjTimes(scaled(times(b, dg), dt), dinput));
      return {
        da: scaled(dz, dt),
        db: scaled(conjTimes(g, dinput), dt),
        ddt: conjTimes(a, dz).re + conjTimes(bg, dinput).re,
      };
    },
  };
}

interface Functions {
  readonly f: Complex;
  readonly df: Complex;
  readonly g: Complex;
  readonly dg: Complex;
}

const one: Complex = { re: 1, im: 0 };
const zero: Complex = { re: 0, im: 0 };

function heldInput(z: Complex): Functions {
  const f = complexExp(z);
  if (Math.hypot(z.re, z.im) >= 0.5) {
    const g = over(plus(f, { re: -1, im: 0 }), z);
    return { f, df: f, g, dg: over(plus(f, scaled(g, -1)), z) };
  }
  // near 0 the differences above cancel: sum over k of z^k / (k + 1)!, and its derivative
  let g = one;
  let dg = zero;
  let term: Complex = { re: 0.5, im: 0 }; // z^(k-1) / (k + 1)!
  for (let k = 1; k <= 16; k++) {
    dg = plus(dg, scaled(term, k));
    g = plus(g, times(term, z));
    term = scaled(times(term, z), 1 / (k + 2));
  }
  return { f, df: f, g, dg };
}

function blended(z: Complex, at: number): Functions {
  const g = over(one, plus(one, scaled(z, -at)));
  const df = times(g, g);
  return { f: times(plus(one, scaled(z, 1 - at)), g), df, g, dg: scaled(df, at) };
}
