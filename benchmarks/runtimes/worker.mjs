/**
 * One round in whatever runtime starts it, on the built packages: `worker.mjs FOLDER THREADS` prints the seconds of
 * decoding 32 tokens and of reading a prompt of 512, each the better of two after one that warms up.
 */
import { load } from "elapid";
import process from "node:process";

const [folder, threads] = process.argv.slice(2);
const [DECODE, PREFILL] = [32, 512];
const lm = await load(folder, { device: "wasm", threads: Number(threads) });

async function decode() {
  let { logits, state } = lm.forward([[0]], { logits: "last" });
  for (let i = 0; i < DECODE; i++) {
    const values = await logits.data();
    let id = 0;
    for (let j = 1; j < values.length; j++) if (values[j] > values[id]) id = j;
    logits.dispose();
    const next = lm.forward([[id]], { state });
    state.dispose();
    ({ logits, state } = next);
  }
  logits.dispose();
  state.dispose();
}

async function prefill() {
  const ids = Array.from({ length: PREFILL }, (_, i) => (i * 97) % lm.model.vocabSize);
  const { logits, state } = lm.forward([ids], { logits: "last" });
  await logits.data();
  logits.dispose();
  state.dispose();
}

/** @param {() => Promise<void>} work */
async function best(work) {
  await work();
  const seconds = [];
  for (let run = 0; run < 2; run++) {
    const start = performance.now();
    await work();
    seconds.push((performance.now() - start) / 1000);
  }
  return Math.min(...seconds);
}

const result = { decode: DECODE / (await best(decode)), prefill: PREFILL / (await best(prefill)) };
console.log(JSON.stringify({ ...result, device: lm.device.description }));
lm.dispose();
