import { groupIndex, wgsl, type Wgsl } from "@elapid/webgpu";

export type Sizes = Readonly<
  Record<"batch" | "time" | "heads" | "headDim" | "rank" | "groups" | "state" | "pairs", number>
>;

/** Invocations of a workgroup, but for the scans, which have one for each channel of a head. */
export const WORKGROUP = 64;
/** Steps from one state that is kept for the gradient to the next. */
export const CHUNK = 16;
/** Floats that a workgroup may share. */
const SHARED = 4096;

/** Invocations of a scan: the channels of a head, to a power of two. */
export function lanesOf({ headDim }: Sizes): number {
  return Math.max(32, 2 ** Math.ceil(Math.log2(headDim)));
}

/** Entries of the state that a workgroup of a scan has, for all channels; 0 if not even one finds room. */
function sliceOf(sizes: Sizes): number {
  const { rank, state } = sizes;
  const lanes = lanesOf(sizes);
  let slice = Math.min(32, 2 ** Math.ceil(Math.log2(state)));
  // of the backward scan: a tile over channels, three numbers a rank and channel, three a rank and entry
  while (slice >= 1 && slice * (lanes + 1) + 3 * rank * (lanes + slice) > SHARED) slice /= 2;
  return Math.floor(slice);
}

export const slicesOf = (sizes: Sizes): number => Math.ceil(sizes.state / sliceOf(sizes));
export const suits = (sizes: Sizes): boolean => sizes.headDim <= 256 && sizes.state >= 1 && sliceOf(sizes) >= 1;
export const groupsFor = (invocations: number): number => Math.ceil(invocations / WORKGROUP);
export const stepsOf = ({ batch, time, heads }: Sizes): number => batch * time * heads;
export const biasesOf = ({ heads, rank, state }: Sizes): number => heads * rank * state;
export const projectionsOf = ({ heads, rank, headDim }: Sizes): number => heads * rank * headDim;

/** Elements of `plan`. */
export function planSize(sizes: Sizes): number {
  return sizes.batch * sizes.time + stepsOf(sizes) * (3 + 2 * sizes.pairs);
}

/** Elements of `work`. */
export function workSize(sizes: Sizes): number {
  const { batch, heads, headDim, pairs } = sizes;
  const [biases, projections] = [biasesOf(sizes), projectionsOf(sizes)];
  const parameters = 2 * biases + 3 * projections + heads * headDim + heads;
  // of B at the beginning and its gradient; of x at the beginning, the end, and its gradient; of angles
  return parameters + batch * (2 * biases + 3 * projections + heads * pairs);
}

/** Elements of `shares` with what the gradient adds: of `B` and `C`, of the scalars of a step, of what `x` starts from. */
export function backwardSharesSize(sizes: Sizes): number {
  const { batch, rank, state } = sizes;
  const perStep = 2 * rank * state + 3 * slicesOf(sizes);
  return outsSize(sizes) + stepsOf(sizes) * perStep + slicesOf(sizes) * batch * projectionsOf(sizes);
}

/** Elements of `grads`: of the outputs before norm and gate, and the scale of the norm. */
export function gradsSize(sizes: Sizes): number {
  return stepsOf(sizes) * sizes.rank * (sizes.headDim + 1);
}

/** Elements of outputs, each of them once. */
export const outputsOf = (sizes: Sizes): number => stepsOf(sizes) * sizes.rank * sizes.headDim;

/** Elements of `B` or `C` of every head. */
export const vectorsOf = (sizes: Sizes): number => stepsOf(sizes) * sizes.rank * sizes.state;

/** Elements of what slices of the state add to the outputs. */
export function outsSize(sizes: Sizes): number {
  return slicesOf(sizes) * outputsOf(sizes);
}

/**
 * What lies where in scratch; `at` is a step and head, `unit` a sequence and head:
 *
 * - `plan`: of each step what it does; of each head its decay, the token's own share of the trapezoid, the step size; of each pair
 *   cosine and sine of theta;
 * - `work`: parameters, with what was not given filled in, so that a pass binds one tensor for all of them; what a sequence starts
 *   from and ends with; the gradients of that;
 * - `shares`: of each output before skip and norm, what each slice of the state adds, and later the same of gradients by `x`; gradients
 *   by `B` and `C` of each head; what each slice adds to those by the decay and by both weights of the trapezoid;
 * - `grads`: gradients by the outputs before norm and gate, and the scale of the norm.
 */
export function layout(sizes: Sizes): Wgsl {
  return wgsl`
${groupIndex}
const padding = 0.0;
const ordinary = 1.0;
const beginning = 2.0;
const slice = ${sliceOf(sizes)}u;
const slices = ${slicesOf(sizes)}u;
const lanes = ${lanesOf(sizes)}u;
const rank = ${sizes.rank}u;

fn rows() -> u32 { return dims.batch * dims.time; }
fn atCount() -> u32 { return rows() * dims.heads; }
fn biases() -> u32 { return dims.heads * rank * dims.state; }
fn projections() -> u32 { return dims.heads * rank * dims.headDim; }

fn stepAt(at: u32) -> u32 { return rows() + 3 * at; }
fn turnAt(at: u32, pair: u32) -> u32 { return rows() + 3 * atCount() + 2 * (at * dims.pairs + pair); }

fn biasBAt(i: u32) -> u32 { return i; }
fn biasCAt(i: u32) -> u32 { return biases() + i; }
fn projectXAt(i: u32) -> u32 { return 2 * biases() + i; }
fn projectZAt(i: u32) -> u32 { return 2 * biases() + projections() + i; }
fn projectYAt(i: u32) -> u32 { return 2 * biases() + 2 * projections() + i; }
fn normAt(i: u32) -> u32 { return 2 * biases() + 3 * projections() + i; }
fn skipAt(head: u32) -> u32 { return normAt(dims.heads * dims.headDim) + head; }
fn lastBAt(i: u32) -> u32 { return skipAt(dims.heads) + i; }
fn lastXAt(i: u32) -> u32 { return lastBAt(dims.batch * biases()) + i; }
fn endXAt(i: u32) -> u32 { return lastXAt(dims.batch * projections()) + i; }
fn gradBAt(i: u32) -> u32 { return endXAt(dims.batch * projections()) + i; }
fn gradXAt(i: u32) -> u32 { return gradBAt(dims.batch * biases()) + i; }
fn gradAngleAt(i: u32) -> u32 { return gradXAt(dims.batch * projections()) + i; }

fn outAt(part: u32, at: u32, r: u32, p: u32) -> u32 { return ((part * atCount() + at) * rank + r) * dims.headDim + p; }
fn shareBAt(at: u32, r: u32, n: u32) -> u32 { return outAt(slices, 0, 0, 0) + (at * rank + r) * dims.state + n; }
fn shareCAt(at: u32, r: u32, n: u32) -> u32 { return shareBAt(atCount() + at, r, n); }
fn scalarAt(part: u32, at: u32) -> u32 { return shareBAt(2 * atCount(), 0, 0) + 3 * (part * atCount() + at); }
fn startXAt(part: u32, i: u32) -> u32 { return scalarAt(slices, 0) + part * dims.batch * projections() + i; }

fn gradAt(at: u32, r: u32, p: u32) -> u32 { return (at * rank + r) * dims.headDim + p; }
fn scaleAt(at: u32, r: u32) -> u32 { return gradAt(atCount(), 0, 0) + at * rank + r; }`;
}

/** `biasedB(at, r, n)` and `biasedC(at, r, n)`, entries of vectors of a step and head before they are turned. */
export const biased = wgsl`
fn vectorAt(at: u32, r: u32) -> u32 {
  let group = at % dims.heads / (dims.heads / dims.groups);
  return ((at / dims.heads * rank + r) * dims.groups + group) * dims.state;
}
fn biasedB(at: u32, r: u32, n: u32) -> f32 {
  return B[vectorAt(at, r) + n] + work[biasBAt((at % dims.heads * rank + r) * dims.state + n)];
}
fn biasedC(at: u32, r: u32, n: u32) -> f32 {
  return C[vectorAt(at, r) + n] + work[biasCAt((at % dims.heads * rank + r) * dims.state + n)];
}`;

/** `turned(at, n, own, other)`, entry `n` of a vector that is turned by theta; `other` is entry `partnerOf(n)`. */
export function turning(halved: boolean): Wgsl {
  return wgsl`
fn partnerOf(n: u32) -> u32 {
  if (${halved}) {
    let half = dims.state / 2;
    if (n < dims.pairs) { return n + half; }
    return select(n, n - half, n >= half && n < half + dims.pairs);
  }
  return select(n, n ^ 1u, n < 2 * dims.pairs);
}
fn turned(at: u32, n: u32, own: f32, other: f32) -> f32 {
  let partner = partnerOf(n);
  if (partner == n) { return own; }
  let place = turnAt(at, select(min(n, partner) / 2, min(n, partner), ${halved}));
  let sine = select(plan[place + 1], -plan[place + 1], partner > n);
  return fma(own, plan[place], other * sine);
}`;
}
