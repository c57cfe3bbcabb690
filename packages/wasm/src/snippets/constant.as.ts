/**
 * A number in all lanes, out of static data: `const HALF = memory.data<f32>([0.5])` and `constant(HALF)`. In a loop this
 * beats `f32x4.splat`: V8 keeps no vector constant in a register but builds it anew at each use, which takes longer
 * than the arithmetic.
 */
@inline
export function constant(address: usize): v128 {
  return v128.load_splat<f32>(address);
}
