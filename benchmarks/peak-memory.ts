/**
 * Opens a model in one engine, runs both works once, and prints the most memory that the process ever held, in bytes:
 * `node --conditions=@elapid/source benchmarks/peak-memory.ts elapid|llama.cpp PATH DTYPE THREADS`. Linux only.
 */
import { readFileSync } from "node:fs";
import type { WeightDType } from "@elapid/tensor";
import { openElapid, openLlamaCpp } from "./engines.ts";

const [engine, path, dtype, threads] = process.argv.slice(2);
const opened =
  engine === "elapid"
    ? await openElapid(path, dtype as WeightDType, Number(threads))
    : await openLlamaCpp(path, Number(threads));
await opened.decode();
await opened.prefill();
const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))!;
console.log(Number(kibibytes) * 1024);
await opened.dispose();
