/**
 * The same checks for every runtime, on the built packages: each op on each backend against its reference, a golden
 * checkpoint's greedy tokens, the embedded model, the tokenizers. Knows no runtime: files come through `read`.
 */
import { load } from "elapid";
import { openModelFiles } from "@elapid/loaders";
import { generateTokens, loadModel, resolveOptions } from "@elapid/models";
import { kernels as opsWasm } from "@elapid/ops/wasm";
import { kernels as opsWebGpu } from "@elapid/ops/webgpu";
import { runArrays as runScanArrays, selectiveScan } from "@elapid/scan";
import { kernels as scanWasm } from "@elapid/scan/wasm";
import { kernels as scanWebGpu } from "@elapid/scan/webgpu";
import { Device, HostBackend, UnsupportedError } from "@elapid/tensor";
import {
  checkTokenizer,
  difference,
  gradientArrays,
  PoisoningBackend,
  runArrays,
  sampleCalls,
  webGpuCalls,
} from "@elapid/testing/portable";
import { openWasm } from "@elapid/wasm";
import { openWebGpu } from "@elapid/webgpu";

/**
 * @typedef {object} Environment
 * @property {(path: string) => Promise<Uint8Array>} read a file of the repository
 * @property {number} threads that WASM must be able to use here
 */

/** @typedef {{ passed: number, failed: string[], skipped: string[], devices: string[] }} Result */

const wasmKernels = [...opsWasm, ...scanWasm];
const webGpuKernels = [...opsWebGpu, ...scanWebGpu];
const checkpoints = {
  "mamba-untied": ["config.json", "model.safetensors"],
  "ss-mamba1-mlp": ["config.json", "pytorch_model.bin"],
};
const tokenizers = ["bpe-split", "bytelevel", "llama", "unigram", "wordpiece"];

/**
 * Runs everything and says what came of it; nothing throws.
 *
 * @param {Environment} environment
 * @returns {Promise<Result>}
 */
export async function runSuite({ read, threads }) {
  const { result, test } = start();
  const json = jsonOf(read);

  const opening = {
    [`wasm, ${threads} threads`]: () => openWasm({ kernels: wasmKernels, threads }),
    "wasm, SIMD128, 1 thread": () =>
      openWasm({ kernels: wasmKernels, simd: "simd128", threads: 1, sharedMemory: false }),
    webgpu: () => openWebGpu({ kernels: webGpuKernels, allowSoftware: true }),
  };
  for (const [name, open] of Object.entries(opening)) {
    await onDevice({ result, test, name, open }, async (device, host) => {
      for (const call of sampleCalls())
        await test(`${call.op.name} on ${name}`, () => compareWithReference(device, host, call));
      await compareCheckpoints({ test, name, read }, device);
    });
  }

  await test("scans of arrays", async () => {
    const filled = (value, ...shape) => ({ data: new Float32Array(shape.reduce((a, b) => a * b)).fill(value), shape });
    const sequence = { u: filled(1, 1, 3, 2), delta: filled(1, 1, 3, 2), B: filled(1, 1, 3, 1), C: filled(1, 1, 3, 1) };
    const { y } = await runScanArrays(selectiveScan, { ...sequence, A: filled(-Math.LN2, 2, 1) });
    equal(
      `${y.shape}: ${[...y.data].map((value) => value.toFixed(5))}`,
      "1,3,2: 1.00000,1.00000,1.50000,1.50000,1.75000,1.75000",
    );
  });

  await test("the embedded model", async () => {
    const { greedy } = await json("golden/stories/expected.json");
    const lm = await load("@elapid/stories", { device: "wasm", threads });
    let text = greedy.prompt;
    for await (const piece of lm.generate(greedy.prompt, { maxTokens: 60, temperature: 0 })) text += piece;
    lm.dispose();
    equal(text, greedy.text.slice(0, text.length));
    if (text.length < 200) throw new Error(`only ${text.length} characters were written`);
  });

  for (const name of tokenizers) {
    const folder = `golden/tokenizers/${name}`;
    const { passed, failed } = await checkTokenizer({
      name,
      tokenizer: await json(`${folder}/tokenizer.json`),
      config: await json(`${folder}/tokenizer_config.json`),
      expected: await json(`${folder}/expected.json`),
    });
    result.passed += passed.length;
    result.failed.push(...failed.map(({ id, what }) => `${id}: ${what}`));
  }
  return result;
}

/**
 * WebGPU alone, on an engine and a driver that nothing else is tested on: every op and its gradient, and the checkpoints.
 *
 * @param {Environment} environment
 * @returns {Promise<Result>}
 */
export async function runWebGpuSuite({ read }) {
  const { result, test } = start();
  const name = "webgpu";
  const open = () => openWebGpu({ kernels: webGpuKernels, allowSoftware: true });
  await onDevice({ result, test, name, open }, async (device, host) => {
    for (const call of [...sampleCalls(), ...webGpuCalls()]) {
      await test(`${call.op.name} on ${name}`, () => compareWithReference(device, host, call));
      await test(`gradient of ${call.op.name} on ${name}`, () => compareGradients(device, host, call));
    }
    await compareCheckpoints({ test, name, read }, device);
  });
  return result;
}

/** A result that is empty yet, and what adds a check to it. */
function start() {
  /** @type {Result} */
  const result = { passed: 0, failed: [], skipped: [], devices: [] };
  /** @param {string} name @param {() => unknown} check */
  const test = async (name, check) => {
    try {
      await check();
      result.passed++;
    } catch (error) {
      result.failed.push(`${name}: ${error?.stack ?? error}`);
    }
  };
  return { result, test };
}

const jsonOf = (read) => async (path) => JSON.parse(new TextDecoder().decode(await read(path)));

/** Opens a device, gives it and the host to `use`, and sees that all memory comes back. */
async function onDevice({ result, test, name, open }, use) {
  const backend = await open().catch((error) => error);
  if (backend instanceof Error) {
    const list = backend instanceof UnsupportedError ? result.skipped : result.failed;
    list.push(`${name}: ${backend.message}`);
    return;
  }
  const device = new Device(new PoisoningBackend(backend), { strict: true });
  result.devices.push(device.description);
  await use(device, new Device(new HostBackend()));
  await test(`memory on ${name}`, () => equal(device.liveBytes, 0));
  device.dispose();
}

async function compareCheckpoints({ test, name, read }, device) {
  for (const [checkpoint, files] of Object.entries(checkpoints)) {
    await test(`${checkpoint} on ${name}`, () =>
      compareGreedy(device, `golden/checkpoints/${checkpoint}`, files, read, jsonOf(read)));
  }
}

async function compareWithReference(device, host, { op, sizes, inputs, attributes }) {
  const expected = await runArrays(host, op, sizes, inputs, attributes);
  const actual = await runArrays(device, op, sizes, inputs, attributes);
  compareAll(actual, expected);
}

async function compareGradients(device, host, call) {
  compareAll(await gradientArrays(device, call), await gradientArrays(host, call));
}

function compareAll(actual, expected) {
  for (const name in expected) {
    const { error, tolerance } = difference(actual[name], expected[name], { relative: 1e-5 });
    if (!(error <= tolerance)) throw new Error(`${name} is off by ${error}, allowed is ${tolerance}`);
  }
}

async function compareGreedy(device, folder, names, read, json) {
  const files = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await read(`${folder}/${name}`)])),
  );
  const { greedy } = await json(`${folder}/expected.json`);
  const lm = await loadModel(await openModelFiles({ files }), device);
  const options = resolveOptions({ temperature: 0, maxTokens: greedy.new_tokens.length });
  const ids = [];
  for await (const { id } of generateTokens(lm.model, device, [greedy.prompt], options, () => false)) ids.push(id);
  lm.dispose();
  equal(`${ids}`, `${greedy.new_tokens}`);
}

function equal(actual, expected) {
  if (actual !== expected) throw new Error(`${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
}
