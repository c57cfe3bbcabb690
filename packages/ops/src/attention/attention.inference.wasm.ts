import { ropeAnglesKernel, ropeKernel } from "../rope/rope.wasm.ts";
import { attentionPlacesKernel } from "./attention.places.wasm.ts";
import { attentionKernel, attentionTiledKernel } from "./attention.wasm.ts";

/** The WebAssembly kernels that running a layer of attention needs. */
export const attentionKernels = [
  attentionTiledKernel,
  attentionKernel,
  attentionPlacesKernel,
  ropeKernel,
  ropeAnglesKernel,
];
