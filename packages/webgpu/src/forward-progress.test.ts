import { expect, test } from "vitest";
import { grantsForwardProgress } from "./forward-progress.ts";

test.each([
  [{ vendor: "nvidia", architecture: "ampere" }, true],
  [{ vendor: "NVIDIA", architecture: "hopper", description: "NVIDIA H200" }, true],
  [{ vendor: "amd", architecture: "rdna-3" }, true],
  [{ vendor: "intel", architecture: "xe" }, true],
  [{ vendor: "intel", architecture: "xe", isFallbackAdapter: true }, false],
  [{ vendor: "amd", description: "llvmpipe (LLVM 15.0.6, 256 bits)" }, false],
  [{ vendor: "apple", architecture: "metal-3" }, false],
  [{ vendor: "arm", architecture: "valhall" }, false],
  [{ vendor: "qualcomm", architecture: "adreno-7xx" }, false],
  [{ vendor: "google", architecture: "swiftshader" }, false],
  [{ vendor: "microsoft", description: "Microsoft Basic Render Driver" }, false],
  [{ vendor: "nvidia-like" }, false],
  [{ vendor: "" }, false],
  [{}, false],
])("what %o says of itself: %s", (info, granted) => expect(grantsForwardProgress(info)).toBe(granted));
