import { wgsl } from "@elapid/webgpu";
import { exact } from "./mode.wgsl.ts";

/** `modeOf(i)`: mode `i` of a system whose `A`, `B`, `C` and `dt` are bound. */
export const diagonalMode = wgsl`
struct GivenMode { a: vec2f, b: vec2f, c: vec2f, dt: f32 }
fn modeOf(i: u32) -> GivenMode {
  let at = 2 * i;
  return GivenMode(
    vec2f(A[at], A[at + 1]), vec2f(B[at], B[at + 1]), vec2f(C[at], C[at + 1]), dt[i / dims.state]
  );
}`;

/** The same of what S4D learns: `logDt`, `C`, `logAReal` and `AImag` are bound. */
export const s4dMode = wgsl`${exact}
struct GivenMode { a: vec2f, b: vec2f, c: vec2f, dt: f32 }
fn modeOf(i: u32) -> GivenMode {
  return GivenMode(
    vec2f(-exact(logAReal[i]), AImag[i]), vec2f(1.0, 0.0), vec2f(C[2 * i], C[2 * i + 1]), exact(logDt[i / dims.state])
  );
}`;
