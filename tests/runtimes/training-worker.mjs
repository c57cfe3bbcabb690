/** Trains in a worker of a page: answers `{ kind, threads, steps, batch }` with a message for each step, and then the result. */
import { openDevice } from "elapid";
import { trainToCopy } from "./training.mjs";

addEventListener("message", async ({ data: { kind, threads, steps, batch } }) => {
  try {
    const device = await openDevice(kind, { threads, allowSoftware: true, strict: true });
    const result = await trainToCopy(device, { steps, batch, onStep: ({ step }) => postMessage({ step }) });
    const { description, liveBytes } = device;
    device.dispose();
    postMessage({ result: { ...result, description, liveBytes } });
  } catch (error) {
    postMessage({ failure: String(error?.stack ?? error), unsupported: error?.name === "UnsupportedError" });
  }
});
