import { defineOp, Device, UnsupportedError, type Tensor } from "@elapid/tensor";
import { matmul, silu } from "@elapid/ops";
import { afterAll, describe, expect, test } from "vitest";
import { testedBackends } from "./devices.ts";

/** An op that no backend has a kernel for. */
const backwards = defineOp({
  name: "backwards",
  inputs: { x: "size" },
  outputs: { y: "size" },
  reference: ({ inputs: { x }, outputs: { y } }) => y.set(x.toReversed()),
});

const counting = (length: number) => Float32Array.from({ length }, (_, i) => i + 1);

describe.each(testedBackends)("backend contract on $name", ({ open }) => {
  let opened: Promise<Device> | undefined;
  const notices: string[] = [];
  const device = () =>
    (opened ??= open().then((backend) => new Device(backend, { onNotice: (message) => notices.push(message) })));
  afterAll(async () => (await opened?.catch(() => undefined))?.dispose());

  test.each([0, 1, 3, 63, 257, 100_003])("gives %i values back", async (length) => {
    const there = await device();
    using x = there.tensor(counting(length));
    expect(await x.data()).toEqual(counting(length));
  });

  test("writes, ops and reads take effect in the order in which they were called", async () => {
    const there = await device();
    using x = there.tensor([1, 2, 3]);
    using first = x.neg();
    const before = first.data();
    there.write(x, new Uint8Array(Float32Array.of(5).buffer), 4);
    using second = x.neg();
    const between = x.data();
    there.write(x, new Uint8Array(12));
    expect(await before).toEqual(Float32Array.of(-1, -2, -3));
    expect(await second.data()).toEqual(Float32Array.of(-1, -5, -3));
    expect(await between).toEqual(Float32Array.of(1, 5, 3));
    expect((await x.data()).every((value) => value === 0)).toBe(true);
  });

  test("memory that was given back is not touched by what was enqueued before, nor the other way round", async () => {
    const there = await device();
    const results: Tensor[] = [];
    for (let i = 0; i < 50; i++) {
      using x = there.full([1000], i);
      using y = x.add(x);
      results.push(y.neg());
    }
    for (const [i, result] of results.entries()) {
      expect((await result.data()).every((value) => value === -2 * i)).toBe(true);
      result.dispose();
    }
  });

  test("takes views into the middle of a tensor as inputs", async () => {
    const there = await device();
    const row = Math.max(1, there.alignment / 4);
    using whole = there.tensor(counting(4 * row), [4, row]);
    using view = whole.slice(0, 1, 3);
    using other = whole.slice(0, 2, 4);
    using sum = view.add(other);
    expect(await sum.data()).toEqual(Float32Array.from({ length: 2 * row }, (_, i) => 2 * (i + 1) + 3 * row));
  });

  test("runs thousands of ops behind each other", async () => {
    const there = await device();
    using zero = there.tensor([0.5]);
    let x = there.zeros([1]);
    for (let i = 0; i < 3000; i++) {
      const next = x.add(zero);
      x.dispose();
      x = next;
    }
    expect(await x.data()).toEqual(Float32Array.of(1500));
    x.dispose();
  });

  test("live bytes return to where they began, and the peak stays", async () => {
    const there = await device();
    const before = there.liveBytes;
    for (let i = 0; i < 100; i++) {
      using scope = there.scope();
      const x = there.full([3, 70], i);
      matmul(silu(x), there.full([5, 70], 1)).neg();
      expect(there.liveBytes).toBeGreaterThan(before);
      expect(scope.parent).toBeUndefined();
    }
    await there.finish();
    expect(there.liveBytes).toBe(before);
    expect(there.peakBytes).toBeGreaterThan(before);
  });

  test("an op without a kernel runs its reference, in order with those that have one, and says so once", async () => {
    const there = await device();
    using x = there.tensor([1, 2, 3]);
    using negated = x.neg();
    using turned = backwards({ x: negated }).y;
    using sum = turned.add(x);
    using again = backwards({ x: sum }).y;
    expect(await again.data()).toEqual(Float32Array.of(2, 0, -2));
    expect(notices.length).toBe(there.kind === "host" ? 0 : 1);
    expect(notices.join()).toMatch(there.kind === "host" ? /^$/ : /^"backwards" has no kernel on/);
  });

  test("a strict device refuses an op without a kernel", async () => {
    const strict = new Device(await open(), { strict: true });
    const x = strict.tensor([1, 2]);
    const run = () => backwards({ x });
    if (strict.kind === "host") expect(await run().y.data()).toEqual(Float32Array.of(2, 1));
    else expect(run).toThrow(UnsupportedError);
    strict.dispose();
  });
});
