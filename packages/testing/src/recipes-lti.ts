import { checkpointName } from "@elapid/models";
import { blank, S4D } from "@elapid/nn";
import {
  discretizeDense,
  discretizeDiagonal,
  fftConv,
  hippo,
  hippoCorrection,
  hippoNplr,
  ltiScan,
  s4dInit,
  s4dKernel,
  ssmKernelDiag,
  type Measure,
  type Rule,
  type S4dInit,
} from "@elapid/scan";
import type { Device, Shape, Tensor } from "@elapid/tensor";
import { channelsFirst, type Outputs, type Recipe } from "./recipe.ts";

/** The official functions of linear time-invariant systems, by name. */
export const ltiRecipes: Readonly<Record<string, Recipe>> = {
  hippo_transition: {
    run: ({ device, attrs }) => {
      const { A, B, n } = hippo(measureOf(attrs.measure), Number(attrs.N));
      return { A: put(device, A, [n, n]), B: put(device, B, [n]) };
    },
  },

  // eigenvectors have any phase: what is compared has none
  hippo_nplr: {
    run: ({ device, attrs }) => {
      const measure = measureOf(attrs.measure);
      const { w, P, B, n, rank } = hippoNplr(measure, Number(attrs.N));
      const half = n / 2;
      const frequencies = Float64Array.from({ length: half }, (_, k) => w[2 * k + 1]);
      const products = P.map((_, at) => {
        const [p, b] = [at - (at % 2), (at - (at % 2)) % n];
        return at % 2 === 0 ? P[p] * B[b] + P[p + 1] * B[b + 1] : P[p + 1] * B[b] - P[p] * B[b + 1];
      });
      return {
        w: put(device, w, [half, 2]),
        P_real_basis: put(device, Float64Array.from(hippoCorrection(measure, n).flatMap((row) => [...row])), [rank, n]),
        abs_p: put(device, sizes(P), [rank, half]),
        abs_b: put(device, sizes(B), [half]),
        pb_conj: put(device, products, [rank, half, 2]),
        all_imag_sorted: put(device, Float64Array.of(...frequencies, ...frequencies.map((f) => -f)).toSorted(), [n]),
      };
    },
  },

  s4d_init: {
    run: ({ device, attrs }) => {
      const { A, B, n } = s4dInit(attrs.init as S4dInit, Number(attrs.N));
      const shape = [n / 2, 2];
      const outputs: Outputs = { A: put(device, A, shape) };
      if (attrs.init === "legs") return { ...outputs, abs_B: put(device, sizes(B), [n / 2]) };
      return { ...outputs, B: put(device, B, shape) };
    },
  },

  discretize_dense: {
    run: ({ device, attrs }) => {
      const system = hippo(measureOf(attrs.measure), Number(attrs.N));
      const { A, B, n } = discretizeDense(system, Number(attrs.dt), ruleOf(attrs.method));
      return {
        A: put(device, system.A, [n, n]),
        B: put(device, system.B, [n]),
        A_bar: put(device, A, [n, n]),
        B_bar: put(device, B, [n]),
      };
    },
  },

  discretize_diagonal: {
    run: ({ get, attrs }) => {
      const [A, B] = [get("A")!, get("B")!];
      const parts = (tensor: Tensor) => (attrs.complex === true ? tensor : tensor.reshape([...tensor.shape, 1]));
      const { ABar, BBar } = discretizeDiagonal(
        { A: parts(A), B: parts(B), dt: get("dt")! },
        { rule: ruleOf(attrs.method) },
      );
      return { A_bar: ABar.reshape(A.shape), B_bar: BBar.reshape(B.shape) };
    },
  },

  s4d_kernel: {
    run: ({ get, channelsLast }) => {
      const u = channelsLast("u")!;
      const { K } = s4dKernel(
        { logDt: get("log_dt")!, C: get("C")!, logAReal: get("log_A_real")!, AImag: get("A_imag")! },
        { time: u.shape[1] },
      );
      return { K, y: channelsFirst(fftConv({ u, K, D: get("D") }).y) };
    },
  },

  s4d_layer: {
    run: (inputs) => {
      const { device, channelsLast, attrs } = inputs;
      const config = { dModel: Number(attrs.channels), dState: Number(attrs.N) };
      const layer = inputs.module(
        () => new S4D(config, blank(device)),
        (path) => `param.${checkpointName(path, s4dNames)}`,
      );
      return { y: channelsFirst(layer.forward(channelsLast("u")!)) };
    },
  },

  // as a convolution and as a recurrence: K comes from the one, y from the other
  ssm_kernel_diag: {
    run: ({ get, channelsLast, attrs }) => {
      const u = channelsLast("u")!;
      const rule = ruleOf(attrs.discretization);
      const official = get("C")!;
      const system = { A: get("A")!, B: get("B")!, C: official.reshape(official.shape.slice(1)), dt: get("dt")! };
      const { K } = ssmKernelDiag(system, { rule, time: u.shape[1] });
      return { K, y: channelsFirst(ltiScan({ u, ...system }, { rule }).y) };
    },
  },
};

/** Where the official layer's names are not ours in snake case. */
const s4dNames = { log_A_real: "logAReal", A_imag: "AImag", "output_linear.0": "outputLinear" };

/** Our names of the measures that are called otherwise officially. */
function measureOf(official: unknown): Measure {
  if (official === "legsd") return "legs-diagonal";
  return official === "fourier_diag" ? "fourier-diagonal" : (official as Measure);
}

function ruleOf(official: unknown): Rule {
  return official === "backward_euler" ? "backward-euler" : (official as Rule);
}

/** Absolute values of complex numbers. */
function sizes(complex: Float64Array): Float64Array {
  return Float64Array.from({ length: complex.length / 2 }, (_, i) => Math.hypot(complex[2 * i], complex[2 * i + 1]));
}

function put(device: Device, values: Float64Array, shape: Shape): Tensor {
  return device.tensor(Float32Array.from(values), shape);
}
