import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join, normalize } from "node:path";
import { chromium } from "playwright-core";
import { rolldown } from "rolldown";
import type { PageRound } from "./browser/page.ts";
import { installPeers } from "./engines.ts";
import { randomMamba } from "./random-mamba.ts";
import { printRows, rateRow } from "./report.ts";
import type { BenchmarkOptions } from "./run.ts";

const ROUNDS = 5;
const THREADS = 2;
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
];
const root = join(import.meta.dirname, "..");
const cache = join(root, ".cache/bench");
const modules = join(import.meta.dirname, "node_modules");

export const summary = "elapid beside wllama in one page of Chromium";

/**
 * Measures both in one cross-origin isolated page, on the CPU. transformers.js has no place here: it runs ONNX graphs of
 * the architectures that it lists, among which there is no Mamba, and the operators of ONNX have no selective scan.
 */
export async function run({ json, rounds = ROUNDS }: BenchmarkOptions): Promise<void> {
  installPeers();
  const server = await serve(await bundle());
  const { port } = server.address() as { port: number };
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
    ignoreDefaultArgs: ["--headless"],
    args: ["--headless=new", ...ARGUMENTS],
  });
  const rows = [];
  try {
    for (const dtype of ["q8", "q4"] as const) {
      await randomMamba(cache, dtype);
      const page = await browser.newPage();
      page.on("pageerror", (error) => console.error(error.message));
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.waitForFunction(() => globalThis.measure !== undefined);
      const all: PageRound[] = await page.evaluate(
        ([dtype, threads, rounds]) => globalThis.measure(dtype, threads, rounds),
        [dtype, THREADS, rounds] as const,
      );
      for (const work of ["prefill", "decode"] as const) {
        const seconds = (engine: string) => all.filter((each) => each.engine === engine).map((each) => 1 / each[work]);
        const what = { work: `${work}, Chromium`, dtype, threads: THREADS, peerName: "wllama", unit: "tokens/s" };
        rows.push(rateRow(what, 1, seconds("elapid"), seconds("wllama")));
      }
      await page.close();
    }
  } finally {
    await browser.close();
    server.close();
  }
  printRows(rows, json);
}

/** The page's script and what it brings along, by file name. */
async function bundle(): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const built = await rolldown({
    input: { page: join(import.meta.dirname, "browser/page.ts") },
    platform: "browser",
    external: /^node:/, // reached only where there is a file system
    resolve: { conditionNames: ["@elapid/source", "import", "browser", "default"] },
    experimental: { resolveNewUrlToAsset: true },
  });
  const { output } = await built.generate({ format: "es", entryFileNames: "[name].js" });
  await built.close();
  return new Map(output.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source]));
}

const types: Readonly<Record<string, string>> = {
  js: "text/javascript",
  wasm: "application/wasm",
  json: "application/json",
};
const html =
  '<!doctype html><meta charset="utf-8"><title>elapid</title><script type="module" src="/bundle/page.js"></script>';

function serve(bundled: ReadonlyMap<string, string | Uint8Array>): Promise<Server> {
  const server = createServer((request, response) => void answer(request, response, bundled));
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  bundled: ReadonlyMap<string, string | Uint8Array>,
): Promise<void> {
  const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname));
  const headers = {
    "Content-Type": path === "/" ? "text/html" : (types[path.split(".").at(-1) ?? ""] ?? "application/octet-stream"),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
  };
  const content = path === "/" ? html : bundled.get(path.replace("/bundle/", ""));
  if (content !== undefined) {
    response.writeHead(200, headers).end(content);
    return;
  }
  const file = path.startsWith("/models/") ? join(cache, path.slice(8)) : join(modules, path.replace("/peers/", ""));
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) {
    response.writeHead(404, headers).end();
    return;
  }
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const start = Number(from ?? 0);
  const end = to === undefined || to === "" ? found.size - 1 : Number(to);
  const range = from === undefined ? {} : { "Content-Range": `bytes ${start}-${end}/${found.size}` };
  response.writeHead(from === undefined ? 200 : 206, {
    ...headers,
    ...range,
    "Accept-Ranges": "bytes",
    "Content-Length": end - start + 1,
  });
  createReadStream(file, { start, end }).pipe(response);
}
