/**
 * One mode of a diagonal system as a recurrence, in 64 bits: the arithmetic of `discretizeMode` in `rules.ts`. Sines and
 * exponentials are scalar, once a mode, which is little beside the steps that follow.
 */

/** `rule` is -1 for the hold, else twice `α`. Leaves the real and imaginary part of the factor, then of the input, at `to`. */
export function discretizeModeTo(
  to: usize,
  rule: i32,
  aRe: f64, aIm: f64,
  bRe: f64, bIm: f64,
  dt: f64,
): void {
  const zRe = aRe * dt;
  const zIm = aIm * dt;
  let fRe: f64;
  let fIm: f64;
  let gRe: f64 = 1;
  let gIm: f64 = 0;
  if (rule < 0) {
    const size = Math.exp(zRe);
    fRe = size * Math.cos(zIm);
    fIm = size * Math.sin(zIm);
    const square = zRe * zRe + zIm * zIm;
    if (square >= 0.25) {
      // (f - 1) / z
      gRe = ((fRe - 1) * zRe + fIm * zIm) / square;
      gIm = (fIm * zRe - (fRe - 1) * zIm) / square;
    } else {
      let termRe: f64 = 1;
      let termIm: f64 = 0;
      for (let k = 1; k <= 16; k++) {
        const by = 1 / <f64>(k + 1);
        const re = (termRe * zRe - termIm * zIm) * by;
        termIm = (termRe * zIm + termIm * zRe) * by;
        termRe = re;
        gRe += termRe;
        gIm += termIm;
      }
    }
  } else {
    // g = 1 / (1 - α z), f = (1 + (1 - α) z) g
    const alpha = <f64>rule * 0.5;
    const re = 1 - alpha * zRe;
    const im = -alpha * zIm;
    const square = re * re + im * im;
    gRe = re / square;
    gIm = -im / square;
    const upRe = 1 + (1 - alpha) * zRe;
    const upIm = (1 - alpha) * zIm;
    fRe = upRe * gRe - upIm * gIm;
    fIm = upRe * gIm + upIm * gRe;
  }
  store<f64>(to, fRe);
  store<f64>(to, fIm, 8);
  store<f64>(to, (bRe * gRe - bIm * gIm) * dt, 16);
  store<f64>(to, (bRe * gIm + bIm * gRe) * dt, 24);
}
