import { defineKernel, wgsl, type Wgsl } from "@elapid/webgpu";
import { forEach, groupsOf } from "./each.wgsl.ts";
import { diagonalMode, s4dMode } from "./given-mode.wgsl.ts";
import { modes } from "./mode.wgsl.ts";
import { BLOCK, blocksOf, powers, powersOf, type KernelSizes } from "./powers.wgsl.ts";
import { s4dKernel } from "./s4d-kernel.ts";
import { ssmKernelDiag } from "./ssm-kernel-diag.ts";

/**
 * Two passes:
 *
 * 1. one invocation a mode: discretises it and leaves its weight and some powers of its factor;
 * 2. one invocation a channel and block of 32 steps: of each mode it makes the power that the block begins with, a product
 *    of at most `log2(time / 32)`, then steps on, the sums in registers.
 *
 * Nothing is shared; deterministic. Work `5 + log2(time / 32) / 8` multiply-adds for each `inner · state · time`; moves 4
 * bytes for each `inner · time`, the least possible, and the modes from cache.
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
        let mode = discretize(given.a, given.b, given.dt);
        putPowers(i, mode.m, 2.0 * times(given.c, mode.input));
      }
    `,
  },
  {
    binds: ["powers", "K"],
    workgroups: ({ inner, time }: KernelSizes) => groupsOf(inner * blocksOf(time)),
    source: () => wgsl`
      ${forEach}
      ${modes("zoh")}
      ${powers}

      fn count() -> u32 { return dims.inner * blocks(); }

      fn each(i: u32) {
        let channel = i / blocks();
        let block = i % blocks();
        var sums = array<f32, ${BLOCK}>();
        for (var n = 0u; n < dims.state; n++) {
          let mode = channel * dims.state + n;
          let m = factorOf(mode);
          var term = grow(weightOf(mode), powerOf(mode, block));
          for (var l = 0u; l < ${BLOCK}; l++) {
            sums[l] += term.x;
            term = grow(term, m);
          }
        }
        let first = block * ${BLOCK};
        for (var l = 0u; l < min(${BLOCK}, dims.time - first); l++) { K[channel * dims.time + first + l] = sums[l]; }
      }
    `,
  },
];

const scratch = { powers: ({ inner, state, time }: KernelSizes) => inner * state * powersOf(time) };

export const ssmKernelDiagKernel = defineKernel(ssmKernelDiag, {
  scratch,
  passes: passes(["A", "B", "C", "dt"], diagonalMode, ({ rule }) => String(rule)),
});

export const s4dKernelKernel = defineKernel(s4dKernel, {
  scratch,
  passes: passes(["logDt", "C", "logAReal", "AImag"], s4dMode, () => "zoh"),
});
