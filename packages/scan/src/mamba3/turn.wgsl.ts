import { tanh, wgsl } from "@elapid/webgpu";

/**
 * Angles as whole numbers, 2^32 a turn, which add up without rounding however many there are:
 *
 * - `turnOf(turns)`, an angle given in turns, and the whole turns in it; `turnAdd(a, b)`, the sum of two;
 * - `cosSin(angle)`, cosine and sine, by Cephes' polynomials up to an eighth of a turn: WGSL's own may be off by 2^-11.
 */
export const turn = wgsl`${tanh}
struct Turn { angle: u32, whole: f32 }

fn turnOf(turns: f32) -> Turn {
  let whole = round(turns);
  let rest = i32(clamp((turns - whole) * 4294967296.0, -2147483520.0, 2147483520.0));
  return Turn(bitcast<u32>(rest), whole - select(0.0, 1.0, rest < 0));
}

fn turnAdd(a: Turn, b: Turn) -> Turn {
  let angle = a.angle + b.angle;
  return Turn(angle, a.whole + b.whole + select(0.0, 1.0, angle < a.angle));
}

fn cosSin(angle: u32) -> vec2f {
  let quarter = (angle + 0x20000000u) >> 30u;
  let x = f32(bitcast<i32>(angle - (quarter << 30u))) * 1.4629180792671596e-9; // 2π / 2^32
  let square = x * x;
  var p = fma(-1.9515295891e-4, square, 8.3321608736e-3);
  p = fma(p, square, -1.6666654611e-1);
  let s = fma(p * square, x, x);
  p = fma(2.443315711809948e-5, square, -1.388731625493765e-3);
  p = fma(p, square, 4.166664568298827e-2);
  let c = fma(p * square, square, fma(-0.5, square, 1.0));
  let odd = (quarter & 1u) == 1u;
  let sine = select(s, c, odd);
  let cosine = select(c, s, odd);
  return vec2f(
    select(cosine, -cosine, ((quarter + 1u) & 2u) != 0u),
    select(sine, -sine, (quarter & 2u) != 0u),
  );
}`;
