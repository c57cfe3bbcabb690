import { exponential, tanh, wgsl } from "@elapid/webgpu";

/**
 * `gates(xr, xz, xn, pr, pz, q)`: reset, update and new of a channel, of what comes from the input and from the state;
 * `sigmoidOf(x)`, which does not overflow.
 */
export const gates = wgsl`${exponential}${tanh}
struct Gates { r: f32, z: f32, n: f32 }

fn sigmoidOf(x: f32) -> f32 {
  let e = exponential(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

fn gates(xr: f32, xz: f32, xn: f32, pr: f32, pz: f32, q: f32) -> Gates {
  let r = sigmoidOf(xr + pr);
  return Gates(r, sigmoidOf(xz + pz), tanhOf(fma(r, q, xn)));
}`;
