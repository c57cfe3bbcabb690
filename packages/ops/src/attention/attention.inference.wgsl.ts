import { ropeAnglesKernel } from "../rope/rope.angles.wgsl.ts";
import { ropeKernel } from "../rope/rope.wgsl.ts";
import { attentionPlacesKernel } from "./attention.places.wgsl.ts";
import { attentionKernel } from "./attention.rows.wgsl.ts";

/** The WGSL kernels that running a layer of attention needs. */
export const attentionKernels = [attentionKernel, attentionPlacesKernel, ropeKernel, ropeAnglesKernel];
