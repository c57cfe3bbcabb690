import { mamba3 } from "@elapid/scan";
import { concat, type Tensor } from "@elapid/tensor";
import type { CaseInputs, Outputs, Recipe } from "./recipe.ts";

/** The official functions of Mamba-3's recurrence, by name. */
export const mamba3Recipes: Readonly<Record<string, Recipe>> = {
  mamba3_siso: { run: (inputs) => (inputs.attrs.packed === true ? packed(inputs) : sequenceOf(inputs, siso(inputs))) },
  mamba3_mimo: { run: (inputs) => ({ y: sequenceOf(inputs, mimo(inputs), false).y }) },
  mamba3_mimo_recurrent: { run: (inputs) => sequenceOf(inputs, mimo(inputs), false) },

  // q is turned as k is, by a call that has it in the place of k
  mamba3_rotary_step: {
    run: ({ device, get, attrs }) => {
      const [batch, rank, heads, state] = get("q")!.shape;
      const pairs = get("angle_state")!.shape[2];
      const turned = (name: string) =>
        mamba3(
          {
            x: device.zeros([batch, 1, heads, 1]),
            B: get(name)!.reshape([batch, 1, rank, heads, state]),
            C: device.zeros([batch, 1, rank, heads, state]),
            logDecay: device.zeros([batch, 1, heads]),
            delta: get("dt")!.reshape([batch, 1, heads]),
            trap: device.zeros([batch, 1, heads]),
            angles: get("angle_proj")!.reshape([batch, 1, heads, pairs]),
            BBias: swapRanks(get(`bias_${name}`)!, 0),
            initialAngle: get("angle_state"),
          },
          { rotation: String(attrs.rotation), wrapAngles: false },
        );
      const k = turned("k");
      return { q: swapRanks(turned("q").finalB, 1), k: swapRanks(k.finalB, 1), angle_state: k.finalAngle };
    },
  },

  // B and C come turned already, and x of the last step without its projection
  mamba3_state_update: {
    run: (inputs) => {
      const { device, get, attrs } = inputs;
      const [batch, rank, heads, state] = get("B")!.shape;
      const headDim = get("x")!.shape[2];
      const dt = get("dt")!.reshape([batch, 1, heads]);
      const xProjection = swapRanks(get("xproj")!, 0);
      const step = (yProjection: Tensor) =>
        mamba3(
          {
            x: get("x")!.reshape([batch, 1, heads, headDim]),
            B: get("B")!.reshape([batch, 1, rank, heads, state]),
            C: get("C")!.reshape([batch, 1, rank, heads, state]),
            logDecay: get("A")!.reshape([batch, 1, heads]).mul(dt),
            delta: dt,
            trap: get("trap")!.reshape([batch, 1, heads]),
            angles: device.zeros([batch, 1, heads, 0]),
            D: get("D"),
            z: get("z")?.reshape([batch, 1, heads, headDim]),
            xProjection,
            zProjection: orUndefined(get("zproj"), (projection) => swapRanks(projection, 0)),
            yProjection,
            initialState: get("state"),
            initialB: swapRanks(get("B_state")!, 1),
            initialX: repeatRanks(get("x_state")!, rank).mul(xProjection),
          },
          { trapSigmoid: false },
        );
      if (attrs.contract_rank === true) {
        const { y, finalState } = step(swapRanks(get("outproj")!, 0));
        return { y: y.reshape([batch, heads, headDim]), new_state: finalState };
      }
      // the output of one rank is the sum in which the others count for nothing
      const ranks = Array.from({ length: rank }, (_, one) => {
        const counts = Array.from({ length: rank }, (_, r) => device.full([heads, 1, headDim], r === one ? 1 : 0));
        return step(concat(counts, 1));
      });
      const y = concat(
        ranks.map((one) => one.y),
        1,
      );
      return { y, new_state: ranks[0].finalState };
    },
  },
};

type Arguments = Parameters<typeof mamba3>[0];
type Result = ReturnType<typeof mamba3>;

/** The inputs that a sequence and each token of it have in common, whatever the rank. */
function common({ get, channelsLast }: CaseInputs): Omit<Arguments, "B" | "C" | "BBias" | "CBias"> {
  return {
    x: get("V")!,
    logDecay: channelsLast("ADT")!,
    delta: channelsLast("DT")!,
    trap: channelsLast("Trap")!,
    angles: get("Angles")!,
    D: get("D"),
    z: get("Z"),
    xProjection: get("MIMO_V"),
    yProjection: get("MIMO_O"),
    zProjection: get("MIMO_Z"),
    normWeight: get("norm_weight"),
    initialState: get("ssm_state"),
    initialAngle: get("angle_state"),
  };
}

/** One rank, which the official function has no axis for. */
function siso(inputs: CaseInputs): Arguments {
  const { get } = inputs;
  const withRank = (name: string, axis: number) =>
    orUndefined(get(name), (tensor) => tensor.reshape(tensor.shape.toSpliced(axis, 0, 1)));
  return {
    ...common(inputs),
    B: withRank("K", 2)!,
    C: withRank("Q", 2)!,
    BBias: withRank("K_bias", 1),
    CBias: withRank("Q_bias", 1),
    initialB: withRank("k_state", 2),
    initialX: withRank("v_state", 2),
  };
}

function mimo(inputs: CaseInputs): Arguments {
  const { get } = inputs;
  return {
    ...common(inputs),
    B: get("K")!,
    C: get("Q")!,
    BBias: get("K_bias"),
    CBias: get("Q_bias"),
    initialB: get("k_state"),
    initialX: get("v_state"),
  };
}

function sequenceOf({ attrs }: CaseInputs, given: Arguments, wrapAngles = true): Outputs {
  return named(mamba3(given, { rotation: String(attrs.rotation), wrapAngles, normEps: Number(attrs.eps ?? 1e-5) }));
}

function named({ y, finalState, finalB, finalX, finalAngle }: Result): Outputs {
  return { y, final_ssm: finalState, final_k: finalB, final_v: finalX, final_angle: finalAngle };
}

/**
 * Sequences behind one another, each with states of its own: a call for each, as one call gives the states of the last only.
 * Without initial states, `y` is that of one call for all of them.
 */
function packed(inputs: CaseInputs): Outputs {
  const { device, values, attrs } = inputs;
  const given = siso(inputs);
  const bounds = values.cu_seqlens.data;
  const results = Array.from({ length: bounds.length - 1 }, (_, i) => {
    const own = Object.entries(given).map(([name, tensor]): [string, Tensor | undefined] => {
      if (tensor === undefined) return [name, tensor];
      if (name.startsWith("initial")) return [name, tensor.slice(0, i, i + 1)];
      return [name, overTime.has(name) ? tensor.slice(1, bounds[i], bounds[i + 1]) : tensor];
    });
    return mamba3(Object.fromEntries(own) as unknown as Arguments);
  });
  const joined = (name: keyof Result, axis: number) =>
    concat(
      results.map((result) => result[name]),
      axis,
    );
  const ids = Int32Array.from({ length: Number(attrs.length) }, (_, t) => bounds.filter((bound) => bound <= t).length);
  return named({
    y:
      given.initialState === undefined
        ? mamba3({ ...given, seqIdx: device.tensor(ids, [1, ids.length], "i32") }).y
        : joined("y", 1),
    finalState: joined("finalState", 0),
    finalB: joined("finalB", 0),
    finalX: joined("finalX", 0),
    finalAngle: joined("finalAngle", 0),
  });
}

const overTime: ReadonlySet<string> = new Set(["x", "B", "C", "logDecay", "delta", "trap", "angles", "z"]);

/** "... rank heads size" as "... heads rank size", or back; `axis` is the first of the two. */
export function swapRanks(tensor: Tensor, axis: number): Tensor {
  const { shape } = tensor;
  const swapped = shape.with(axis, shape[axis + 1]).with(axis + 1, 1);
  const parts = Array.from({ length: shape[axis] }, (_, r) => tensor.slice(axis, r, r + 1).reshape(swapped));
  return concat(parts, axis + 1);
}

/** "batch heads size" for every rank, as "batch heads rank size". */
function repeatRanks(tensor: Tensor, rank: number): Tensor {
  const [batch, heads, size] = tensor.shape;
  const one = tensor.reshape([batch, heads, 1, size]);
  return concat(
    Array.from({ length: rank }, () => one),
    2,
  );
}

function orUndefined<T, R>(value: T | undefined, then: (value: T) => R): R | undefined {
  return value === undefined ? undefined : then(value);
}
