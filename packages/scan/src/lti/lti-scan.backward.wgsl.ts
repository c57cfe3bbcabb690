import { defineKernel, groupIndex, reduce, wgsl } from "@elapid/webgpu";
import { forEach, groupsOf } from "./each.wgsl.ts";
import { ltiScanBackward } from "./lti-scan.ts";
import { CHUNK, chunked, chunksOf, discretizePass, MODE } from "./lti-scan.wgsl.ts";
import { modes } from "./mode.wgsl.ts";

const LANES = 64;

/**
 * Seven passes over chunks of 16 steps, with `g` the gradient by a state:
 *
 * 1. one invocation a mode: discretises it;
 * 2. one a mode of a sequence and chunk: the state after the chunk from none, and `g` before it from none;
 * 3. one a mode of a sequence: carries states forward and `g` backward, from chunk to chunk;
 * 4. one a mode of a sequence and chunk: the states once more, kept in registers, then backward: the chunk's share of the
 *    gradients by factor, input and `C`;
 * 5. one a channel of a sequence and chunk: `du`, each mode's `g` run through the chunk again;
 * 6. one a mode: adds the shares, batch by batch and chunk by chunk, and gives the gradients by the mode;
 * 7. a workgroup a channel: the sums for `dt` and `D`.
 *
 * Deterministic. Work about 40 multiply-adds for each `batch · inner · state · time`; moves 32 bytes for each
 * `batch · inner · time`, where 12 are the least possible, and 7.5 for each of those and a mode.
 */
export const ltiScanBackwardKernel = defineKernel(ltiScanBackward, {
  scratch: {
    modes: ({ inner, state }) => MODE * inner * state,
    ends: ({ batch, time, inner, state }) => 4 * batch * chunksOf(time) * inner * state,
    shares: ({ batch, time, inner, state }) => 6 * Math.max(batch * chunksOf(time), 1) * inner * state,
  },
  passes: [
    discretizePass,
    {
      binds: ["u", "C", "dy", "modes", "ends"],
      workgroups: ({ batch, time, inner, state }) => groupsOf(batch * chunksOf(time) * inner * state),
      source: () => wgsl`
        ${forEach}
        ${modes("zoh")}
        ${chunked}

        fn count() -> u32 { return dims.batch * chunks() * dims.inner * dims.state; }

        fn each(i: u32) {
          let mode = i % (dims.inner * dims.state);
          let chunk = i / (dims.inner * dims.state) % chunks();
          let row = i / (dims.inner * dims.state) / chunks() * dims.time * dims.inner + mode / dims.state;
          let m = factorOf(mode);
          let input = inputOf(mode);
          var h = vec2f();
          for (var t = chunk * ${CHUNK}; t < endOf(chunk); t++) { h = grow(h, m) + input * u[row + t * dims.inner]; }
          ends[4 * i] = h.x;
          ends[4 * i + 1] = h.y;
          let back = vec2f(m.x, -m.y);
          let c = 2.0 * vec2f(C[2 * mode], -C[2 * mode + 1]);
          var g = vec2f();
          if (hasDy) {
            for (var t = endOf(chunk); t > chunk * ${CHUNK}; t--) { g = grow(g + c * dy[row + (t - 1) * dims.inner], back); }
          }
          ends[4 * i + 2] = g.x;
          ends[4 * i + 3] = g.y;
        }
      `,
    },
    {
      binds: ["modes", "initialState", "dfinalState", "ends", "dinitialState"],
      workgroups: ({ batch, inner, state }) => groupsOf(batch * inner * state),
      moves: ({ batch, time, inner, state }) => ({ ends: 8 * batch * chunksOf(time) * inner * state }),
      source: () => wgsl`
        ${forEach}
        ${modes("zoh")}
        ${chunked}

        fn count() -> u32 { return dims.batch * dims.inner * dims.state; }

        fn each(i: u32) {
          let mode = i % (dims.inner * dims.state);
          let first = i / (dims.inner * dims.state) * chunks();
          var h = vec2f();
          if (hasInitialState) { h = vec2f(initialState[2 * i], initialState[2 * i + 1]); }
          for (var chunk = 0u; chunk < chunks(); chunk++) {
            let at = 4 * ((first + chunk) * dims.inner * dims.state + mode);
            let gained = vec2f(ends[at], ends[at + 1]);
            ends[at] = h.x;
            ends[at + 1] = h.y;
            h = grow(h, factorOver(mode, chunk)) + gained;
          }
          var g = vec2f();
          if (hasDfinalState) { g = vec2f(dfinalState[2 * i], dfinalState[2 * i + 1]); }
          for (var chunk = chunks(); chunk > 0; chunk--) {
            let at = 4 * ((first + chunk - 1) * dims.inner * dims.state + mode) + 2;
            let gained = vec2f(ends[at], ends[at + 1]);
            ends[at] = g.x;
            ends[at + 1] = g.y;
            let whole = factorOver(mode, chunk - 1);
            g = grow(g, vec2f(whole.x, -whole.y)) + gained;
          }
          dinitialState[2 * i] = g.x;
          dinitialState[2 * i + 1] = g.y;
        }
      `,
    },
    {
      binds: ["u", "C", "dy", "modes", "ends", "shares"],
      workgroups: ({ batch, time, inner, state }) => groupsOf(batch * chunksOf(time) * inner * state),
      source: () => wgsl`
        ${forEach}
        ${modes("zoh")}
        ${chunked}

        fn count() -> u32 { return dims.batch * chunks() * dims.inner * dims.state; }

        fn each(i: u32) {
          let mode = i % (dims.inner * dims.state);
          let chunk = i / (dims.inner * dims.state) % chunks();
          let first = chunk * ${CHUNK};
          let steps = endOf(chunk) - first;
          let row = (i / (dims.inner * dims.state) / chunks() * dims.time + first) * dims.inner + mode / dims.state;
          let m = factorOf(mode);
          let input = inputOf(mode);
          var states = array<vec2f, ${CHUNK + 1}>(); // before each step, and after the last
          states[0] = vec2f(ends[4 * i], ends[4 * i + 1]);
          for (var t = 0u; t < steps; t++) { states[t + 1] = grow(states[t], m) + input * u[row + t * dims.inner]; }
          let back = vec2f(m.x, -m.y);
          let c = vec2f(C[2 * mode], -C[2 * mode + 1]);
          var g = vec2f(ends[4 * i + 2], ends[4 * i + 3]);
          var dfactor = vec2f();
          var dinput = vec2f();
          var dc = vec2f();
          for (var t = steps; t > 0; t--) {
            if (hasDy) {
              let upstream = 2.0 * dy[row + (t - 1) * dims.inner];
              g += c * upstream;
              dc += vec2f(states[t].x, -states[t].y) * upstream;
            }
            dinput += g * u[row + (t - 1) * dims.inner];
            dfactor += conjTimes(states[t - 1], g);
            g = grow(g, back);
          }
          for (var part = 0u; part < 2; part++) {
            shares[6 * i + part] = dfactor[part];
            shares[6 * i + 2 + part] = dinput[part];
            shares[6 * i + 4 + part] = dc[part];
          }
        }
      `,
    },
    {
      binds: ["C", "D", "dy", "modes", "ends", "du"],
      workgroups: ({ batch, time, inner }) => groupsOf(batch * chunksOf(time) * inner),
      moves: ({ batch, time, inner, state }) => ({ ends: 2 * batch * chunksOf(time) * inner * state }),
      source: () => wgsl`
        ${forEach}
        ${modes("zoh")}
        ${chunked}

        fn count() -> u32 { return dims.batch * chunks() * dims.inner; }

        fn each(i: u32) {
          let e = i % dims.inner;
          let chunk = i / dims.inner % chunks();
          let first = chunk * ${CHUNK};
          let steps = endOf(chunk) - first;
          let row = (i / dims.inner / chunks() * dims.time + first) * dims.inner + e;
          var upstream = array<f32, ${CHUNK}>();
          if (hasDy) {
            for (var t = 0u; t < steps; t++) { upstream[t] = dy[row + t * dims.inner]; }
          }
          var sums = array<f32, ${CHUNK}>();
          for (var n = 0u; n < dims.state; n++) {
            let mode = e * dims.state + n;
            let m = factorOf(mode);
            let back = vec2f(m.x, -m.y);
            let input = inputOf(mode);
            let c = 2.0 * vec2f(C[2 * mode], -C[2 * mode + 1]);
            let at = 4 * (i * dims.state + n) + 2;
            var g = vec2f(ends[at], ends[at + 1]);
            for (var t = steps; t > 0; t--) {
              g += c * upstream[t - 1];
              sums[t - 1] += dot(input, g);
              g = grow(g, back);
            }
          }
          var skip = 0.0;
          if (hasD) { skip = D[e]; }
          for (var t = 0u; t < steps; t++) {
            var sum = sums[t];
            if (hasD) { sum = fma(skip, upstream[t], sum); }
            du[row + t * dims.inner] = sum;
          }
        }
      `,
    },
    {
      binds: ["A", "B", "dt", "shares", "dA", "dB", "dC"],
      workgroups: ({ inner, state }) => groupsOf(inner * state),
      source: (_, { attributes: { rule } }) => wgsl`
        ${forEach}
        ${modes(rule)}

        fn count() -> u32 { return dims.inner * dims.state; }

        fn each(i: u32) {
          let rows = dims.batch * ((dims.time + ${CHUNK - 1}) / ${CHUNK});
          var sums = array<vec2f, 3>(); // by factor, input and C
          for (var row = 0u; row < rows; row++) {
            let at = 6 * (row * dims.inner * dims.state + i);
            for (var k = 0u; k < 3; k++) { sums[k] += vec2f(shares[at + 2 * k], shares[at + 2 * k + 1]); }
          }
          let a = vec2f(A[2 * i], A[2 * i + 1]);
          let b = vec2f(B[2 * i], B[2 * i + 1]);
          let step = dt[i / dims.state];
          let back = modeGradient(discretize(a, b, step), a, b, step, sums[0], sums[1]);
          for (var part = 0u; part < 2; part++) {
            dA[2 * i + part] = back.da[part];
            dB[2 * i + part] = back.db[part];
            dC[2 * i + part] = sums[2][part];
          }
          shares[6 * i] = back.ddt; // where its first share was
        }
      `,
    },
    {
      binds: ["u", "dy", "shares", "ddt", "dD"],
      workgroups: ({ inner }) => inner,
      moves: ({ inner, state }) => ({ shares: inner * state }),
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
          var step = 0.0;
          var skip = 0.0;
          if (e < dims.inner) {
            for (var n = lane; n < dims.state; n += ${LANES}) { step += shares[6 * (e * dims.state + n)]; }
            if (hasDy) {
              for (var row = lane; row < dims.batch * dims.time; row += ${LANES}) {
                skip = fma(u[row * dims.inner + e], dy[row * dims.inner + e], skip);
              }
            }
          }
          let steps = sumOf(step, lane);
          let skips = sumOf(skip, lane);
          if (lane == 0 && e < dims.inner) {
            ddt[e] = steps;
            dD[e] = skips;
          }
        }
      `,
    },
  ],
});
