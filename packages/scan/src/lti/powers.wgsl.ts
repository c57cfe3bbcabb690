import { wgsl } from "@elapid/webgpu";

export interface KernelSizes {
  readonly inner: number;
  readonly state: number;
  readonly time: number;
}

/** Steps that an invocation walks from a power made of those in memory. */
export const BLOCK = 32;

export const blocksOf = (time: number) => Math.ceil(time / BLOCK);

/** Powers `factor^(BLOCK · 2^j)` of which those at the beginnings of blocks are products. */
const doublings = (time: number) => Math.ceil(Math.log2(Math.max(blocksOf(time), 1)));

/** Numbers that `putPowers` leaves of a mode. */
export const powersOf = (time: number) => 4 + 2 * doublings(time);

/** `blocks()`: how many there are. */
export const blocks = wgsl`fn blocks() -> u32 { return (dims.time + ${BLOCK - 1}) / ${BLOCK}; }`;

/**
 * Powers of the factor of a mode, less 1, in the scratch tensor `powers`: `putPowers(mode, m, weight)` leaves them,
 * `factorOf(mode)` and `weightOf(mode)` read them, and `powerOf(mode, block)` is `factor^(BLOCK · block) - 1`. For passes
 * that include `modes`.
 */
export const powers = wgsl`${blocks}
fn doublings() -> u32 { return 32 - countLeadingZeros(max(blocks(), 1) - 1); }
fn placeOf(mode: u32) -> u32 { return mode * (4 + 2 * doublings()); }
fn factorOf(mode: u32) -> vec2f { return pairAt(placeOf(mode)); }
fn weightOf(mode: u32) -> vec2f { return pairAt(placeOf(mode) + 2); }
fn pairAt(at: u32) -> vec2f { return vec2f(powers[at], powers[at + 1]); }

fn putPowers(mode: u32, m: vec2f, weight: vec2f) {
  let at = placeOf(mode);
  powers[at] = m.x;
  powers[at + 1] = m.y;
  powers[at + 2] = weight.x;
  powers[at + 3] = weight.y;
  var power = m;
  for (var j = 1u; j < ${BLOCK}; j *= 2) { power = compound(power, power); }
  for (var j = 0u; j < doublings(); j++) {
    powers[at + 4 + 2 * j] = power.x;
    powers[at + 5 + 2 * j] = power.y;
    power = compound(power, power);
  }
}

fn powerOf(mode: u32, block: u32) -> vec2f {
  let at = placeOf(mode) + 4;
  var power = vec2f();
  for (var j = 0u; j < doublings(); j++) {
    if (((block >> j) & 1) == 1) { power = compound(power, pairAt(at + 2 * j)); }
  }
  return power;
}`;
