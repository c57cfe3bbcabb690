import { defineOp } from "@elapid/tensor";

/** Declaration of one step of a moving average: `newAverage = decay · average + (1 - decay) · parameter`. */
export const emaOp = defineOp({
  name: "ema",
  inputs: { average: "...", parameter: "..." },
  outputs: { newAverage: "..." },
  attributes: { decay: 0.999 },
  reference: ({ inputs: { average, parameter }, outputs: { newAverage }, attributes: { decay } }) => {
    for (let i = 0; i < average.length; i++) newAverage[i] = decay * average[i] + (1 - decay) * parameter[i];
  },
});
