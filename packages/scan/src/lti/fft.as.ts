/**
 * Fourier transforms of a power of two in 64 bits, two butterflies at once. The way there takes the halves apart
 * (decimation in frequency) and leaves the spectrum in bit-reversed order, in which it is multiplied; the way back puts
 * them together again, so that nothing is ever put in order.
 */

/** The roots of a stage lie together: those of one with butterflies `half` apart, `exp(-πi k / half)`, from `half` on. */
export function makeRoots(cos: usize, sin: usize, points: i32): void {
  for (let half = 1; half < points; half <<= 1) {
    for (let k = 0; k < half; k++) {
      const angle = (Math.PI * <f64>k) / <f64>half;
      store<f64>(cos + (<usize>(half + k) << 3), Math.cos(angle));
      store<f64>(sin + (<usize>(half + k) << 3), -Math.sin(angle));
    }
  }
}

export function takeApart(re: usize, im: usize, cos: usize, sin: usize, points: i32): void {
  for (let half = points >> 1; half >= 2; half >>= 1) {
    const apart = <usize>half << 3;
    for (let start: usize = 0; start < <usize>points << 3; start += 2 * apart) {
      for (let k: usize = 0; k < apart; k += 16) {
        const low = start + k;
        const high = low + apart;
        const wRe = v128.load(cos + apart + k);
        const wIm = v128.load(sin + apart + k);
        const aRe = v128.load(re + low);
        const aIm = v128.load(im + low);
        const bRe = v128.load(re + high);
        const bIm = v128.load(im + high);
        v128.store(re + low, f64x2.add(aRe, bRe));
        v128.store(im + low, f64x2.add(aIm, bIm));
        const dRe = f64x2.sub(aRe, bRe);
        const dIm = f64x2.sub(aIm, bIm);
        v128.store(re + high, f64x2.sub(f64x2.mul(dRe, wRe), f64x2.mul(dIm, wIm)));
        v128.store(im + high, f64x2.add(f64x2.mul(dRe, wIm), f64x2.mul(dIm, wRe)));
      }
    }
  }
  neighbours(re, points);
  neighbours(im, points);
}

/** The inverse of `takeApart`, but for a factor of `points`. */
export function putTogether(re: usize, im: usize, cos: usize, sin: usize, points: i32): void {
  neighbours(re, points);
  neighbours(im, points);
  for (let half = 2; half < points; half <<= 1) {
    const apart = <usize>half << 3;
    for (let start: usize = 0; start < <usize>points << 3; start += 2 * apart) {
      for (let k: usize = 0; k < apart; k += 16) {
        const low = start + k;
        const high = low + apart;
        const wRe = v128.load(cos + apart + k);
        const wIm = v128.load(sin + apart + k);
        const bRe = v128.load(re + high);
        const bIm = v128.load(im + high);
        const tRe = f64x2.add(f64x2.mul(bRe, wRe), f64x2.mul(bIm, wIm));
        const tIm = f64x2.sub(f64x2.mul(bIm, wRe), f64x2.mul(bRe, wIm));
        const aRe = v128.load(re + low);
        const aIm = v128.load(im + low);
        v128.store(re + low, f64x2.add(aRe, tRe));
        v128.store(im + low, f64x2.add(aIm, tIm));
        v128.store(re + high, f64x2.sub(aRe, tRe));
        v128.store(im + high, f64x2.sub(aIm, tIm));
      }
    }
  }
}

/** The stage of butterflies between neighbours, whose root is 1; of a single point there is none. */
function neighbours(part: usize, points: i32): void {
  for (let i = 0; i + 1 < points; i += 2) {
    const low = part + (<usize>i << 3);
    const a = load<f64>(low);
    const b = load<f64>(low, 8);
    store<f64>(low, a + b);
    store<f64>(low, a - b, 8);
  }
}
