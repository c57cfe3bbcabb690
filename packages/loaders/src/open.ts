import { memorySource, type ByteSource, type ReadOptions } from "./bytes.ts";
import { FetchError } from "./errors.ts";
import { openSafetensors } from "./safetensors.ts";
import { openUrl, type OpenUrlOptions } from "./url.ts";
import type { Weights } from "./weights.ts";

/**
 * Opens bytes wherever they are: a path or `file:` URL, an `http(s)`, `data:` or `blob:` URL, a `File` or
 * `Blob`, memory.
 *
 * @throws FetchError if a URL does not give them.
 * @throws Error if a file is missing or unreadable.
 */
export async function openBytes(
  location: string | URL | Uint8Array | Blob,
  options: OpenUrlOptions & { readonly name?: string } = {},
): Promise<ByteSource> {
  if (location instanceof Uint8Array) return memorySource(location, options.name ?? "memory");
  if (location instanceof Blob) {
    return memorySource(location, options.name ?? (location instanceof File ? location.name : "blob"));
  }
  if (/^(data|blob):/i.test(String(location))) return inlineSource(location, options);
  if (isHttp(location)) return openUrl(location, options);
  const { openFile } = await import("./file.ts");
  return openFile(location);
}

/** `data:` and `blob:` URLs are where bundlers put small files, and pages what they made themselves. */
async function inlineSource(
  location: string | URL,
  { name = "inline data", signal }: OpenUrlOptions & { readonly name?: string },
): Promise<ByteSource> {
  try {
    const response = await fetch(location, { signal });
    return memorySource(await response.blob(), name);
  } catch (cause) {
    signal?.throwIfAborted();
    const url = String(location).slice(0, 40);
    throw new FetchError(`Cannot fetch "${url}": ${(cause as Error).message}`, { url, cause });
  }
}

/** Whether a location is an `http:` or `https:` URL. */
export function isHttp(location: string | URL): boolean {
  return /^https?:/i.test(String(location));
}

/**
 * Opens a file of weights, safetensors or PyTorch zip, by what it begins with. Closing the weights closes
 * the source; a file that cannot be opened is closed at once.
 *
 * @throws SyntaxError if it is of no known format, or malformed.
 */
export async function openWeights(source: ByteSource, options: ReadOptions = {}): Promise<Weights> {
  try {
    const start = await source.read(0, Math.min(8, source.size), options);
    if (startsWith(start, [0x50, 0x4b, 0x03, 0x04])) {
      // a tenth of a page's script, and few pages read such files
      const { openPytorchZip } = await import("./pytorch-zip.ts");
      return await openPytorchZip(source, options);
    }
    refuseOtherFormats(source.name, start);
    return await openSafetensors(source, options);
  } catch (error) {
    await source.close();
    throw error;
  }
}

const otherFormats: readonly { readonly magic: readonly number[]; readonly what: string }[] = [
  {
    magic: [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46],
    what: "it is in the legacy format of torch.save; load it in PyTorch 1.6 or later and save it again",
  },
  {
    magic: [...new TextEncoder().encode("GGUF")],
    what: "GGUF files are not supported yet, safetensors and PyTorch zip files are",
  },
  {
    magic: [...new TextEncoder().encode("version ")],
    what: 'it is a pointer of Git LFS, not the file itself; run "git lfs pull"',
  },
  { magic: [...new TextEncoder().encode("<")], what: "it is a page of HTML or XML, not weights" },
];

function refuseOtherFormats(name: string, start: Uint8Array): void {
  // these bytes may begin the 8-byte header length of a safetensors file too, but it never has the last of them
  if (start[7] === 0) return;
  const found = otherFormats.find(({ magic }) => startsWith(start, magic));
  if (found) throw new SyntaxError(`Cannot read "${name}": ${found.what}`);
  if (startsWith(start, [0x80]))
    throw new SyntaxError(
      `Cannot read "${name}": it is a bare pickle; save a state dict with torch.save, or as safetensors`,
    );
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}
