import { cpus } from "node:os";
import { median, spread } from "./stats.ts";

/** One line of a comparison. `ratio` above 1 says that elapid is ahead, of memory that it takes more; without a peer there is none. */
export interface Row {
  readonly work: string;
  readonly dtype: string;
  readonly threads: number;
  readonly elapid: number;
  readonly peer: number | undefined;
  /** Or why there is no peer. */
  readonly peerName: string;
  readonly unit: string;
  readonly ratio: number | undefined;
  /** The larger of the two spreads: half the distance between quartiles, as a share of the median. */
  readonly spread: number;
  /** What is reached of what the machine can do. */
  readonly share?: string;
}

/** A row of rates, of `count` things a run, from the seconds of interleaved runs; a peer that is not there has none. */
export function rateRow(
  what: Pick<Row, "work" | "dtype" | "threads" | "peerName" | "unit">,
  count: number,
  elapidSeconds: readonly number[],
  peerSeconds: readonly number[],
): Row {
  const elapid = count / median(elapidSeconds);
  if (peerSeconds.length === 0) {
    return { ...what, elapid, peer: undefined, ratio: undefined, spread: spread(elapidSeconds) };
  }
  const peer = count / median(peerSeconds);
  return { ...what, elapid, peer, ratio: elapid / peer, spread: Math.max(spread(elapidSeconds), spread(peerSeconds)) };
}

export function machine(): string {
  const [{ model }] = cpus();
  return `${model}, ${cpus().length} cores, Node ${process.versions.node}`;
}

/** Prints rows as a table, or as the one object that `--json` promises. */
export function printRows(rows: readonly Row[], json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ machine: machine(), rows }));
    return;
  }
  console.log(`${machine()}; medians of interleaved runs`);
  console.table(
    rows.map(({ work, dtype, threads, elapid, peer, peerName, unit, ratio, spread, share }) => ({
      work,
      dtype,
      threads,
      [`elapid`]: `${elapid.toFixed(1)} ${unit}`,
      peer: peer === undefined ? peerName : `${peerName} ${peer.toFixed(1)} ${unit}`,
      ratio: ratio?.toFixed(2) ?? "none",
      spread: `±${(100 * spread).toFixed(0)} %`,
      ...(rows.some((row) => row.share !== undefined) && { share: share ?? "" }),
    })),
  );
}
