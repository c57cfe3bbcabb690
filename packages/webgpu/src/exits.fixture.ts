import { Device } from "@elapid/tensor";
import { affine, affineKernel } from "./gpu.fixture.ts";
import { openWebGpu } from "./open.ts";

// a program that uses a device, leaves it open, waits while garbage is collected, uses it again and comes to its end
const device = new Device(await openWebGpu({ kernels: [affineKernel], allowSoftware: true }));
const x = device.tensor([1, 2, 3]);
console.log([...(await affine({ x }, { factor: 2 }).y.data())].join());
for (let i = 0; i < 5; i++) {
  (globalThis as { gc?: () => void }).gc?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
}
console.log([...(await affine({ x }, { factor: 3 }).y.data())].join());
affine({ x }, { factor: 4 });
