/** Among the features that kernels are told of: a workgroup that has begun goes on, however long others wait for it. */
export const FORWARD_PROGRESS = "forward-progress";

/**
 * Vendors whose GPUs were found to let every workgroup that has begun go on (Sorensen et al. 2021, "Specifying and testing
 * GPU workgroup progress models"). Those of Apple and ARM were found not to.
 */
const FOUND_TO = /^(nvidia|amd|intel)$/i;

/** Told of hardware that answers to a vendor's name and is a program on the CPU. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i;

/**
 * Whether an adapter may be trusted with kernels whose workgroups wait for each other. WebGPU promises nothing of the kind,
 * so who is not known gets none.
 */
export function grantsForwardProgress(info: Partial<GPUAdapterInfo>): boolean {
  const { vendor = "", architecture = "", device = "", description = "", isFallbackAdapter = false } = info;
  if (isFallbackAdapter || SOFTWARE.test(`${architecture} ${device} ${description}`)) return false;
  return FOUND_TO.test(vendor);
}
