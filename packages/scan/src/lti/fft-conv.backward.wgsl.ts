import { defineKernel, groupIndex, reduce, wgsl } from "@elapid/webgpu";
import { forEach, groupsOf } from "./each.wgsl.ts";
import { fftConvBackward } from "./fft-conv.ts";
import { paddedLength } from "./fft.ts";
import { paddedPoints, spectra, transformPasses } from "./fft.wgsl.ts";

const LANES = 64;

interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly inner: number;
  readonly taps: number;
}

const pointsOf = ({ time, taps }: Sizes) => paddedLength(time, taps);
const signalsOf = ({ batch, inner }: Sizes) => batch * inner;
const rowsOf = (dims: Sizes) => 2 * signalsOf(dims) + dims.inner;

/**
 * As the kernel forward. The rows of `spectra` are the inputs "batch inner", the kernels, then the upstream gradients; of
 * each channel one pass turns the latter two into the spectra of `dK`, summed over the batch in order, and of `du`, and
 * only these are transformed back. Deterministic.
 *
 * With P points, work is `3 batch + 2` transforms of `5 P log2 P` a channel. An element of `u` moves 12 bytes, the least
 * possible, and each of its at most 4 points 40 bytes in every pass: 5 up to 1024 points, 2 more for each factor of 16.
 */
export const fftConvBackwardKernel = defineKernel(fftConvBackward, {
  scratch: { spectra: (dims) => 2 * rowsOf(dims) * pointsOf(dims) },
  passes: [
    {
      binds: ["u", "K", "dy", "spectra"],
      workgroups: (dims) => groupsOf(rowsOf(dims) * pointsOf(dims)),
      source: () => wgsl`
        ${forEach}
        ${spectra}
        ${paddedPoints}

        fn count() -> u32 { return (2 * dims.batch + 1) * dims.inner * points(); }

        fn each(i: u32) {
          let b = i / points() / dims.inner;
          let e = i / points() % dims.inner;
          let t = i % points();
          var value = 0.0;
          if (t < dims.time) {
            if (b < dims.batch) {
              value = u[(b * dims.time + t) * dims.inner + e];
            } else if (b > dims.batch) {
              value = dy[((b - dims.batch - 1) * dims.time + t) * dims.inner + e];
            } else if (t < dims.taps) {
              value = K[e * dims.taps + t];
            }
          }
          setPoint(i, vec2f(value, 0.0));
        }
      `,
    },
    ...transformPasses<Sizes>(
      {
        points: pointsOf,
        count: rowsOf,
        source: wgsl`
          fn firstRow() -> u32 { return 0; }
          fn rowCount() -> u32 { return (2 * dims.batch + 1) * dims.inner; }
        `,
      },
      true,
    ),
    {
      binds: ["spectra"],
      workgroups: (dims) => groupsOf(dims.inner * pointsOf(dims)),
      // inputs are loaded, kernels and upstream gradients changed in place
      moves: (dims) => ({ spectra: (6 * signalsOf(dims) + 4 * dims.inner) * pointsOf(dims) }),
      source: () => wgsl`
        ${forEach}
        ${spectra}
        ${paddedPoints}

        fn count() -> u32 { return dims.inner * points(); }

        fn each(i: u32) {
          let kernels = dims.batch * count();
          let kernel = pointAt(kernels + i);
          var sum = vec2f();
          for (var b = 0u; b < dims.batch; b++) {
            let at = kernels + (b + 1) * count() + i;
            let upstream = pointAt(at) / f32(points());
            sum += conjTimes(pointAt(b * count() + i), upstream);
            setPoint(at, conjTimes(kernel, upstream));
          }
          setPoint(kernels + i, sum);
        }
      `,
    },
    ...transformPasses<Sizes>(
      {
        points: pointsOf,
        count: (dims) => signalsOf(dims) + dims.inner,
        source: wgsl`
          fn firstRow() -> u32 { return dims.batch * dims.inner; }
          fn rowCount() -> u32 { return (dims.batch + 1) * dims.inner; }
        `,
      },
      false,
    ),
    {
      binds: ["dy", "D", "spectra", "du"],
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
          let row = (dims.batch + 1 + i / dims.inner / dims.time) * dims.inner + e;
          var sum = pointAt(row * points() + t).x;
          if (hasD) { sum = fma(D[e], dy[i], sum); }
          du[i] = sum;
        }
      `,
    },
    {
      binds: ["spectra", "dK"],
      workgroups: ({ inner, taps }) => groupsOf(inner * taps),
      moves: ({ time, inner, taps }) => ({ spectra: inner * Math.min(time, taps) }),
      source: () => wgsl`
        ${forEach}
        ${spectra}
        ${paddedPoints}

        fn count() -> u32 { return dims.inner * dims.taps; }

        fn each(i: u32) {
          let s = i % dims.taps;
          var sum = 0.0; // a tap beyond the last step meets no input
          if (s < dims.time) { sum = pointAt((dims.batch * dims.inner + i / dims.taps) * points() + s).x; }
          dK[i] = sum;
        }
      `,
    },
    {
      binds: ["u", "dy", "dD"],
      workgroups: ({ inner }) => inner,
      source: () => wgsl`
        ${groupIndex}
        ${reduce(LANES)}

        @compute @workgroup_size(${LANES})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let e = groupIndex(group, groups);
          var share = 0.0;
          if (e < dims.inner) {
            for (var row = lane; row < dims.batch * dims.time; row += ${LANES}) {
              share = fma(u[row * dims.inner + e], dy[row * dims.inner + e], share);
            }
          }
          let sum = sumOf(share, lane);
          if (lane == 0 && e < dims.inner) { dD[e] = sum; }
        }
      `,
    },
  ],
});
