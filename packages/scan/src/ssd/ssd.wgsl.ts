import { ssdChunkedForward } from "./ssd.chunked.wgsl.ts";
import { ssdForward } from "./ssd.forward.wgsl.ts";

/** Forward kernels. Of two that suit a call, the first runs. */
export const ssdKernels = [ssdChunkedForward, ssdForward];
