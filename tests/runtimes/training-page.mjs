/** Training in workers of a page, which goes on meanwhile. */

/**
 * Selective copying on WASM until it is learned, and the first steps of it on WebGPU beside those on WASM.
 *
 * @param {import("./suite.mjs").Result} result where outcomes go
 * @param {number} threads
 */
export async function trainInWorkers(result, threads) {
  /** @param {string} name @param {() => Promise<void>} check */
  const test = async (name, check) => {
    try {
      await check();
      result.passed++;
    } catch (error) {
      if (error?.unsupported) result.skipped.push(`${name}: ${error.message}`);
      else result.failed.push(`${name}: ${error?.stack ?? error}`);
    }
  };
  await test("training in a worker", async () => {
    const { accuracy, turns, reports, liveBytes } = await trainInWorker({
      kind: "wasm",
      threads,
      steps: 400,
      batch: 32,
    });
    if (!(accuracy > 0.95)) throw new Error(`${accuracy} of the symbols were recalled, more than 0.95 were to be`);
    if (reports !== 400) throw new Error(`the page heard of ${reports} steps of 400`);
    if (turns < 100) throw new Error(`the page had ${turns} turns while its worker took 400 steps`);
    if (liveBytes !== 0) throw new Error(`${liveBytes} bytes were left`);
  });
  await test("training on webgpu", async () => {
    const short = { steps: 20, batch: 4 };
    const wasm = await trainInWorker({ kind: "wasm", threads, ...short });
    const again = await trainInWorker({ kind: "wasm", threads, ...short });
    if (again.losses.join() !== wasm.losses.join()) throw new Error("a second run on WASM had other losses");
    const webgpu = await trainInWorker({ kind: "webgpu", threads, ...short });
    wasm.losses.forEach((loss, i) => {
      const off = Math.abs(webgpu.losses[i] - loss);
      if (!(off <= 1e-3 * loss)) throw new Error(`step ${i + 1}: the loss is ${webgpu.losses[i]}, on WASM ${loss}`);
    });
  });
}

/** Gives what the worker found, and how many turns the page had meanwhile. */
function trainInWorker(request) {
  const worker = new Worker("/bundle/training-worker.js", { type: "module" });
  let turns = 0;
  let reports = 0;
  const timer = setInterval(() => turns++, 1);
  return new Promise((resolve, reject) => {
    worker.addEventListener("error", ({ message }) => reject(new Error(`the worker failed: ${message}`)));
    worker.addEventListener("message", ({ data: { result, failure, unsupported } }) => {
      if (result !== undefined) resolve({ ...result, turns, reports });
      else if (failure !== undefined) reject(Object.assign(new Error(failure), { unsupported }));
      else reports++;
    });
    worker.postMessage(request);
  }).finally(() => {
    clearInterval(timer);
    worker.terminate();
  });
}
