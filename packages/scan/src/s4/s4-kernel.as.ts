/**
 * Convolution kernels of normal-plus-low-rank systems, and their gradient. A unit is a channel: the generating function is taken at
 * one half of the points of a circle, the other half being conjugate, and transformed to the kernel. All in 64 bits.
 *
 * Work a channel: for each point of one half and each mode two complex reciprocals and about 30 operations, in the gradient twice
 * as many; and a transform. There are two to four points a step. Scratch: 32 bytes a point, and 72 or 144 a mode.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { makeRoots, takeApart } from "../lti/fft.as.ts";

// numbers of a mode: its eigenvalue, then C B, C P, conj(P) B and |P|²
const MODE: usize = 9 * 8;
// of a point, at the beginning of scratch: g, the scale, then the sums of the products, each a complex number
const G: usize = 0;
const SCALE: usize = 16;
const SUMS: usize = 32;
const HEAD: usize = 96;

export function s4Kernel(
  begin: i32, end: i32, scratch: usize, state: i32, time: i32, points: i32,
  logDt: usize, logAReal: usize, AImag: usize, P: usize, B: usize, C: usize, K: usize,
): void {
  const bytes = <usize>points << 3;
  const cos = scratch + HEAD;
  const sin = cos + bytes;
  const re = sin + bytes;
  const im = re + bytes;
  const modes = im + bytes;
  const radius = Math.pow(10, -10 / <f64>points);
  makeRoots(cos, sin, points);
  for (let channel = begin; channel < end; channel++) {
    const first = channel * state;
    putModes(modes, state, at(logAReal, first), at(AImag, first), at(P, 2 * first), at(B, 2 * first), at(C, 2 * first));
    const rate = Math.exp(-<f64>load<f32>(at(logDt, channel)));
    for (let m = 0; m <= points >> 1; m++) {
      putPoint(scratch, m, points, radius, rate, modes, state);
      // scale (CB - CP PB / (1 + PP))
      const qRe = 1 + load<f64>(scratch, SUMS + 48);
      const qIm = load<f64>(scratch, SUMS + 56);
      const size = 1 / (qRe * qRe + qIm * qIm);
      const cpRe = load<f64>(scratch, SUMS + 16);
      const cpIm = load<f64>(scratch, SUMS + 24);
      const pbRe = load<f64>(scratch, SUMS + 32);
      const pbIm = load<f64>(scratch, SUMS + 40);
      const bothRe = cpRe * pbRe - cpIm * pbIm;
      const bothIm = cpRe * pbIm + cpIm * pbRe;
      const valueRe = load<f64>(scratch, SUMS) - (bothRe * qRe + bothIm * qIm) * size;
      const valueIm = load<f64>(scratch, SUMS + 8) - (bothIm * qRe - bothRe * qIm) * size;
      const scaleRe = load<f64>(scratch, SCALE);
      const scaleIm = load<f64>(scratch, SCALE + 8);
      const outRe = scaleRe * valueRe - scaleIm * valueIm;
      const outIm = scaleRe * valueIm + scaleIm * valueRe;
      store<f64>(re + (<usize>m << 3), outRe);
      store<f64>(im + (<usize>m << 3), outIm);
      const mirrored = <usize>((points - m) & (points - 1)) << 3;
      store<f64>(re + mirrored, outRe);
      store<f64>(im + mirrored, mirrored == <usize>m << 3 ? outIm : -outIm);
    }
    takeApart(re, im, cos, sin, points);
    for (let l = 0; l < time; l++) {
      const value = load<f64>(re + (<usize>reversed(l, points) << 3));
      store<f32>(at(K, channel * time + l), <f32>(value * Math.pow(radius, -<f64>l) / <f64>points));
    }
  }
}

export function s4KernelBackward(
  begin: i32, end: i32, scratch: usize, state: i32, time: i32, points: i32,
  logDt: usize, logAReal: usize, AImag: usize, P: usize, B: usize, C: usize, dK: usize,
  dlogDt: usize, dlogAReal: usize, dAImag: usize, dP: usize, dB: usize, dC: usize,
): void {
  const bytes = <usize>points << 3;
  const cos = scratch + HEAD;
  const sin = cos + bytes;
  const re = sin + bytes;
  const im = re + bytes;
  const modes = im + bytes;
  const grads = modes + <usize>state * MODE;
  const radius = Math.pow(10, -10 / <f64>points);
  makeRoots(cos, sin, points);
  for (let channel = begin; channel < end; channel++) {
    const first = channel * state;
    putModes(modes, state, at(logAReal, first), at(AImag, first), at(P, 2 * first), at(B, 2 * first), at(C, 2 * first));
    const rate = Math.exp(-<f64>load<f32>(at(logDt, channel)));
    memory.fill(re, 0, 2 * bytes);
    for (let l = 0; l < time; l++) {
      const value = <f64>load<f32>(at(dK, channel * time + l)) * Math.pow(radius, -<f64>l) / <f64>points;
      store<f64>(re + (<usize>l << 3), value);
    }
    takeApart(re, im, cos, sin, points);
    memory.fill(grads, 0, <usize>state * MODE);
    let dlog: f64 = 0;
    for (let m = 0; m <= points >> 1; m++) {
      putPoint(scratch, m, points, radius, rate, modes, state);
      // the points of the other half add the same
      const weight: f64 = m == 0 || m == points >> 1 ? 1 : 2;
      const place = <usize>reversed(m, points) << 3;
      putSlopes(scratch, weight * load<f64>(re + place), -weight * load<f64>(im + place));
      dlog += addGradients(scratch, modes, grads, state);
    }
    store<f32>(at(dlogDt, channel), <f32>dlog);
    for (let n = 0; n < state; n++) {
      const i = first + n;
      const grad = grads + <usize>n * MODE;
      store<f32>(at(dlogAReal, i), <f32>(load<f64>(grad) * load<f64>(modes + <usize>n * MODE)));
      store<f32>(at(dAImag, i), <f32>load<f64>(grad, 8));
      spreadGradients(grad, at(P, 2 * i), at(B, 2 * i), at(C, 2 * i), at(dP, 2 * i), at(dB, 2 * i), at(dC, 2 * i));
    }
  }
}

function putModes(modes: usize, state: i32, logAReal: usize, AImag: usize, P: usize, B: usize, C: usize): void {
  for (let n = 0; n < state; n++, modes += MODE) {
    const pRe = <f64>load<f32>(at(P, 2 * n));
    const pIm = <f64>load<f32>(at(P, 2 * n), 4);
    const bRe = <f64>load<f32>(at(B, 2 * n));
    const bIm = <f64>load<f32>(at(B, 2 * n), 4);
    const cRe = <f64>load<f32>(at(C, 2 * n));
    const cIm = <f64>load<f32>(at(C, 2 * n), 4);
    store<f64>(modes, -Math.exp(<f64>load<f32>(at(logAReal, n))));
    store<f64>(modes, <f64>load<f32>(at(AImag, n)), 8);
    store<f64>(modes, cRe * bRe - cIm * bIm, 16);
    store<f64>(modes, cRe * bIm + cIm * bRe, 24);
    store<f64>(modes, cRe * pRe - cIm * pIm, 32);
    store<f64>(modes, cRe * pIm + cIm * pRe, 40);
    store<f64>(modes, pRe * bRe + pIm * bIm, 48);
    store<f64>(modes, pRe * bIm - pIm * bRe, 56);
    store<f64>(modes, pRe * pRe + pIm * pIm, 64);
  }
}

/** Where the resolvent is taken for point `m` of the circle, and its sums there: `v R + conj(v) S`, the latter of the conjugate mode. */
function putPoint(head: usize, m: i32, points: i32, radius: f64, rate: f64, modes: usize, state: i32): void {
  const angle = 2 * Math.PI * <f64>m / <f64>points;
  const zRe = radius * Math.cos(angle);
  const zIm = radius * Math.sin(angle);
  const size = 2 / ((1 + zRe) * (1 + zRe) + zIm * zIm);
  const scaleRe = (1 + zRe) * size;
  const scaleIm = -zIm * size;
  const gRe = ((1 - zRe) * scaleRe + zIm * scaleIm) * rate;
  const gIm = ((1 - zRe) * scaleIm - zIm * scaleRe) * rate;
  let cbRe: f64 = 0, cbIm: f64 = 0, cpRe: f64 = 0, cpIm: f64 = 0, pbRe: f64 = 0, pbIm: f64 = 0, ppRe: f64 = 0, ppIm: f64 = 0;
  for (let n = 0; n < state; n++, modes += MODE) {
    const re = gRe - load<f64>(modes);
    const im = gIm - load<f64>(modes, 8);
    const imS = gIm + load<f64>(modes, 8);
    const sizeR = 1 / (re * re + im * im);
    const sizeS = 1 / (re * re + imS * imS);
    const rRe = re * sizeR;
    const rIm = -im * sizeR;
    const sRe = re * sizeS;
    const sIm = -imS * sizeS;
    // of the real part of a product, and of its imaginary part times i
    const evenRe = rRe + sRe;
    const evenIm = rIm + sIm;
    const oddRe = sIm - rIm;
    const oddIm = rRe - sRe;
    const vbRe = load<f64>(modes, 16);
    const vbIm = load<f64>(modes, 24);
    cbRe += vbRe * evenRe + vbIm * oddRe;
    cbIm += vbRe * evenIm + vbIm * oddIm;
    const vpRe = load<f64>(modes, 32);
    const vpIm = load<f64>(modes, 40);
    cpRe += vpRe * evenRe + vpIm * oddRe;
    cpIm += vpRe * evenIm + vpIm * oddIm;
    const viRe = load<f64>(modes, 48);
    const viIm = load<f64>(modes, 56);
    pbRe += viRe * evenRe + viIm * oddRe;
    pbIm += viRe * evenIm + viIm * oddIm;
    const square = load<f64>(modes, 64);
    ppRe += square * evenRe;
    ppIm += square * evenIm;
  }
  store<f64>(head, gRe, G);
  store<f64>(head, gIm, G + 8);
  store<f64>(head, scaleRe, SCALE);
  store<f64>(head, scaleIm, SCALE + 8);
  store<f64>(head, cbRe, SUMS);
  store<f64>(head, cbIm, SUMS + 8);
  store<f64>(head, cpRe, SUMS + 16);
  store<f64>(head, cpIm, SUMS + 24);
  store<f64>(head, pbRe, SUMS + 32);
  store<f64>(head, pbIm, SUMS + 40);
  store<f64>(head, ppRe, SUMS + 48);
  store<f64>(head, ppIm, SUMS + 56);
}

/** Replaces the sums with the gradients by them, given the one by the point's value. */
function putSlopes(head: usize, dRe: f64, dIm: f64): void {
  const cpRe = load<f64>(head, SUMS + 16);
  const cpIm = load<f64>(head, SUMS + 24);
  const pbRe = load<f64>(head, SUMS + 32);
  const pbIm = load<f64>(head, SUMS + 40);
  const oneRe = 1 + load<f64>(head, SUMS + 48);
  const oneIm = load<f64>(head, SUMS + 56);
  const size = 1 / (oneRe * oneRe + oneIm * oneIm);
  const qRe = oneRe * size;
  const qIm = -oneIm * size;
  const scaleRe = load<f64>(head, SCALE);
  const scaleIm = load<f64>(head, SCALE + 8);
  const re = scaleRe * dRe + scaleIm * dIm;
  const im = scaleRe * dIm - scaleIm * dRe;
  store<f64>(head, re, SUMS);
  store<f64>(head, im, SUMS + 8);
  const byPRe = pbRe * qRe - pbIm * qIm;
  const byPIm = pbRe * qIm + pbIm * qRe;
  store<f64>(head, -(byPRe * re + byPIm * im), SUMS + 16);
  store<f64>(head, -(byPRe * im - byPIm * re), SUMS + 24);
  const byCRe = cpRe * qRe - cpIm * qIm;
  const byCIm = cpRe * qIm + cpIm * qRe;
  store<f64>(head, -(byCRe * re + byCIm * im), SUMS + 32);
  store<f64>(head, -(byCRe * im - byCIm * re), SUMS + 40);
  const bothRe = byPRe * byCRe - byPIm * byCIm;
  const bothIm = byPRe * byCIm + byPIm * byCRe;
  store<f64>(head, bothRe * re + bothIm * im, SUMS + 48);
  store<f64>(head, bothRe * im - bothIm * re, SUMS + 56);
}

/** Adds a point's share to the gradients of the modes, by eigenvalue and products; gives that of the logarithm of the step size. */
function addGradients(head: usize, modes: usize, grads: usize, state: i32): f64 {
  const gRe = load<f64>(head, G);
  const gIm = load<f64>(head, G + 8);
  let dlog: f64 = 0;
  for (let n = 0; n < state; n++, modes += MODE, grads += MODE) {
    const re = gRe - load<f64>(modes);
    const im = gIm - load<f64>(modes, 8);
    const imS = gIm + load<f64>(modes, 8);
    const sizeR = 1 / (re * re + im * im);
    const sizeS = 1 / (re * re + imS * imS);
    const rRe = re * sizeR;
    const rIm = -im * sizeR;
    const sRe = re * sizeS;
    const sIm = -imS * sizeS;
    let dwRe: f64 = 0, dwIm: f64 = 0;
    for (let k: usize = 0; k < 64; k += 16) {
      const dRe = load<f64>(head + k, SUMS);
      const dIm = load<f64>(head + k, SUMS + 8);
      const vRe = load<f64>(modes + k, 16);
      const vIm = k < 48 ? load<f64>(modes + k, 24) : 0;
      // conj(R) d, and S conj(d), of the conjugate mode
      const ownRe = rRe * dRe + rIm * dIm;
      const ownIm = rRe * dIm - rIm * dRe;
      const otherRe = sRe * dRe + sIm * dIm;
      const otherIm = sIm * dRe - sRe * dIm;
      store<f64>(grads + k, load<f64>(grads + k, 16) + ownRe + otherRe, 16);
      if (k < 48) store<f64>(grads + k, load<f64>(grads + k, 24) + ownIm + otherIm, 24);
      // conj(v R²) d and conj(v) S² conj(d): the products above times conj(v R) and conj(v) S
      const backRe = (rRe * ownRe + rIm * ownIm) * vRe + (rRe * ownIm - rIm * ownRe) * vIm;
      const backIm = (rRe * ownIm - rIm * ownRe) * vRe - (rRe * ownRe + rIm * ownIm) * vIm;
      const asideRe = (sRe * otherRe - sIm * otherIm) * vRe + (sRe * otherIm + sIm * otherRe) * vIm;
      const asideIm = (sRe * otherIm + sIm * otherRe) * vRe - (sRe * otherRe - sIm * otherIm) * vIm;
      dwRe += backRe + asideRe;
      dwIm += backIm + asideIm;
      // the conjugate of the second is what flows by the conjugate mode
      dlog += gRe * (backRe + asideRe) + gIm * (backIm - asideIm);
    }
    store<f64>(grads, load<f64>(grads) + dwRe);
    store<f64>(grads, load<f64>(grads, 8) + dwIm, 8);
  }
  return dlog;
}

/** From the products of a mode to its vectors. */
function spreadGradients(grad: usize, P: usize, B: usize, C: usize, dP: usize, dB: usize, dC: usize): void {
  const pRe = <f64>load<f32>(P);
  const pIm = <f64>load<f32>(P, 4);
  const bRe = <f64>load<f32>(B);
  const bIm = <f64>load<f32>(B, 4);
  const cRe = <f64>load<f32>(C);
  const cIm = <f64>load<f32>(C, 4);
  const cbRe = load<f64>(grad, 16);
  const cbIm = load<f64>(grad, 24);
  const cpRe = load<f64>(grad, 32);
  const cpIm = load<f64>(grad, 40);
  const pbRe = load<f64>(grad, 48);
  const pbIm = load<f64>(grad, 56);
  const square = 2 * load<f64>(grad, 64);
  store<f32>(dC, <f32>(bRe * cbRe + bIm * cbIm + pRe * cpRe + pIm * cpIm));
  store<f32>(dC, <f32>(bRe * cbIm - bIm * cbRe + pRe * cpIm - pIm * cpRe), 4);
  store<f32>(dB, <f32>(cRe * cbRe + cIm * cbIm + pRe * pbRe - pIm * pbIm));
  store<f32>(dB, <f32>(cRe * cbIm - cIm * cbRe + pRe * pbIm + pIm * pbRe), 4);
  store<f32>(dP, <f32>(cRe * cpRe + cIm * cpIm + bRe * pbRe + bIm * pbIm + square * pRe));
  store<f32>(dP, <f32>(cRe * cpIm - cIm * cpRe + bIm * pbRe - bRe * pbIm + square * pIm), 4);
}

/** Where `takeApart` leaves element `i` of a spectrum. */
@inline
function reversed(i: i32, points: i32): i32 {
  let place = 0;
  for (let bit = 1; bit < points; bit <<= 1, i >>= 1) place = (place << 1) | (i & 1);
  return place;
}
