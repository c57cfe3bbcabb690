import { expect, test } from "vitest";
import { testModule } from "./fixture.ts";
import { instantiate, moduleBytes, unshareMemory } from "./module.ts";

const module = await testModule();

test.each(["relaxed", "simd128"] as const)(
  "%s: a build runs in memory that is shared or not, each with its own import",
  async (simd) => {
    for (const shared of [true, false]) {
      const memory = (shared: boolean) => new WebAssembly.Memory({ initial: 16, maximum: 65536, shared });
      const bytes = moduleBytes(module, simd, shared);
      const own = memory(shared);
      const { variant } = await instantiate(bytes, { memory: own });
      variant(0, 1, 0, 4096);
      expect(new Float32Array(own.buffer)[1024]).toBe(simd === "relaxed" ? 1 : 0);
      await expect(instantiate(bytes, { memory: memory(!shared) })).rejects.toThrow(WebAssembly.LinkError);
    }
  },
);

test("only a shared memory can be made one of its own", () => {
  const unshared = moduleBytes(module, "simd128", false);
  for (const bytes of [unshared, Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)]) {
    expect(() => unshareMemory(bytes, "test")).toThrow(
      new SyntaxError('Cannot load the kernels of "test": a module that imports a shared memory was needed'),
    );
  }
});
