import { defineKernel } from "@elapid/webgpu";
import {
  anglesBack,
  biasesBack,
  gatherEnd,
  inputBack,
  inputProjectionBack,
  startBack,
  stepsBack,
  turnsBack,
  vectorsBack,
} from "./finish-back.wgsl.ts";
import { backwardSharesSize, gradsSize, planSize, suits, workSize } from "./layout.wgsl.ts";
import { mamba3Backward } from "./mamba3.backward.ts";
import { normBack, outputBack, projectionsBack, skipBack } from "./output-back.wgsl.ts";
import { gatherOutput, gatherStart, planAngles, planSteps } from "./prepare.wgsl.ts";
import { scanBack } from "./scan-back.wgsl.ts";
import { carriesSize, scan } from "./scan.wgsl.ts";

/**
 * The gradient by recomputation: the forward kernel's passes, whose scan keeps the states before every 16 steps; the way from `y` back
 * to what heads read from their state; the scan backward, chunk by chunk; then gradients of everything that the scan was made of,
 * each in a pass that adds up its shares.
 *
 * Deterministic: every sum has an order that sizes alone decide. Work: `10 + 12 · rank` multiply-adds for each `batch · time · heads ·
 * headDim · state`. Scratch, in elements for each element of `x`: `state / 16` for states, `rank · state / 32 + 2 · rank` for shares and
 * gradients of outputs, `2 · rank · state / headDim` for gradients of `B` and `C`: at 128 states and 64 channels 18 with one rank, where a
 * state for each step would take 128. At these sizes 80 numbers are loaded and stored for each element of `x`, where 5, and `B`, `C` and
 * the angles, are the least possible. Suits the sizes of the forward kernel.
 */
export const mamba3BackwardKernel = defineKernel(mamba3Backward, {
  suits,
  scratch: { plan: planSize, work: workSize, carries: carriesSize, grads: gradsSize, shares: backwardSharesSize },
  passes: [
    planSteps,
    planAngles(false),
    gatherStart,
    gatherOutput,
    gatherEnd,
    scan(true),
    outputBack,
    projectionsBack,
    normBack,
    skipBack,
    scanBack,
    inputBack,
    inputProjectionBack,
    stepsBack,
    anglesBack,
    turnsBack,
    vectorsBack,
    biasesBack,
    startBack,
  ],
});
