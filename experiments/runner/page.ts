import type { Cell, Figure, Report, Table } from "./experiment.ts";

/** A piece of a page that the command writes: what stands between `<!-- name -->` and `<!-- end -->`. */
export interface Block {
  readonly name: string;
  readonly text: string;
}

/** What a page shows of a run: where it was printed, its tables and its figures. */
export function blocksOf(report: Report, provenance: string, suffix: string): Block[] {
  const mark = suffix === "" ? "" : ` ${suffix.slice(1)}`;
  return [
    { name: `run${mark}`, text: provenance },
    ...report.tables.map((table) => ({ name: `table ${table.name}${mark}`, text: markdown(table) })),
    ...report.figures.map((figure) => ({ name: `figure ${figure.name}${mark}`, text: picture(figure, suffix) })),
  ];
}

/** Writes blocks into a page; gives it with the names of those that it has no place for. */
export function fill(
  page: string,
  blocks: readonly Block[],
): { readonly page: string; readonly missing: readonly string[] } {
  const missing: string[] = [];
  for (const { name, text } of blocks) {
    const [begin, end] = [`<!-- ${name} -->`, "<!-- end -->"];
    const from = page.indexOf(begin);
    const to = page.indexOf(end, from);
    if (from === -1 || to === -1) missing.push(name);
    else page = `${page.slice(0, from)}${begin}\n${text}\n${page.slice(to)}`;
  }
  return { page, missing };
}

/** A page with nothing but places for blocks. */
export function emptyPage(title: string, blocks: readonly Block[]): string {
  return `# ${title}\n${blocks.map(({ name }) => `\n<!-- ${name} -->\n<!-- end -->\n`).join("")}`;
}

export function markdown({ rows }: Table): string {
  if (rows.length === 0) return "Not measured yet.";
  const columns = Object.keys(rows[0]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const body = rows.map((row) => line(columns.map((column) => cellText(row[column]))));
  return [line(columns), line(columns.map(() => "---")), ...body].join("\n");
}

function picture({ name, caption }: Figure, suffix: string): string {
  return `![${caption}](${name}${suffix}.svg)\n\n*${caption}*`;
}

/** Whole numbers as they are, others to three digits. */
function cellText(cell: Cell | undefined): string {
  if (cell == null) return "–";
  if (typeof cell !== "number" || Number.isInteger(cell)) return String(cell);
  const size = Math.abs(cell);
  if (size < 1e-3 || size >= 1e6) return cell.toExponential(2);
  return size >= 100 ? cell.toFixed(0) : cell.toPrecision(3);
}
