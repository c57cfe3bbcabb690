/**
 * One mode of a diagonal system as a recurrence, in 64 bits: the arithmetic of `discretizeMode` in `rules.ts`. Sines and
 * exponentials are scalar, once a mode, which is little beside the steps that follow.
 */

/**
 * `rule` is -1 for the hold, else twice `α`. Leaves at `to`, real and imaginary part of each: the factor `f`, the input,
 * then what the gradient needs, `g`, `f'` and `g'`: 80 bytes.
 */
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
  let dfRe: f64;
  let dfIm: f64;
  let dgRe: f64 = 0;
  let dgIm: f64 = 0;
  if (rule < 0) {
    const size = Math.exp(zRe);
    fRe = size * Math.cos(zIm);
    fIm = size * Math.sin(zIm);
    dfRe = fRe;
    dfIm = fIm;
    const square = zRe * zRe + zIm * zIm;
    if (square >= 0.25) {
      // (f - 1) / z
      gRe = ((fRe - 1) * zRe + fIm * zIm) / square;
      gIm = (fIm * zRe - (fRe - 1) * zIm) / square;
      // (f - g) / z
      dgRe = ((fRe - gRe) * zRe + (fIm - gIm) * zIm) / square;
      dgIm = ((fIm - gIm) * zRe - (fRe - gRe) * zIm) / square;
    } else {
      let termRe: f64 = 1;
      let termIm: f64 = 0;
      for (let k = 1; k <= 16; k++) {
        const by = 1 / <f64>(k + 1);
        dgRe += termRe * (<f64>k * by);
        dgIm += termIm * (<f64>k * by);
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
    dfRe = gRe * gRe - gIm * gIm;
    dfIm = 2 * gRe * gIm;
    dgRe = alpha * dfRe;
    dgIm = alpha * dfIm;
  }
  store<f64>(to, fRe);
  store<f64>(to, fIm, 8);
  store<f64>(to, (bRe * gRe - bIm * gIm) * dt, 16);
  store<f64>(to, (bRe * gIm + bIm * gRe) * dt, 24);
  store<f64>(to, gRe, 32);
  store<f64>(to, gIm, 40);
  store<f64>(to, dfRe, 48);
  store<f64>(to, dfIm, 56);
  store<f64>(to, dgRe, 64);
  store<f64>(to, dgIm, 72);
}

/**
 * Gradients by `a`, `b` and `dt`, given those by factor and input: five numbers at `to`. `mode` is what
 * `discretizeModeTo` left.
 */
export function modeGradientTo(
  to: usize,
  mode: usize,
  aRe: f64, aIm: f64,
  bRe: f64, bIm: f64,
  dt: f64,
  dfactorRe: f64, dfactorIm: f64,
  dinputRe: f64, dinputIm: f64,
): void {
  const gRe = load<f64>(mode, 32);
  const gIm = load<f64>(mode, 40);
  const dfRe = load<f64>(mode, 48);
  const dfIm = load<f64>(mode, 56);
  const dgRe = load<f64>(mode, 64);
  const dgIm = load<f64>(mode, 72);
  // dz = conj(f') dfactor + conj(dt b g') dinput
  const sRe = (bRe * dgRe - bIm * dgIm) * dt;
  const sIm = (bRe * dgIm + bIm * dgRe) * dt;
  const dzRe = dfRe * dfactorRe + dfIm * dfactorIm + sRe * dinputRe + sIm * dinputIm;
  const dzIm = dfRe * dfactorIm - dfIm * dfactorRe + sRe * dinputIm - sIm * dinputRe;
  const bgRe = bRe * gRe - bIm * gIm;
  const bgIm = bRe * gIm + bIm * gRe;
  store<f64>(to, dzRe * dt);
  store<f64>(to, dzIm * dt, 8);
  store<f64>(to, (gRe * dinputRe + gIm * dinputIm) * dt, 16);
  store<f64>(to, (gRe * dinputIm - gIm * dinputRe) * dt, 24);
  store<f64>(to, aRe * dzRe + aIm * dzIm + bgRe * dinputRe + bgIm * dinputIm, 32);
}
