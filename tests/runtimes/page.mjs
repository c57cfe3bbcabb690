/** What the browser runs, bundled: the suite, its files fetched from the server of `chromium.mjs`. */
import { runSuite } from "./suite.mjs";
import { trainInWorkers } from "./training-page.mjs";

async function read(path) {
  const response = await fetch(`/files/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function run() {
  const threads = crossOriginIsolated ? 2 : 1;
  const result = await runSuite({ read, threads });
  // once is enough, and where threads are is where people would train
  if (crossOriginIsolated) await trainInWorkers(result, threads);
  return result;
}

globalThis.suite = run();
