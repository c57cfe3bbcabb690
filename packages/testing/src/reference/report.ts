/** One thing that was compared. */
export interface Check {
  /** `kernels/selective_scan/length_7`, `checkpoints/mamba:logits`. */
  readonly id: string;
  /** What the table groups by: an op, or a model and what of it. */
  readonly group: string;
  readonly outcome: Passed | Failed | Unsupported;
}

/** The worst of its comparisons, for those that have a size. */
export interface Passed {
  readonly kind: "passed";
  readonly error?: number;
  readonly tolerance?: number;
}

export interface Failed {
  readonly kind: "failed";
  /** Which tensor or token, and how. */
  readonly what: string;
  readonly error?: number;
  readonly tolerance?: number;
}

export interface Unsupported {
  readonly kind: "unsupported";
  readonly why: string;
}

/** One thing against its expectation; a tolerance of 0 asks for equality. */
export interface Comparison {
  readonly what: string;
  readonly error: number;
  readonly tolerance: number;
}

/** Several comparisons as one outcome: the first failure, or the one nearest to its tolerance. */
export function worst(comparisons: readonly Comparison[]): Passed | Failed {
  if (comparisons.length === 0) return { kind: "failed", what: "there was nothing to compare" };
  for (const { what, error, tolerance } of comparisons) {
    if (!(error <= tolerance)) return { kind: "failed", what, error, tolerance };
  }
  const { error, tolerance } = nearest(comparisons)!;
  return tolerance === 0 ? { kind: "passed" } : { kind: "passed", error, tolerance };
}

function nearest<T extends { readonly error: number; readonly tolerance: number }>(sized: readonly T[]): T | undefined {
  const share = ({ error, tolerance }: T) => (error === 0 ? 0 : error / tolerance);
  return sized.toSorted((a, b) => share(b) - share(a) || b.tolerance - a.tolerance)[0];
}

/** What `--json` prints. */
export function toJson(device: string, checks: readonly Check[]) {
  const passed: string[] = [];
  const failed: { id: string; what: string; error: number | null; tolerance: number | null }[] = [];
  const unsupported: { id: string; why: string }[] = [];
  for (const { id, outcome } of checks) {
    switch (outcome.kind) {
      case "passed":
        passed.push(id);
        break;
      case "failed": {
        const { what, error, tolerance } = outcome;
        failed.push({
          id,
          what,
          error: error !== undefined && Number.isFinite(error) ? error : null,
          tolerance: tolerance ?? null,
        });
        break;
      }
      case "unsupported":
        unsupported.push({ id, why: outcome.why });
        break;
      default:
        outcome satisfies never;
    }
  }
  return { device, passed, failed, unsupported };
}

/** What a person reads: a line a group, what failed, what is not supported, the counts last. */
export function toTable(device: string, checks: readonly Check[]): string {
  const lines: string[] = [device, ""];
  const groups = Map.groupBy(checks, ({ group }) => group);
  const rows: string[][] = [];
  for (const [group, members] of groups) {
    const passed = members.flatMap(({ outcome }) => (outcome.kind === "passed" ? [outcome] : []));
    const failed = members.flatMap(({ outcome }) => (outcome.kind === "failed" ? [outcome] : []));
    if (passed.length + failed.length === 0) continue;
    const sized = [...failed, ...passed].flatMap(({ error, tolerance }) =>
      error === undefined || tolerance === undefined ? [] : [{ error, tolerance }],
    );
    const top = nearest(sized);
    const figures = top === undefined ? ["exact", ""] : [top.error.toExponential(1), top.tolerance.toExponential(1)];
    rows.push([group, `${passed.length}`, `${failed.length}`, ...figures]);
  }
  lines.push(...columns([["checked", "passed", "failed", "worst error", "tolerance"], ...rows]));

  const failures = checks.flatMap(({ id, outcome }) =>
    outcome.kind === "failed"
      ? [
          `  ${id}: ${outcome.what}${outcome.error === undefined ? "" : `, off by ${outcome.error}, allowed ${outcome.tolerance}`}`,
        ]
      : [],
  );
  if (failures.length > 0) lines.push("", "failed:", ...failures);

  const missing = checks.flatMap(({ id, group, outcome }) =>
    outcome.kind === "unsupported" ? [{ id, group, why: outcome.why }] : [],
  );
  if (missing.length > 0) lines.push("", "not supported (--json names every case):");
  for (const [why, cases] of Map.groupBy(missing, ({ why }) => why)) {
    const few = cases.map(({ id }) => id);
    const many = [...Map.groupBy(cases, ({ group }) => group)].map(([group, members]) => `${group} ${members.length}`);
    lines.push(`  ${cases.length} ${why}: ${cases.length <= 4 ? few.join(", ") : many.join(", ")}`);
  }

  lines.push("", `${missing.length} not supported`, closingLine(checks));
  return lines.join("\n");
}

/** `N passed, N failed`. */
export function closingLine(checks: readonly Check[]): string {
  const count = (kind: string) => checks.filter(({ outcome }) => outcome.kind === kind).length;
  return `${count("passed")} passed, ${count("failed")} failed`;
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd(),
  );
}
