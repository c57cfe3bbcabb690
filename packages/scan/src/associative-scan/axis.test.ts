import { Device, HostBackend } from "@elapid/tensor";
import { expect, test } from "vitest";
import { scanSum } from "./scan-sum.ts";

const device = new Device(new HostBackend());
const x = device.tensor(Float32Array.of(1, 3, 2, 5, 4, 6, 0, 1), [2, 2, 2]);

test.each([
  [{}, [1, 4, 2, 7, 4, 10, 0, 1]],
  [{ axis: 2 }, [1, 4, 2, 7, 4, 10, 0, 1]],
  [{ axis: -2 }, [1, 3, 3, 8, 4, 6, 4, 7]],
  [{ axis: 1, reverse: true }, [3, 8, 2, 5, 4, 7, 0, 1]],
  [{ axis: 0 }, [1, 3, 2, 5, 5, 9, 2, 6]],
  [{ axis: "time", dims: "batch time inner" }, [1, 3, 3, 8, 4, 6, 4, 7]],
  [{ axis: "time", dims: "time batch inner" }, [1, 3, 2, 5, 5, 9, 2, 6]],
  [{ axis: "time", dims: "... time inner" }, [1, 3, 3, 8, 4, 6, 4, 7]],
  [{ axis: "time", dims: "batch time inner", exclusive: true }, [0, 0, 1, 3, 0, 0, 4, 6]],
  [{ exclusive: true, reverse: true }, [3, 0, 5, 0, 6, 0, 1, 0]],
])("a sum with %o", async (options, expected) => {
  const y = scanSum(x, options);
  expect(y.shape).toEqual([2, 2, 2]);
  expect(await y.data()).toEqual(Float32Array.from(expected));
});

test("names the axis that is not there", () => {
  const refusal = (options: Parameters<typeof scanSum>[1]) => () => scanSum(x, options);
  expect(refusal({ axis: 3 })).toThrow(
    new RangeError('Cannot run "scan-sum": axis 3 is not a dimension of x, whose shape is [2, 2, 2]'),
  );
  expect(refusal({ axis: 0.5 })).toThrow(RangeError);
  expect(refusal({ axis: -4 })).toThrow(RangeError);
  expect(refusal({ axis: "time" })).toThrow(
    new TypeError('Cannot run "scan-sum": axis "time" is a name, and "dims" is needed to say where it lies'),
  );
  expect(refusal({ axis: "step", dims: "batch time inner" })).toThrow(
    new TypeError('Cannot run "scan-sum": dims "batch time inner" do not name the axis "step"'),
  );
  expect(refusal({ axis: "time", dims: "batch time" })).toThrow(
    new TypeError('Cannot run "scan-sum": x has shape [2, 2, 2] but "batch time" was needed'),
  );
  expect(() => scanSum(device.full([], 1))).toThrow(
    new RangeError('Cannot run "scan-sum": axis -1 is not a dimension of x, whose shape is []'),
  );
});

test("names the dimension in which an initial state differs", () => {
  const initialState = device.zeros([2, 3]);
  expect(() => scanSum(x, { axis: "time", dims: "batch time inner", initialState })).toThrow(
    new TypeError('Cannot run "scan-sum": "inner" is 2 in x but 3 in initialState'),
  );
  expect(() => scanSum(x, { initialState })).toThrow(
    new TypeError('Cannot run "scan-sum": dimension 1 is 2 in x but 3 in initialState'),
  );
});

test("keeps no memory but the result", () => {
  const before = device.liveBytes;
  const y = scanSum(x, { axis: 1, initialState: device.zeros([2, 2]) });
  expect(device.liveBytes).toBe(before + x.byteLength + 16);
  y.dispose();
});
