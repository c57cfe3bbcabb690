import { wgsl } from "@elapid/webgpu";

/** A run of linear steps, for forward and backward. */
export const linearRun = wgsl`
/** Takes a number h to factor · h + added. */
struct Run { factor: f32, added: f32 }
const FLOATS = 2u;
fn join(first: Run, second: Run) -> Run {
  return Run(second.factor * first.factor, fma(second.factor, first.added, second.added));
}
fn floatsOf(run: Run) -> array<f32, FLOATS> { return array<f32, FLOATS>(run.factor, run.added); }
fn runFrom(floats: array<f32, FLOATS>) -> Run { return Run(floats[0], floats[1]); }`;
