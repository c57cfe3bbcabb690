/** What the browser runs, bundled: the suite, its files fetched from the server of `chromium.mjs`. */
import { runSuite } from "./suite.mjs";

async function read(path) {
  const response = await fetch(`/files/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

globalThis.suite = runSuite({ read, threads: crossOriginIsolated ? 2 : 1 });
