import { wgsl } from "../wgsl.ts";

/**
 * `cosineSine(x)` = (cos x, sin x) to 2⁻²² for |x| up to 10⁴, where WGSL promises 2⁻¹¹, and that up to π. Quarter turns are taken
 * off in three parts, the first two so short that their products are exact; the polynomials are those of Cephes.
 */
export const cosineSine = wgsl`
fn cosineSine(x: f32) -> vec2f {
  let turns = round(x * 0.63661977236758134);
  let r = fma(turns, -7.54978995489188216e-8, fma(turns, -4.837512969970703125e-4, fma(turns, -1.5703125, x)));
  let q = r * r;
  let sine = fma(r * q, fma(fma(-1.9515295891e-4, q, 8.3321608736e-3), q, -1.6666654611e-1), r);
  let cosine = fma(q * q, fma(fma(2.443315711809948e-5, q, -1.388731625493765e-3), q, 4.166664568298827e-2), fma(-0.5, q, 1.0));
  let quarter = i32(turns) & 3;
  let turned = select(vec2f(cosine, sine), vec2f(-sine, cosine), (quarter & 1) == 1);
  return select(turned, -turned, quarter > 1);
}`;
