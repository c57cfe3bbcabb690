import type { KernelModule } from "./kernel.ts";
import { builtin } from "./runtime.ts";

/** The two builds of a module. Relaxed SIMD has fused multiply-adds, so its results differ in the last bits. */
export type SimdBuild = "relaxed" | "simd128";

// (module (func (result v128) i32.const 0 i8x16.splat, twice or thrice, then one instruction))
const header = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10];
const splat = [65, 0, 253, 15];
const simdProbe = Uint8Array.from([...header, 8, 1, 6, 0, ...splat, 11]);
const relaxedProbe = Uint8Array.from([...header, 19, 1, 17, 0, ...splat, ...splat, ...splat, 253, 133, 2, 11]);

/** The best build that the engine runs; `undefined` if it has no WebAssembly SIMD. */
export function detectSimd(): SimdBuild | undefined {
  if (!WebAssembly.validate(simdProbe)) return undefined;
  if (WebAssembly.validate(relaxedProbe)) return "relaxed";
  // Node 20 and 22 have relaxed SIMD behind a flag, which other engines do not know
  try {
    builtin<{ setFlagsFromString(flag: string): void }>("node:v8")?.setFlagsFromString(
      "--experimental-wasm-relaxed-simd",
    );
  } catch {
    return "simd128";
  }
  return WebAssembly.validate(relaxedProbe) ? "relaxed" : "simd128";
}

/** Bytes of a module's build, for a memory that is shared or not. */
export function moduleBytes(module: KernelModule, simd: SimdBuild, shared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64(simd === "relaxed" ? module.relaxed : module.simd);
  if (!shared) unshareMemory(bytes, module.name);
  return bytes;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** A kernel, or a function that runs kernels. */
export type WasmFunction = (...args: readonly number[]) => void;
type Exports = Readonly<Record<string, WasmFunction>>;

/** What runs kernels in a thread. */
export interface Walker {
  walkAlone(op: number): void;
  start(op: number): void;
  work(thread: number, isCaller: number, maySleep: number): void;
  abandon(thread: number): void;
}

/** Exported functions of a compiled module, which imports `env`. */
export async function instantiate(
  bytes: Uint8Array<ArrayBuffer>,
  env: Readonly<Record<string, WebAssembly.ImportValue>>,
): Promise<Exports> {
  const { instance } = await WebAssembly.instantiate(bytes, { env });
  return instance.exports as unknown as Exports;
}

const IMPORTS = 2;
const FUNCTION = 0;
const MEMORY = 2;
const SHARED = 2;

/**
 * Clears the flag by which a module asks for shared memory, in place, so that the same code runs in a memory of one thread.
 * A build imports its memory, and functions at most.
 *
 * @throws SyntaxError if the module does not begin like that.
 */
export function unshareMemory(bytes: Uint8Array, name: string): void {
  let at = 8; // after magic and version
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const skip = (length: number) => {
    at += length;
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const length = number();
    if (section !== IMPORTS) {
      skip(length);
      continue;
    }
    for (let left = number(); left > 0; left--) {
      skip(number()); // names of module and field
      skip(number());
      const kind = bytes[at++];
      if (kind === MEMORY && (bytes[at] & SHARED) !== 0) {
        bytes[at] &= ~SHARED;
        return;
      }
      if (kind !== FUNCTION) break;
      number(); // its type
    }
    break;
  }
  throw new SyntaxError(`Cannot load the kernels of "${name}": a module that imports a shared memory was needed`);
}
