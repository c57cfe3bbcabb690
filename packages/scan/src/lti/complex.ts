/** A complex number, in 64 bits. */
export interface Complex {
  readonly re: number;
  readonly im: number;
}

/** Element `i` of an array whose last axis of 2 holds real and imaginary parts. */
export function complexAt(array: ArrayLike<number>, i: number): Complex {
  return { re: array[2 * i], im: array[2 * i + 1] };
}

/** Writes element `i` of such an array. */
export function setComplex(array: Float32Array | Float64Array, i: number, { re, im }: Complex): void {
  array[2 * i] = re;
  array[2 * i + 1] = im;
}

export function plus(a: Complex, b: Complex): Complex {
  return { re: a.re + b.re, im: a.im + b.im };
}

export function times(a: Complex, b: Complex): Complex {
  return { re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re };
}

/** `conj(a) · b`: a gradient `b` flowing back through a factor `a`. */
export function conjTimes(a: Complex, b: Complex): Complex {
  return { re: a.re * b.re + a.im * b.im, im: a.re * b.im - a.im * b.re };
}

export function scaled(a: Complex, by: number): Complex {
  return { re: a.re * by, im: a.im * by };
}

export function over(a: Complex, b: Complex): Complex {
  return scaled(conjTimes(b, a), 1 / (b.re * b.re + b.im * b.im));
}

export function complexExp(z: Complex): Complex {
  const size = Math.exp(z.re);
  return { re: size * Math.cos(z.im), im: size * Math.sin(z.im) };
}
