import { defineKernel, wgsl, type Wgsl } from "@elapid/webgpu";
import { forEach, groupsOf } from "./each.wgsl.ts";
import { ltiScan } from "./lti-scan.ts";
import { modes } from "./mode.wgsl.ts";

/** Steps of a chunk. */
export const CHUNK = 16;

export const chunksOf = (time: number) => Math.ceil(time / CHUNK);

/** Numbers of a discretised mode in scratch: factor, input, and what `CHUNK` steps make of a state. */
export const MODE = 6;

/**
 * Discretised modes in the scratch tensor `modes`: `factorOf(mode)` and `wholeOf(mode)`, factors less 1 of a step and of
 * a chunk, and `inputOf(mode)`; and the places in time. For passes that include `modes`.
 */
export const chunked: Wgsl = wgsl`
fn pairAt(at: u32) -> vec2f { return vec2f(modes[at], modes[at + 1]); }
fn factorOf(mode: u32) -> vec2f { return pairAt(mode * ${MODE}); }
fn inputOf(mode: u32) -> vec2f { return pairAt(mode * ${MODE} + 2); }
fn wholeOf(mode: u32) -> vec2f { return pairAt(mode * ${MODE} + 4); }
fn chunks() -> u32 { return (dims.time + ${CHUNK - 1}) / ${CHUNK}; }
fn endOf(chunk: u32) -> u32 { return min((chunk + 1) * ${CHUNK}, dims.time); }

/** Factor of the steps of a chunk, less 1; the last may be short. */
fn factorOver(mode: u32, chunk: u32) -> vec2f {
  let steps = endOf(chunk) - chunk * ${CHUNK};
  if (steps == ${CHUNK}) { return wholeOf(mode); }
  var power = vec2f();
  for (var t = 0u; t < steps; t++) { power = compound(power, factorOf(mode)); }
  return power;
}`;

/** The pass that leaves the discretised modes: one invocation a mode. */
export const discretizePass = {
  binds: ["A", "B", "dt", "modes"],
  workgroups: ({ inner, state }: { readonly inner: number; readonly state: number }) => groupsOf(inner * state),
  source: (_: object, { attributes: { rule } }: { readonly attributes: { readonly rule: string } }) => wgsl`
    ${forEach}
    ${modes(rule)}

    fn count() -> u32 { return dims.inner * dims.state; }

    fn each(i: u32) {
      let mode = discretize(vec2f(A[2 * i], A[2 * i + 1]), vec2f(B[2 * i], B[2 * i + 1]), dt[i / dims.state]);
      var whole = mode.m;
      for (var steps = 1u; steps < ${CHUNK}; steps *= 2) { whole = compound(whole, whole); }
      for (var part = 0u; part < 2; part++) {
        modes[i * ${MODE} + part] = mode.m[part];
        modes[i * ${MODE} + 2 + part] = mode.input[part];
        modes[i * ${MODE} + 4 + part] = whole[part];
      }
    }
  `,
};

/**
 * Four passes over chunks of 16 steps:
 *
 * 1. one invocation a mode: discretises it;
 * 2. one invocation a mode of a sequence and chunk: the state that the chunk ends with if it begins with none;
 * 3. one invocation a mode of a sequence: carries the state from chunk to chunk;
 * 4. one invocation a channel of a sequence and chunk: runs each mode through the chunk again, the sums in registers.
 *
 * Nothing is shared; deterministic. Work 13 multiply-adds for each `batch · inner · state · time`; moves `12 + 2 state`
 * bytes for each `batch · inner · time`: `u` twice, `y`, and four times what is kept of states; the least possible is 8.
 */
export const ltiScanKernel = defineKernel(ltiScan, {
  scratch: {
    modes: ({ inner, state }) => MODE * inner * state,
    states: ({ batch, time, inner, state }) => 2 * batch * chunksOf(time) * inner * state,
  },
  passes: [
    discretizePass,
    {
      binds: ["u", "modes", "states"],
      workgroups: ({ batch, time, inner, state }) => groupsOf(batch * chunksOf(time) * inner * state),
      source: () => wgsl`
        ${forEach}
        ${modes("zoh")}
        ${chunked}

        fn count() -> u32 { return dims.batch * chunks() * dims.inner * dims.state; }

        fn each(i: u32) {
          let mode = i % (dims.inner * dims.state);
          let e = mode / dims.state;
          let chunk = i / (dims.inner * dims.state) % chunks();
          let b = i / (dims.inner * dims.state) / chunks();
          let m = factorOf(mode);
          let input = inputOf(mode);
          var h = vec2f();
          for (var t = chunk * ${CHUNK}; t < endOf(chunk); t++) {
            h = grow(h, m) + input * u[(b * dims.time + t) * dims.inner + e];
          }
          states[2 * i] = h.x;
          states[2 * i + 1] = h.y;
        }
      `,
    },
    {
      binds: ["modes", "initialState", "states", "finalState"],
      workgroups: ({ batch, inner, state }) => groupsOf(batch * inner * state),
      moves: ({ batch, time, inner, state }) => ({ states: 4 * batch * chunksOf(time) * inner * state }),
      source: () => wgsl`
        ${forEach}
        ${modes("zoh")}
        ${chunked}

        fn count() -> u32 { return dims.batch * dims.inner * dims.state; }

        fn each(i: u32) {
          let b = i / (dims.inner * dims.state);
          let mode = i % (dims.inner * dims.state);
          var h = vec2f();
          if (hasInitialState) { h = vec2f(initialState[2 * i], initialState[2 * i + 1]); }
          for (var chunk = 0u; chunk < chunks(); chunk++) {
            let at = 2 * ((b * chunks() + chunk) * dims.inner * dims.state + mode);
            let gained = vec2f(states[at], states[at + 1]);
            states[at] = h.x;
            states[at + 1] = h.y;
            h = grow(h, factorOver(mode, chunk)) + gained;
          }
          finalState[2 * i] = h.x;
          finalState[2 * i + 1] = h.y;
        }
      `,
    },
    {
      binds: ["u", "C", "D", "modes", "states", "y"],
      workgroups: ({ batch, time, inner }) => groupsOf(batch * chunksOf(time) * inner),
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
          var inputs = array<f32, ${CHUNK}>();
          var sums = array<f32, ${CHUNK}>();
          for (var t = 0u; t < steps; t++) { inputs[t] = u[row + t * dims.inner]; }
          for (var n = 0u; n < dims.state; n++) {
            let mode = e * dims.state + n;
            let m = factorOf(mode);
            let input = inputOf(mode);
            let c = 2.0 * vec2f(C[2 * mode], C[2 * mode + 1]);
            let at = 2 * (i * dims.state + n);
            var h = vec2f(states[at], states[at + 1]);
            for (var t = 0u; t < steps; t++) {
              h = grow(h, m) + input * inputs[t];
              sums[t] += c.x * h.x - c.y * h.y;
            }
          }
          var skip = 0.0;
          if (hasD) { skip = D[e]; }
          for (var t = 0u; t < steps; t++) {
            var sum = sums[t];
            if (hasD) { sum = fma(skip, inputs[t], sum); }
            y[row + t * dims.inner] = sum;
          }
        }
      `,
    },
  ],
});
