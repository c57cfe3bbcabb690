/**
 * Length of the runs in which WGSL kernels sum over `in`: a run from its start to its end, then the runs in
 * order. Kernels for few and for many rows share it, so the choice of kernel does not show in the result.
 */
export const SUM_BLOCK = 32;
