import { randomSource } from "@elapid/tensor";
import { expect, test } from "vitest";
import { hermitianEigen } from "./hermitian.ts";

/** A random Hermitian matrix. */
function hermitian(n: number, seed: number): { re: Float64Array; im: Float64Array } {
  const random = randomSource(seed);
  const re = new Float64Array(n * n);
  const im = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      re[i * n + j] = re[j * n + i] = random.next() - 0.5;
      if (i === j) continue;
      im[i * n + j] = random.next() - 0.5;
      im[j * n + i] = -im[i * n + j];
    }
  }
  return { re, im };
}

/** Row `i` of a complex matrix times column `j` of another. */
function entry(left: (i: number, k: number) => number[], right: (k: number, j: number) => number[], n: number) {
  return (i: number, j: number) => {
    let [re, im] = [0, 0];
    for (let k = 0; k < n; k++) {
      const [a, b] = left(i, k);
      const [c, d] = right(k, j);
      re += a * c - b * d;
      im += a * d + b * c;
    }
    return [re, im];
  };
}

test.each([1, 2, 7, 33])("of a random matrix of %i rows: A V = V diag(values), and V* V = I", (n) => {
  const { re, im } = hermitian(n, n);
  const eigen = hermitianEigen(re, im, n);
  const A = (i: number, j: number) => [re[i * n + j], im[i * n + j]];
  const V = (i: number, j: number) => [eigen.re[i * n + j], eigen.im[i * n + j]];
  const adjoint = (i: number, j: number) => [eigen.re[j * n + i], -eigen.im[j * n + i]];
  const AV = entry(A, V, n);
  const VV = entry(adjoint, V, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const [vRe, vIm] = V(i, j);
      expect(AV(i, j)[0]).toBeCloseTo(eigen.values[j] * vRe, 12);
      expect(AV(i, j)[1]).toBeCloseTo(eigen.values[j] * vIm, 12);
      expect(VV(i, j)[0]).toBeCloseTo(i === j ? 1 : 0, 12);
      expect(VV(i, j)[1]).toBeCloseTo(0, 12);
    }
  }
  expect(eigen.values).toEqual(eigen.values.toSorted());
});

test("finds the eigenvalues of a matrix whose own are known, double ones included", () => {
  // I + i times a rotation generator on the first two axes: 0, 2, and 1 twice
  const n = 4;
  const re = Float64Array.from({ length: 16 }, (_, at) => (at % 5 === 0 ? 1 : 0));
  const im = new Float64Array(16);
  im[1] = -1;
  im[4] = 1;
  [0, 1, 1, 2].forEach((value, i) => expect(hermitianEigen(re, im, n).values[i]).toBeCloseTo(value, 14));
});

test("takes a matrix of zeros, and says when there is no answer", () => {
  expect(hermitianEigen(new Float64Array(9), new Float64Array(9), 3).values).toEqual(new Float64Array(3));
  const NaNs = Float64Array.of(NaN, NaN, NaN, NaN);
  expect(() => hermitianEigen(NaNs, new Float64Array(4), 2)).toThrow(
    new RangeError("Cannot find eigenvalues: no convergence in 60 sweeps"),
  );
});
