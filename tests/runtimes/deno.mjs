import { runHere } from "./local.mjs";

await runHere(`Deno ${Deno.version.deno}`);
