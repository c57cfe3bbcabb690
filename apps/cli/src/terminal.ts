import { Presets, SingleBar } from "cli-progress";
import type { Output } from "./command.ts";

/** How far something has come; what `onProgress` of `load` is given. */
export interface Progress {
  readonly file: string;
  readonly loaded: number;
  readonly total: number;
}

/** A bar on a terminal for work that takes longer than `patience` milliseconds; nothing in a pipe. `stop` leaves no trace of it. */
export function progressBar(stream: Output, patience = 400): { update(progress: Progress): void; stop(): void } {
  if (!stream.isTTY) return { update() {}, stop() {} };
  const began = performance.now();
  const files = new Map<string, Progress>();
  let bar: SingleBar | undefined;
  return {
    update(progress) {
      files.set(progress.file, progress);
      const all = [...files.values()];
      const loaded = all.reduce((sum, file) => sum + file.loaded, 0);
      const total = all.reduce((sum, file) => sum + file.total, 0);
      const payload = { file: progress.file, size: bytes(total) };
      if (bar) {
        bar.setTotal(total);
        bar.update(loaded, payload);
      } else if (performance.now() - began >= patience) {
        // a cursor that stays visible needs no mending after Ctrl-C
        const options = {
          stream,
          format: "{file} {bar} {percentage}% of {size}",
          clearOnComplete: true,
          gracefulExit: false,
          hideCursor: false,
        };
        bar = new SingleBar(options, Presets.shades_classic);
        bar.start(total, loaded, payload);
      }
    },
    stop: () => bar?.stop(),
  };
}

/** How a training run goes on, on a terminal; nothing in a pipe. `say` writes a line above it. */
export function trainingBar(stream: Output): {
  update(progress: {
    readonly step: number;
    readonly steps: number;
    readonly loss: number;
    readonly speed: number;
  }): void;
  say(line: string): void;
  stop(): void;
} {
  if (!stream.isTTY) return { update() {}, say: (line) => void stream.write(`${line}\n`), stop() {} };
  const format = "step {value}/{total} {bar} loss {loss}, {speed} tokens/s, {eta_formatted} left";
  const options = { stream, format, clearOnComplete: true, gracefulExit: false, hideCursor: false };
  const bar = new SingleBar(options, Presets.shades_classic);
  let isStarted = false;
  return {
    update({ step, steps, loss, speed }) {
      const payload = { loss: loss.toFixed(3), speed: grouped(Math.round(speed)) };
      if (!isStarted) bar.start(steps, step, payload);
      isStarted = true;
      bar.setTotal(steps);
      bar.update(step, payload);
    },
    say: (line) => void stream.write(`\r\x1b[K${line}\n`),
    stop: () => bar.stop(),
  };
}

/** `12.3 MiB`. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = count < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10));
  return `${power === 0 ? count : (count / 1024 ** power).toFixed(1)} ${units[power]}`;
}

/** `1,400,256`. */
export function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

/** Lines of two columns, the first as wide as its widest entry. */
export function columns(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}
