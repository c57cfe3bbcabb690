import { defineKernel, wgsl, type Wgsl } from "@elapid/webgpu";
import { forEach, groupsOf } from "./each.wgsl.ts";
import { diagonalMode, s4dMode } from "./given-mode.wgsl.ts";
import { exact, modes } from "./mode.wgsl.ts";
import { BLOCK, blocks, blocksOf, powers, powersOf, type KernelSizes } from "./powers.wgsl.ts";
import { s4dKernelBackward } from "./s4d-kernel.ts";
import { ssmKernelDiagBackward } from "./ssm-kernel-diag.ts";

/**
 * Four passes. With the polynomial `p(f) = sum over l of dK[l] f^l` at the factor of a mode:
 *
 * 1. one invocation a mode: discretises it and leaves powers of its factor;
 * 2. one invocation a mode and block of 32 steps: the block's share of `p` and of its slope, by Horner's scheme;
 * 3. one invocation a mode: adds the shares in order, and gives the gradients by the mode and its share of that by `dt`;
 * 4. one invocation a channel: adds the modes' shares.
 *
 * Nothing is shared; deterministic. Work `9 + log2(time / 32) / 4` multiply-adds for each `inner · state · time`; moves
 * 4 bytes for each of those from cache, where `dK` is read by every mode, and 32 bytes a mode and block for the shares.
 */
const passes = (binds: readonly string[], modeOf: Wgsl, ruleOf: (attributes: { rule?: unknown }) => string) => [
  {
    binds: [...binds, "powers"],
    workgroups: ({ inner, state }: KernelSizes) => groupsOf(inner * state),
    source: (_: KernelSizes, { attributes }: { readonly attributes: object }) => wgsl`
      ${forEach}
      ${modes(ruleOf(attributes))}
      ${powers}
      ${modeOf}

      fn count() -> u32 { return dims.inner * dims.state; }

      fn each(i: u32) {
        let given = modeOf(i);
        putPowers(i, discretize(given.a, given.b, given.dt).m, vec2f());
      }
    `,
  },
  {
    binds: ["powers", "dK", "shares"],
    workgroups: ({ inner, state, time }: KernelSizes) => groupsOf(inner * state * blocksOf(time)),
    source: () => wgsl`
      ${forEach}
      ${modes("zoh")}
      ${powers}

      fn count() -> u32 { return dims.inner * dims.state * blocks(); }

      fn each(i: u32) {
        let mode = i / blocks();
        let block = i % blocks();
        let m = factorOf(mode);
        let first = block * ${BLOCK};
        let row = mode / dims.state * dims.time;
        var value = vec2f();
        var slope = vec2f();
        for (var l = min(first + ${BLOCK}, dims.time); l > first; l--) {
          slope = grow(slope, m) + value;
          value = grow(value, m) + vec2f(dK[row + l - 1], 0.0);
        }
        // the block's polynomial is times f^first: so are its value and slope, and the slope of f^first is first f^(first - 1)
        if (block > 0) {
          var before = vec2f();
          for (var l = 1u; l < ${BLOCK}; l++) { before = compound(before, m); }
          before = compound(before, powerOf(mode, block - 1));
          slope = grow(f32(first) * value + grow(slope, m), before);
          value = grow(value, compound(before, m));
        }
        shares[4 * i] = value.x;
        shares[4 * i + 1] = value.y;
        shares[4 * i + 2] = slope.x;
        shares[4 * i + 3] = slope.y;
      }
    `,
  },
];

const sum = (rule: string) => wgsl`
  ${forEach}
  ${modes(rule)}
  ${blocks}

  struct KernelGradient { mode: ModeGradient, dc: vec2f }

  /** Of mode i; what it gives to dt is left where its first share was. */
  fn gradientOf(i: u32, a: vec2f, b: vec2f, c: vec2f, dt: f32) -> KernelGradient {
    var value = vec2f();
    var slope = vec2f();
    for (var share = i * blocks(); share < (i + 1) * blocks(); share++) {
      value += vec2f(shares[4 * share], shares[4 * share + 1]);
      slope += vec2f(shares[4 * share + 2], shares[4 * share + 3]);
    }
    let mode = discretize(a, b, dt);
    let dweight = 2.0 * vec2f(value.x, -value.y);
    let product = times(times(c, mode.input), slope);
    let back = modeGradient(mode, a, b, dt, 2.0 * vec2f(product.x, -product.y), conjTimes(c, dweight));
    if (blocks() > 0) { shares[4 * i * blocks()] = back.ddt; }
    return KernelGradient(back, conjTimes(mode.input, dweight));
  }

  fn count() -> u32 { return dims.inner * dims.state; }
`;

/** What the modes of a channel give to `dt`. */
const stepSum = wgsl`
  ${forEach}
  ${blocks}

  fn stepSum(channel: u32) -> f32 {
    var sum = 0.0;
    if (blocks() > 0) {
      for (var n = 0u; n < dims.state; n++) { sum += shares[4 * (channel * dims.state + n) * blocks()]; }
    }
    return sum;
  }

  fn count() -> u32 { return dims.inner; }
`;

const scratch = {
  powers: ({ inner, state, time }: KernelSizes) => inner * state * powersOf(time),
  shares: ({ inner, state, time }: KernelSizes) => 4 * inner * state * Math.max(blocksOf(time), 1),
};
const modesOf = ({ inner, state }: KernelSizes) => groupsOf(inner * state);

export const ssmKernelDiagBackwardKernel = defineKernel(ssmKernelDiagBackward, {
  scratch,
  passes: [
    ...passes(["A", "B", "C", "dt"], diagonalMode, ({ rule }) => String(rule)),
    {
      binds: ["A", "B", "C", "dt", "shares", "dA", "dB", "dC"],
      workgroups: modesOf,
      source: (_, { attributes: { rule } }) => wgsl`
        ${sum(rule)}
        ${diagonalMode}
        fn each(i: u32) {
          let given = modeOf(i);
          let back = gradientOf(i, given.a, given.b, given.c, given.dt);
          for (var part = 0u; part < 2; part++) {
            dA[2 * i + part] = back.mode.da[part];
            dB[2 * i + part] = back.mode.db[part];
            dC[2 * i + part] = back.dc[part];
          }
        }
      `,
    },
    {
      binds: ["shares", "ddt"],
      workgroups: ({ inner }) => groupsOf(inner),
      moves: ({ inner, state }) => ({ shares: inner * state }),
      source: () => wgsl`
        ${stepSum}
        fn each(i: u32) { ddt[i] = stepSum(i); }
      `,
    },
  ],
});

export const s4dKernelBackwardKernel = defineKernel(s4dKernelBackward, {
  scratch,
  passes: [
    ...passes(["logDt", "C", "logAReal", "AImag"], s4dMode, () => "zoh"),
    {
      binds: ["logDt", "C", "logAReal", "AImag", "shares", "dC", "dlogAReal", "dAImag"],
      workgroups: modesOf,
      source: () => wgsl`
        ${sum("zoh")}
        ${s4dMode}
        fn each(i: u32) {
          let given = modeOf(i);
          let back = gradientOf(i, given.a, given.b, given.c, given.dt);
          dC[2 * i] = back.dc.x;
          dC[2 * i + 1] = back.dc.y;
          dlogAReal[i] = back.mode.da.x * given.a.x;
          dAImag[i] = back.mode.da.y;
        }
      `,
    },
    {
      binds: ["logDt", "shares", "dlogDt"],
      workgroups: ({ inner }) => groupsOf(inner),
      moves: ({ inner, state }) => ({ shares: inner * state }),
      source: () => wgsl`
        ${stepSum}
        ${exact}
        fn each(i: u32) { dlogDt[i] = stepSum(i) * exact(logDt[i]); }
      `,
    },
  ],
});
