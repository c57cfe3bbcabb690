/** Runs the suite in Chromium, bundled as an application would be: in a cross-origin isolated page, and in a plain one. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { rolldown } from "rolldown";
import { report } from "./report.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Headers that make a page cross-origin isolated, which threads need. */
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const html =
  '<!doctype html><meta charset="utf-8"><title>elapid</title><script type="module" src="/bundle/page.js"></script>';
const types = { js: "text/javascript", json: "application/json", wasm: "application/wasm" };

const args = [
  "--headless=new",
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
];

/** The page's script and what it brings along, by file name. */
async function bundle() {
  const built = await rolldown({
    input: {
      page: fileURLToPath(new URL("page.mjs", import.meta.url)),
      "training-worker": fileURLToPath(new URL("training-worker.mjs", import.meta.url)),
    },
    platform: "browser",
    external: /^node:/, // reached only where there is a file system
    checks: { ineffectiveDynamicImport: false }, // the suite wants every backend at once
    experimental: { resolveNewUrlToAsset: true },
  });
  const { output } = await built.generate({ format: "es", entryFileNames: "[name].js" });
  await built.close();
  return new Map(output.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source]));
}

function serve(files) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const body = path.startsWith("/bundle/")
      ? files.get(path.slice("/bundle/".length))
      : path.startsWith("/files/golden/")
        ? await readFile(join(root, normalize(path.slice("/files".length)))).catch(() => undefined)
        : path.endsWith(".html")
          ? html
          : undefined;
    const type = path.endsWith(".html") ? "text/html" : (types[path.split(".").at(-1)] ?? "application/octet-stream");
    const headers = path === "/plain.html" ? {} : isolation;
    response.writeHead(body === undefined ? 404 : 200, { "Content-Type": type, ...headers }).end(body);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const server = await serve(await bundle());
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  ignoreDefaultArgs: ["--headless"],
  args,
});
const results = [];
for (const name of ["isolated", "plain"]) {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(`${name} page: ${error.message}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/${name}.html`);
  await page
    .waitForFunction(() => globalThis.suite !== undefined, undefined, { timeout: 30_000 })
    .catch(() => undefined);
  const result = await page.evaluate(() => globalThis.suite);
  const { devices = [], ...rest } = result ?? { passed: 0, failed: [], skipped: [] };
  if (result === undefined) problems.push(`${name} page: its script did not start`);
  const here = (line) => `${name} page, ${line}`;
  results.push({
    passed: rest.passed,
    failed: [...problems, ...rest.failed.map(here)],
    skipped: rest.skipped.map(here),
    devices: [`${name} page: ${devices.join("; ")}`],
  });
  await page.close();
}
const version = browser.version();
await browser.close();
server.close();
if (!report(`Chromium ${version}`, results)) process.exitCode = 1;
