import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { FetchError } from "./errors.ts";
import { openUrl } from "./url.ts";

const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 3);
const quick = { retryDelay: 1 };

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;
const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((stop) => stop()));
});

/** A real server; `ranges` are the ranges it was asked for. */
async function serve(handler: Handler): Promise<{ url: string; ranges: (string | undefined)[] }> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => handler(request, response, ranges.push(request.headers.range)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  running.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.safetensors`, ranges };
}

/** Answers a range as servers do; `breakAfter` destroys the connection after so many bytes. */
function sendRange(
  request: IncomingMessage,
  response: ServerResponse,
  { breakAfter, bytes = content }: { breakAfter?: number; bytes?: Uint8Array } = {},
): void {
  const [, from, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "")!.map(Number);
  if (from >= bytes.length) return void response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  const part = bytes.subarray(from, last + 1);
  response.writeHead(206, {
    "content-range": `bytes ${from}-${from + part.length - 1}/${bytes.length}`,
    "content-length": part.length,
  });
  if (breakAfter === undefined || breakAfter >= part.length) return void response.end(part);
  response.write(part.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 20));
}

const ranged: Handler = (request, response) => sendRange(request, response);

const failure = async (promise: Promise<unknown>): Promise<FetchError> => {
  const error = await promise.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(FetchError);
  return error as FetchError;
};

describe("a server with ranges", () => {
  test("is asked only for what is read, the head once", async () => {
    const { url, ranges } = await serve(ranged);
    const source = await openUrl(url);
    expect(source).toMatchObject({ name: url, size: content.length });
    expect(await source.read(8, 100)).toEqual(content.subarray(8, 108));
    expect(await source.read(200_000, 10)).toEqual(content.subarray(200_000, 200_010));
    expect(await source.read(65_000, 1000)).toEqual(content.subarray(65_000, 66_000));
    expect(await source.read(content.length, 0)).toEqual(new Uint8Array(0));
    expect(ranges).toEqual(["bytes=0-65535", "bytes=200000-200009", "bytes=65536-65999"]);
    await expect(source.read(content.length - 1, 2)).rejects.toThrow(`bytes 299999 to 300001 exceed its 300000 bytes`);
  });

  test("may serve an empty file", async () => {
    const { url } = await serve((request, response) => sendRange(request, response, { bytes: new Uint8Array(0) }));
    expect((await openUrl(url)).size).toBe(0);
  });

  test("may hide Content-Range from a page of another origin", async () => {
    const { url } = await serve((request, response) => {
      if (request.method === "HEAD") return void response.writeHead(200, { "content-length": content.length }).end();
      const [, from, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range!)!.map(Number);
      response.writeHead(206).end(content.subarray(from, last + 1));
    });
    const source = await openUrl(url);
    expect(source.size).toBe(content.length);
    expect(await source.read(100_000, 1000)).toEqual(content.subarray(100_000, 101_000));
  });

  test("receives the given headers, and its query stays out of messages", async () => {
    const { url } = await serve((request, response) => {
      if (request.headers.authorization !== "Bearer t" || !request.url!.endsWith("?key=secret")) {
        return void response.writeHead(401).end();
      }
      sendRange(request, response);
    });
    expect((await openUrl(`${url}?key=secret`, { headers: { authorization: "Bearer t" } })).name).toBe(url);
    const error = await failure(openUrl(`${url}?key=secret`));
    expect(error.message).toBe(`Cannot fetch "${url}": the server answered 401 Unauthorized`);
    expect(error.url).toBe(url);
  });
});

describe("a server without ranges", () => {
  test.each([true, false])("sends the file once, Content-Length %s", async (says) => {
    const { url, ranges } = await serve((_, response) => {
      response.writeHead(200, says ? { "content-length": content.length } : {});
      response.end(content);
    });
    const told: [number, number | undefined][] = [];
    const source = await openUrl(url, { onDownload: (loaded, total) => told.push([loaded, total]) });
    expect(source.size).toBe(content.length);
    expect(await source.read(200_000, 1000)).toEqual(content.subarray(200_000, 201_000));
    expect(await source.read(0, content.length)).toEqual(content);
    expect(ranges).toHaveLength(1);
    expect(told.at(-1)).toEqual([content.length, says ? content.length : undefined]);
  });

  test("is asked again when it breaks off", async () => {
    const { url, ranges } = await serve((_, response, count) => {
      response.writeHead(200, { "content-length": content.length });
      if (count < 3) response.write(content.subarray(0, 1000), () => setTimeout(() => response.destroy(), 20));
      else response.end(content);
    });
    const source = await openUrl(url, quick);
    expect(await source.read(0, content.length)).toEqual(content);
    expect(ranges).toHaveLength(3);
  });

  test("may begin to ignore ranges later", async () => {
    const { url } = await serve((request, response, count) =>
      count === 1 ? sendRange(request, response) : void response.end(content),
    );
    const source = await openUrl(url);
    expect(await source.read(150_000, 100_000)).toEqual(content.subarray(150_000, 250_000));
  });
});

describe("a connection that breaks", () => {
  test("goes on where it broke", async () => {
    const { url, ranges } = await serve((request, response, count) =>
      sendRange(request, response, { breakAfter: count === 2 || count === 3 ? 50_000 : undefined }),
    );
    const source = await openUrl(url, quick);
    const progress: number[] = [];
    expect(await source.read(100_000, 200_000, { onBytes: (loaded) => progress.push(loaded) })).toEqual(
      content.subarray(100_000),
    );
    expect(ranges.slice(1)).toEqual(["bytes=100000-299999", "bytes=150000-299999", "bytes=200000-299999"]);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(200_000);
  });

  test("again and again gives up with a typed error", async () => {
    const { url, ranges } = await serve((request, response, count) =>
      sendRange(request, response, { breakAfter: count === 1 ? undefined : 0 }),
    );
    const source = await openUrl(url, quick);
    const error = await failure(source.read(100_000, 1000));
    expect(error.message).toMatch(
      /^Cannot fetch "http:.*model\.safetensors": the connection broke off .*, after 4 attempts$/,
    );
    expect(ranges).toHaveLength(5);
  });

  test("is no connection where nobody listens", async () => {
    const { url } = await serve(ranged);
    await running.pop()!();
    const error = await failure(openUrl(url, { retries: 1, retryDelay: 1 }));
    expect(error.message).toMatch(
      /^Cannot fetch "http:.*": the connection failed \(.*ECONNREFUSED.*\), after 2 attempts$/,
    );
    expect(error.status).toBeUndefined();
  });

  test("is tried again when the server is busy", async () => {
    const { url } = await serve((request, response, count) =>
      count <= 2 ? void response.writeHead(503).end() : sendRange(request, response),
    );
    expect((await openUrl(url, quick)).size).toBe(content.length);
  });

  test("is tried no more when the server stays busy", async () => {
    const { url, ranges } = await serve((_, response) => void response.writeHead(503).end("busy"));
    const error = await failure(openUrl(url, quick));
    expect(error).toMatchObject({
      status: 503,
      message: `Cannot fetch "${url}": the server answered 503 Service Unavailable, after 4 attempts`,
    });
    expect(ranges).toHaveLength(4);
  });
});

describe("an answer that is no file", () => {
  test.each([
    [404, "Not Found"],
    [403, "Forbidden"],
    [500, "Internal Server Error"],
  ])("%d", async (status, text) => {
    const { url, ranges } = await serve(
      (_, response) => void response.writeHead(status, { "content-type": "text/html" }).end("<html>no</html>"),
    );
    const error = await failure(openUrl(url, quick));
    expect(error).toMatchObject({
      url,
      status,
      message: `Cannot fetch "${url}": the server answered ${status} ${text}`,
    });
    expect(ranges).toHaveLength(1);
  });

  test("a page of HTML", async () => {
    const { url } = await serve(
      (_, response) =>
        void response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>sign in</html>"),
    );
    const error = await failure(openUrl(url, quick));
    expect(error.message).toBe(`Cannot fetch "${url}": the server answered with an HTML page, not a file`);
  });

  test("another part than the one asked for", async () => {
    const { url } = await serve((request, response, count) => {
      if (count === 1) return sendRange(request, response);
      response.writeHead(206, { "content-range": `bytes 0-99/${content.length}` }).end(content.subarray(0, 100));
    });
    const source = await openUrl(url, quick);
    expect((await failure(source.read(100_000, 100))).message).toContain(
      "asked for byte 100000, the server sent byte 0",
    );
  });

  test("another file than before", async () => {
    const { url } = await serve((request, response, count) =>
      sendRange(request, response, { bytes: count === 1 ? content : content.subarray(0, 250_000) }),
    );
    const source = await openUrl(url, quick);
    expect((await failure(source.read(100_000, 100))).message).toContain(
      "it changed while being read, from 300000 to 250000 bytes",
    );
  });
});

describe("an abort", () => {
  const reason = new Error("enough");
  const stall: Handler = (_, response) => {
    response.writeHead(200, { "content-length": content.length });
    response.write(content.subarray(0, 1000));
  };

  test("stops an opening that hangs", async () => {
    const { url } = await serve(stall);
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 30);
    await expect(openUrl(url, { signal: controller.signal })).rejects.toBe(reason);
  });

  test("stops a server that never answers", async () => {
    const { url } = await serve(() => {});
    await expect(openUrl(url, { signal: AbortSignal.timeout(30) })).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test("stops a read that hangs, and the source goes on", async () => {
    const controller = new AbortController();
    const { url } = await serve((request, response, count) => {
      if (count !== 2) return sendRange(request, response);
      stall(request, response, count);
      setTimeout(() => controller.abort(reason), 30);
    });
    const source = await openUrl(url);
    await expect(source.read(100_000, 1000, { signal: controller.signal })).rejects.toBe(reason);
    expect(await source.read(100_000, 1000)).toEqual(content.subarray(100_000, 101_000));
  });

  test("stops the wait for another attempt", async () => {
    const { url } = await serve((_, response) => void response.writeHead(503).end());
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 30);
    const started = performance.now();
    await expect(openUrl(url, { retryDelay: 60_000, signal: controller.signal })).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("before the start asks nobody", async () => {
    const { url, ranges } = await serve(ranged);
    await expect(openUrl(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(ranges).toEqual([]);
  });
});
