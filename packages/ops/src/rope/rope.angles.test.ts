import { backends, expectClose, expectMatchesReference, randomInputs } from "@elapid/testing";
import { describe, test } from "vitest";
import { ropeAngles as op, ropeAt, ropeDigits, ropeDigitsShape } from "./rope.angles.ts";
import { rope } from "./rope.ts";

describe.each(backends())("angles of positions on $name", ({ run, device }) => {
  test.each([
    { rows: 1, levels: 1, digits: 4, pairs: 1 },
    { rows: 63, levels: 4, digits: 8, pairs: 5 },
    { rows: 257, levels: 2, digits: 64, pairs: 33 },
  ])("match the reference at $rows x $pairs, $levels digits in base $digits", async (sizes) => {
    const ranges = { position: [0, sizes.digits ** sizes.levels - 1] } as const;
    await expectMatchesReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 1, ranges }) });
  });

  test("turn as rope does from an offset, far out too", async () => {
    const there = await device();
    using scope = there.scope();
    const x = there.tensor(
      Float32Array.from({ length: 3 * 2 * 10 }, (_, i) => Math.sin(i)),
      [1, 3, 2, 10],
    );
    const { cos, sin } = ropeDigits(4, 500);
    const shape = ropeDigitsShape(4);
    const digits = { cos: there.tensor(cos, shape), sin: there.tensor(sin, shape) };
    for (const offset of [0, 63, 5000, 16_000_000]) {
      const position = there.tensor(Int32Array.of(offset, offset + 1, offset + 2), [1, 3]);
      const expected = await rope(x, { rotaryDim: 8, theta: 500, offset }).data();
      expectClose(await ropeAt(x, position, digits).data(), expected, { relative: 1e-6, label: `from ${offset}` });
    }
    void scope;
  });
});
