import { join } from "node:path";
import { matmul } from "@elapid/ops";
import { randomSource } from "@elapid/tensor";
import { openDevice } from "elapid";
import { installPeers } from "./engines.ts";
import { printRows, rateRow } from "./report.ts";
import type { BenchmarkOptions } from "./run.ts";
import { interleave } from "./stats.ts";

const [ROWS, INNER, OUT] = [510, 768, 1536];
const ROUNDS = 11;
const GFLOP = (2 * ROWS * INNER * OUT) / 1e9;

export const summary = "a product of 510 x 768 by 768 x 1536 in float32 beside jax-js and TensorFlow.js on WebAssembly";

/** Measures the three in one process, in turns, once for each number of threads that elapid takes; their own is theirs to choose. */
export async function run({ json, rounds = ROUNDS }: BenchmarkOptions): Promise<void> {
  installPeers();
  const random = randomSource(1);
  const x = Float32Array.from({ length: ROWS * INNER }, () => random.next() - 0.5);
  const weight = Float32Array.from({ length: OUT * INNER }, () => random.next() - 0.5);
  const peers = [await openJax(x, weight), await openTfjs(x, weight)];
  const rows = [];
  for (const threads of [2, 1]) {
    const ours = await openOurs(x, weight, threads);
    for (const { name, product } of peers) checkSame(name, await product(), await ours.product());
    const [elapid, ...others] = await interleave(
      rounds,
      [ours.product, ...peers.map((peer) => peer.product)].map(ignoring),
    );
    for (const [i, { name }] of peers.entries()) {
      const work = `matmul ${ROWS} x ${INNER} x ${OUT}`;
      rows.push(rateRow({ work, dtype: "f32", threads, peerName: name, unit: "GFLOP/s" }, GFLOP, elapid, others[i]));
    }
    ours.close();
  }
  printRows(rows, json);
}

type Product = () => Promise<Float32Array>;

function ignoring(product: Product): () => Promise<void> {
  return async () => void (await product());
}

function checkSame(name: string, theirs: Float32Array, ours: Float32Array): void {
  const worst = ours.reduce((far, value, i) => Math.max(far, Math.abs(value - theirs[i])), 0);
  if (!(worst < 1e-3)) throw new Error(`Cannot compare with ${name}: products differ by ${worst}`);
}

async function openOurs(x: Float32Array, weight: Float32Array, threads: number) {
  const device = await openDevice("wasm", { threads });
  const [a, b] = [device.tensor(x, [ROWS, INNER]), device.tensor(weight, [OUT, INNER])];
  const product: Product = async () => {
    using y = matmul(a, b);
    return (await y.data()) as Float32Array;
  };
  return { product, close: () => device.dispose() };
}

const modules = join(import.meta.dirname, "node_modules");

async function openJax(x: Float32Array, weight: Float32Array): Promise<{ name: string; product: Product }> {
  const jax = (await import(join(modules, "@jax-js/jax/dist/index.js"))) as JaxModule;
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  const a = jax.numpy.array(x, { shape: [ROWS, INNER] });
  const b = jax.numpy.array(transposed(weight), { shape: [INNER, OUT] });
  const product = jax.jit((left: JaxArray, right: JaxArray) => jax.numpy.matmul(left, right));
  return { name: "jax-js wasm", product: async () => (await product(a.ref, b.ref).data()) as Float32Array };
}

async function openTfjs(x: Float32Array, weight: Float32Array): Promise<{ name: string; product: Product }> {
  const tf = (await import(join(modules, "@tensorflow/tfjs-core/dist/tf-core.node.js"))) as { default: TfModule };
  const core = tf.default;
  const wasm = (await import(join(modules, "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.node.js"))) as {
    default: TfWasmModule;
  };
  wasm.default.setWasmPaths(`${join(modules, "@tensorflow/tfjs-backend-wasm/wasm-out")}/`);
  await core.setBackend("wasm");
  await core.ready();
  const [a, b] = [core.tensor2d(x, [ROWS, INNER]), core.tensor2d(weight, [OUT, INNER])];
  const product: Product = async () => {
    const y = core.matMul(a, b, false, true);
    const values = (await y.data()) as Float32Array;
    y.dispose();
    return values;
  };
  return { name: `tfjs-${core.getBackend()}`, product };
}

/** jax-js multiplies fastest by weights that lie the other way. */
function transposed(weight: Float32Array): Float32Array {
  return Float32Array.from({ length: weight.length }, (_, i) => weight[(i % OUT) * INNER + Math.floor(i / OUT)]);
}

/** As much of the peers' types as is used; their packages are not there until a command has fetched them. */
interface JaxArray {
  readonly ref: JaxArray;
  data(): Promise<unknown>;
}
interface JaxModule {
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): unknown;
  jit(product: (left: JaxArray, right: JaxArray) => JaxArray): (left: JaxArray, right: JaxArray) => JaxArray;
  readonly numpy: {
    array(values: Float32Array, options: { shape: readonly number[] }): JaxArray;
    matmul(left: JaxArray, right: JaxArray): JaxArray;
  };
}
interface TfTensor {
  data(): Promise<unknown>;
  dispose(): void;
}
interface TfModule {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  getBackend(): string;
  tensor2d(values: Float32Array, shape: readonly number[]): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA: boolean, transposeB: boolean): TfTensor;
}
interface TfWasmModule {
  setWasmPaths(prefix: string): void;
}
