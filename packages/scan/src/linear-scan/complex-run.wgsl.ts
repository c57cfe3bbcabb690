import { wgsl } from "@elapid/webgpu";
import { complex } from "./complex.wgsl.ts";

/** A run of complex linear steps, for forward and backward. */
export const complexRun = wgsl`
${complex}
/** Takes a number h to factor · h + added. */
struct Run { factor: vec2f, added: vec2f }
const FLOATS = 4u;
fn join(first: Run, second: Run) -> Run {
  return Run(times(second.factor, first.factor), times(second.factor, first.added) + second.added);
}
fn floatsOf(run: Run) -> array<f32, FLOATS> {
  return array<f32, FLOATS>(run.factor.x, run.factor.y, run.added.x, run.added.y);
}
fn runFrom(floats: array<f32, FLOATS>) -> Run {
  return Run(vec2f(floats[0], floats[1]), vec2f(floats[2], floats[3]));
}`;
