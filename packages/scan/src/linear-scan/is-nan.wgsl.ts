import { wgsl } from "@elapid/webgpu";

/** `isNan(value)`, by its bits: a compiler may assume that a comparison never meets a NaN. */
export const isNan = wgsl`
fn isNan(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}`;
