import { cosineSine, exponential, wgsl, type Wgsl } from "@elapid/webgpu";

/**
 * An entry of the state, a real or a complex number, so that one text serves both recurrences:
 *
 * - `entryOf(re, im)` of `parts` numbers next to each other; `part(x, p)` is one of them;
 * - `decayOf(rate, d)` = exp(d · rate), `times(a, b)`, `madd(a, b, c)` = a · b + c, `conj(a)`;
 * - `output(c, h)`, what `h` adds to `y`, and `outputSlope(c)`, how it does: c · h and c, or 2 Re(c · h) and 2 conj(c);
 * - `project(a, b)` = Re(a · conj(b)).
 */
export function entry(parts: 1 | 2): Wgsl {
  return parts === 1 ? realEntry : complexEntry;
}

const realEntry = wgsl`${exponential}
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
fn project(a: Entry, b: Entry, sum: f32) -> f32 { return fma(a, b, sum); }`;

const complexEntry = wgsl`${exponential}${cosineSine}
alias Entry = vec2f;
const parts = 2u;
fn entryOf(re: f32, im: f32) -> Entry { return vec2f(re, im); }
fn part(x: Entry, p: u32) -> f32 { return x[p]; }
fn decayOf(rate: Entry, d: f32) -> Entry { return exponential(d * rate.x) * cosineSine(d * rate.y); }
fn times(a: Entry, b: Entry) -> Entry { return vec2f(fma(-a.y, b.y, a.x * b.x), fma(a.y, b.x, a.x * b.y)); }
fn madd(a: Entry, b: Entry, c: Entry) -> Entry { return fma(vec2f(-a.y, a.y), b.yx, fma(vec2f(a.x), b, c)); }
fn conj(a: Entry) -> Entry { return vec2f(a.x, -a.y); }
fn output(c: Entry, h: Entry, sum: f32) -> f32 { return fma(-2.0 * c.y, h.y, fma(2.0 * c.x, h.x, sum)); }
fn outputSlope(c: Entry) -> Entry { return 2.0 * conj(c); }
fn project(a: Entry, b: Entry, sum: f32) -> f32 { return fma(a.y, b.y, fma(a.x, b.x, sum)); }`;
