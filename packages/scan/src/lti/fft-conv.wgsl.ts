import { defineKernel, wgsl } from "@elapid/webgpu";
import { forEach, groupsOf } from "./each.wgsl.ts";
import { fftConv } from "./fft-conv.ts";
import { paddedLength } from "./fft.ts";
import { paddedPoints, spectra, transformPasses } from "./fft.wgsl.ts";

interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly inner: number;
  readonly taps: number;
}

const pointsOf = ({ time, taps }: Sizes) => paddedLength(time, taps);
const signalsOf = ({ batch, inner }: Sizes) => batch * inner;

/**
 * The rows of `spectra` are the kernels of the channels, then the signals "batch inner". One pass brings them there from
 * the layout of tensors, others transform them, one multiplies, others transform the signals back, the last puts them
 * where they belong. Deterministic; a row has the same bits whatever others are beside it.
 *
 * With P points, work is `2 batch + 1` transforms of `5 P log2 P` a channel. An element of `u` moves 8 bytes, the least
 * possible, and each of its at most 4 points 16 bytes in every pass: 5 up to 1024 points, 2 more for each factor of 16.
 */
export const fftConvKernel = defineKernel(fftConv, {
  scratch: { spectra: (dims) => 2 * (signalsOf(dims) + dims.inner) * pointsOf(dims) },
  passes: [
    {
      binds: ["u", "K", "spectra"],
      workgroups: (dims) => groupsOf((signalsOf(dims) + dims.inner) * pointsOf(dims)),
      source: () => wgsl`
        ${forEach}
        ${spectra}
        ${paddedPoints}

        fn count() -> u32 { return (dims.batch + 1) * dims.inner * points(); }

        fn each(i: u32) {
          let row = i / points();
          let t = i % points();
          var value = 0.0;
          if (t < dims.time) {
            if (row >= dims.inner) {
              let b = row / dims.inner - 1;
              value = u[(b * dims.time + t) * dims.inner + row % dims.inner];
            } else if (t < dims.taps) {
              value = K[row * dims.taps + t];
            }
          }
          setPoint(i, vec2f(value, 0.0));
        }
      `,
    },
    ...transformPasses<Sizes>(
      {
        points: pointsOf,
        count: (dims) => signalsOf(dims) + dims.inner,
        source: wgsl`
          fn firstRow() -> u32 { return 0; }
          fn rowCount() -> u32 { return (dims.batch + 1) * dims.inner; }
        `,
      },
      true,
    ),
    {
      binds: ["spectra"],
      workgroups: (dims) => groupsOf(signalsOf(dims) * pointsOf(dims)),
      moves: (dims) => ({ spectra: (4 * signalsOf(dims) + 2 * dims.inner) * pointsOf(dims) }),
      source: () => wgsl`
        ${forEach}
        ${spectra}
        ${paddedPoints}

        fn count() -> u32 { return dims.batch * dims.inner * points(); }

        fn each(i: u32) {
          let kernels = dims.inner * points();
          setPoint(kernels + i, times(pointAt(kernels + i), pointAt(i % kernels)) / f32(points()));
        }
      `,
    },
    ...transformPasses<Sizes>(
      {
        points: pointsOf,
        count: signalsOf,
        source: wgsl`
          fn firstRow() -> u32 { return dims.inner; }
          fn rowCount() -> u32 { return dims.batch * dims.inner; }
        `,
      },
      false,
    ),
    {
      binds: ["u", "D", "spectra", "y"],
      workgroups: ({ batch, time, inner }) => groupsOf(batch * time * inner),
      moves: (dims) => ({ spectra: signalsOf(dims) * dims.time }),
      source: () => wgsl`
        ${forEach}
        ${spectra}
        ${paddedPoints}

        fn count() -> u32 { return dims.batch * dims.time * dims.inner; }

        fn each(i: u32) {
          let e = i % dims.inner;
          let t = i / dims.inner % dims.time;
          let b = i / dims.inner / dims.time;
          var sum = pointAt(((b + 1) * dims.inner + e) * points() + t).x;
          if (hasD) { sum = fma(D[e], u[i], sum); }
          y[i] = sum;
        }
      `,
    },
  ],
});
