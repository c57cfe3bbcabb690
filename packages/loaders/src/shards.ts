import { quote } from "./errors.ts";
import { asRecord } from "./json.ts";
import { weightsOf, type StoredTensor, type Weights } from "./weights.ts";

/**
 * Weights spread over files, by an index such as `model.safetensors.index.json`: its `weight_map` says which
 * file holds which tensor. `open` gives the weights of a file, or `undefined` if there is no such file.
 *
 * @throws SyntaxError if the index is none, a file is missing, or a tensor is missing in its file.
 */
export async function openShards(
  name: string,
  index: unknown,
  open: (file: string) => Promise<Weights | undefined>,
): Promise<Weights> {
  const map = asRecord(asRecord(index)?.weight_map);
  if (!map) throw new SyntaxError(`Cannot read "${name}": it has no weight_map`);
  const fileOf = Object.entries(map).map(([tensor, file]): [string, string] => {
    if (typeof file !== "string") {
      throw new SyntaxError(`Cannot read "${name}": the file of tensor ${quote(tensor)} is no text`);
    }
    return [tensor, file];
  });

  const files = [...new Set(fileOf.map(([, file]) => file))];
  if (files.length === 0) throw new SyntaxError(`Cannot read "${name}": its weight_map is empty`);
  const opened = await Promise.allSettled(files.map(open));
  const shards = new Map(
    files.map((file, i) => [file, opened[i].status === "fulfilled" ? opened[i].value : undefined]),
  );
  const close = async () => {
    await Promise.all([...shards.values()].map((shard) => shard?.close()));
  };

  try {
    for (const result of opened) if (result.status === "rejected") throw result.reason;
    const tensors = new Map(fileOf.map(([tensor, file]) => [tensor, findTensor(name, tensor, file, shards.get(file))]));
    const [first] = shards.values();
    return weightsOf({ name, format: first!.format, metadata: first!.metadata }, tensors, close);
  } catch (error) {
    await close();
    throw error;
  }
}

function findTensor(name: string, tensor: string, file: string, shard: Weights | undefined): StoredTensor {
  if (!shard)
    throw new SyntaxError(
      `Cannot read "${name}": it names ${quote(file)} for tensor ${quote(tensor)}, and there is no such file`,
    );
  const info = shard.tensors.get(tensor);
  if (!info)
    throw new SyntaxError(
      `Cannot read "${name}": it names ${quote(file)} for tensor ${quote(tensor)}, which is not in there`,
    );
  return {
    ...info,
    chunks: (options) => shard.chunks(tensor, options),
    whole: (signal) => shard.read(tensor, { signal }),
  };
}
