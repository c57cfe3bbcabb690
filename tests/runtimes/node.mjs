import { runHere } from "./local.mjs";

await runHere(`Node ${process.versions.node}`);
