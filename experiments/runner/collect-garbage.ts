import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Collects garbage now. The memory of a device goes back to the system when the device is collected, which the engine does not
 * hurry to do, as it does not count that memory; an experiment that opens many would run out of it.
 */
export const collectGarbage = (() => {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
})();
