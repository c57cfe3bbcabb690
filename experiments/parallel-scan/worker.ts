import { parentPort, workerData } from "node:worker_threads";
import { control, runLane, waitWhile, type WorkerSetup } from "./lane.ts";

const setup = workerData as WorkerSetup;
let ticket = 0;
parentPort!.postMessage("ready");
for (;;) {
  waitWhile(setup.control, control.ticket, ticket);
  ticket++;
  if (Atomics.load(setup.control, control.algorithm) < 0) break;
  runLane(setup);
}
