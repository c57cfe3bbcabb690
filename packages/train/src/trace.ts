import { normOp } from "@elapid/ops";
import { watchOps, type Tensor } from "@elapid/tensor";

/**
 * Runs `work` and finds the first tensor that it computes with a number that is NaN or infinite, a parameter before
 * anything else. Of each tensor only its length is kept.
 */
export async function firstNonFinite(
  parameters: ReadonlyMap<string, Tensor>,
  work: () => void,
): Promise<string | undefined> {
  const pathOf = new Map([...parameters].map(([path, tensor]) => [tensor, path]));
  const seen: { readonly what: string; readonly norm: Tensor }[] = [];
  const note = (x: Tensor, what: string): void => {
    if (x.dtype !== "f32" || x.size === 0) return;
    using norm = normOp({ x }).y;
    seen.push({ what, norm: norm.hold() });
  };
  const [first] = parameters.values();
  for (const [path, parameter] of parameters) note(parameter, `parameter "${path}"`);
  try {
    watchOps(
      first.device,
      (op, inputs, outputs) => {
        const paths = Object.values(inputs).flatMap((tensor) => (tensor && pathOf.get(tensor)) ?? []);
        const reading = paths.length > 0 ? `, which reads "${paths.join('", "')}"` : "";
        for (const [name, tensor] of Object.entries(outputs))
          note(tensor, `"${name}" of the op "${op.name}"${reading}`);
      },
      work,
    );
    const lengths = await Promise.all(seen.map(async ({ norm }) => (await norm.data())[0]));
    return seen[lengths.findIndex((length) => !Number.isFinite(length))]?.what;
  } finally {
    for (const { norm } of seen) norm.dispose();
  }
}
