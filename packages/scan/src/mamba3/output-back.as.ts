/** The way back from `y` to what a head reads from its state: projection, gate and norm of Mamba-3. */
import { highHalf, lowHalf, sumLanes } from "../../../wasm/src/snippets/double.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";

/** The gradient by `outs`, of every rank, at `dout`; that of `z`; and adds to those of the projections and the norm's weight. */
export function outputBack(
  outs: usize, dy: usize, z: usize, zProjection: usize, yProjection: usize, normWeight: usize, normEps: f32,
  rank: i32, headDim: i32, dout: usize, dz: usize, sumY: usize, sumZ: usize, sumNorm: usize,
): void {
  const padded = (headDim + 3) & ~3;
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  for (let p = 0; p < headDim; p += 4) store4(at(dz, p), zero, headDim - p);
  for (let r = 0; r < rank; r++) {
    const out = at(outs, r * padded);
    const grads = at(dout, r * padded);
    const rootMeanSquare = normWeight ? scaleOf(out, padded, headDim, normEps) : one;
    let along = f64x2.splat(0);
    for (let p = 0; p < headDim; p += 4) {
      const count = headDim - p;
      const place = r * padded + p;
      const scaled = f32x4.mul(v128.load(at(out, p)), rootMeanSquare);
      const weight = normWeight ? load4(at(normWeight, p), count) : one;
      const normalised = f32x4.mul(scaled, weight);
      const upstream = dy ? load4(at(dy, p), count) : zero;
      const projected = yProjection ? f32x4.mul(upstream, load4(at(yProjection, r * headDim + p), count)) : upstream;
      let gate = one;
      let grad = projected;
      if (z) {
        const input = load4(at(z, p), count);
        const projection = zProjection ? load4(at(zProjection, r * headDim + p), count) : one;
        const gateInput = f32x4.mul(input, projection);
        const s = sigmoid(gateInput);
        gate = f32x4.mul(gateInput, s);
        grad = f32x4.mul(projected, gate);
        const slope = f32x4.mul(s, madd(gateInput, f32x4.sub(one, s), one));
        const dgate = f32x4.mul(f32x4.mul(projected, normalised), slope);
        store4(at(dz, p), madd(dgate, projection, load4(at(dz, p), count)), count);
        v128.store(at(sumZ, place), madd(dgate, input, v128.load(at(sumZ, place))));
      }
      v128.store(at(sumY, place), madd(f32x4.mul(upstream, normalised), gate, v128.load(at(sumY, place))));
      if (normWeight) {
        v128.store(at(sumNorm, p), madd(grad, scaled, v128.load(at(sumNorm, p))));
        grad = f32x4.mul(grad, weight);
        const product = f32x4.mul(grad, scaled);
        along = f64x2.add(along, f64x2.add(lowHalf(product), highHalf(product)));
      }
      v128.store(at(grads, p), grad);
    }
    if (!normWeight) continue;
    const mean = f32x4.splat(<f32>(sumLanes(along) / <f64>headDim));
    for (let p = 0; p < padded; p += 4) {
      const scaled = f32x4.mul(v128.load(at(out, p)), rootMeanSquare);
      const grad = f32x4.sub(v128.load(at(grads, p)), f32x4.mul(scaled, mean));
      v128.store(at(grads, p), f32x4.mul(grad, rootMeanSquare));
    }
  }
}

/** One over the root mean square, in all lanes; sums in 64 bits. */
function scaleOf(out: usize, padded: i32, headDim: i32, eps: f32): v128 {
  let squares = f64x2.splat(0);
  for (let p = 0; p < padded; p += 4) {
    const value = v128.load(at(out, p));
    const low = lowHalf(value);
    const high = highHalf(value);
    squares = f64x2.add(squares, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
  }
  return f32x4.splat(<f32>(1 / Math.sqrt(sumLanes(squares) / <f64>headDim + <f64>eps)));
}
