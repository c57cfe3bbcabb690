import { exponential, wgsl, type Wgsl } from "@elapid/webgpu";

/**
 * An entry of the state, a real or a complex number, so that one text serves both recurrences:
 *
 * - `entryOf(re, im)` of `parts` numbers next to each other; `part(x, p)` is one of them;
 * - `decayOf(rate, d)` = exp(d · rate), `times(a, b)`, `madd(a, b, c)` = a · b + c, `conj(a)`;
 * - `output(c, h)`, what `h` adds to `y`, and `outputSlope(c)`, how it does: c · h and c, or 2 Re(c · h) and 2 conj(c);
 * - `project(a, b)` = Re(a · conj(b)).
 */
export interface Entry {
  /** Numbers of an entry: 2 where it is complex. */
  readonly parts: 1 | 2;
  readonly text: Wgsl;
}

/** A real entry. */
export const realEntry: Entry = {
  parts: 1,
  text: wgsl`${exponential}
alias Entry = f32;
const parts = 1u;
fn entryOf(re: f32, im: f32) -> Entry { return re; }
fn part(x: Entry, p: u32) -> f32 { return x; }
fn decayOf(rate: Entry, d: f32) -> Entry { return exponential(d * rate); }
fn times(a: Entry, b: Entry) -> Entry { return a * b; }
fn madd(a: Entry, b: Entry, c: Entry) -> Entry { return fma(a, b, c); }
fn conj(a: Entry) -> Entry { return a; }
fn output(c: Entry, h: Entry, sum: f32) -> f32 { return fma(c, h, sum); }
fn outputSlope(c: Entry) -> Entry { return c; }
fn project(a: Entry, b: Entry, sum: f32) -> f32 { return fma(a, b, sum); }`,
};
