import process from "node:process";
import { existsSync } from "node:fs";
import { mesaVulkan } from "../../scripts/system.mjs";

// Deno's own WebGPU takes Mesa's driver, which the package "webgpu" refuses
if (existsSync(mesaVulkan())) process.env.VK_ICD_FILENAMES = mesaVulkan();
const { runWebGpuHere } = await import("./local.mjs");
await runWebGpuHere(`Deno ${Deno.version.deno} with a WebGPU of its own`);
