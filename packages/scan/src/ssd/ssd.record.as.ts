/** Elements of the record of a step, which the passes of the gradient hand on. */
export const RECORD = 6;
export const KIND = 0;
export const STEP = 1;
export const DECAY = 2;
export const SLOPE = 3; // of the step size by delta
export const DECAY_GRADIENT = 4; // of the loss by the exponent of the decay
export const DRIVE_GRADIENT = 5; // of the loss by the step size, through the input
