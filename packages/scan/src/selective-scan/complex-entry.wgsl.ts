import { cosineSine, exponential, wgsl } from "@elapid/webgpu";
import type { Entry } from "./entry.wgsl.ts";

/** A complex entry, real and imaginary part. */
export const complexEntry: Entry = {
  parts: 2,
  text: wgsl`${exponential}${cosineSine}
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
fn project(a: Entry, b: Entry, sum: f32) -> f32 { return fma(a.y, b.y, fma(a.x, b.x, sum)); }`,
};
