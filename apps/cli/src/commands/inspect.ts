import { describeModel, openSource, type ModelDescription } from "elapid";
import { json, type Args, type Streams } from "../command.ts";
import { bytes, columns, grouped } from "../terminal.ts";

export const name = "inspect";
export const summary = "Describe a model from its config and the headers of its weights";
export const operands = "<model>";
export const options = { json };

export async function run(
  { operands: [source], values }: Args<typeof options>,
  { stdout, signal }: Streams,
): Promise<number> {
  const files = await openSource(source, { signal });
  try {
    const description = await describeModel(files);
    stdout.write(values.json ? `${JSON.stringify(description)}\n` : table(description));
    return 0;
  } finally {
    await files.close();
  }
}

function table({
  name,
  modelType,
  parameterCount,
  tensorCount,
  storedBytes,
  stateBytes,
  stateBytesPerToken,
  memoryBytes,
}: ModelDescription): string {
  const stored = Object.entries(storedBytes).map(([dtype, count]) => `${dtype} ${bytes(count)}`);
  const memory = Object.entries(memoryBytes).map(([dtype, count]) => `${dtype} ${bytes(count)}`);
  const growth = stateBytesPerToken === 0 ? "" : `, and ${bytes(stateBytesPerToken)} with each further token`;
  return columns([
    ["model", name],
    ["architecture", modelType],
    ["parameters", grouped(parameterCount)],
    ["stored", `${tensorCount} tensors: ${stored.join(", ")}`],
    ["state", `${bytes(stateBytes)} a sequence${growth}`],
    ["memory", memory.join(", ")],
  ]);
}
