/**
 * A lane in all four. For neighbours, one load and these are fewer instructions than `v128.load32_splat`, which V8 gives one
 * more for an offset, but load the arithmetic units: measure which is faster.
 */
@inline
export function lane0(a: v128): v128 {
  return v128.shuffle<i32>(a, a, 0, 0, 0, 0);
}

@inline
export function lane1(a: v128): v128 {
  return v128.shuffle<i32>(a, a, 1, 1, 1, 1);
}

@inline
export function lane2(a: v128): v128 {
  return v128.shuffle<i32>(a, a, 2, 2, 2, 2);
}

@inline
export function lane3(a: v128): v128 {
  return v128.shuffle<i32>(a, a, 3, 3, 3, 3);
}
