import { runHere } from "./local.mjs";

await runHere(`Bun ${Bun.version}`);
