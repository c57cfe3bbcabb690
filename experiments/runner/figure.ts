import { join } from "node:path";
import { install } from "../../scripts/setup.mjs";
import type { Figure, Plot } from "./experiment.ts";

const folder = join(import.meta.dirname, "..");
const WIDTH = 720;
const LETTER = 7.5; // pixels of a letter of the legend, about
const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

/** Colours that stand off a white and a black page, each with a symbol of its own for whom colours do not tell apart. */
const COLORS = ["#4269d0", "#e8590c", "#2f9e44", "#ae3ec9", "#c99700", "#0c8599", "#868e96"];
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "cross", "wye"];
const LETTERS = ["●", "■", "▲", "◆", "★", "✚", "Y"]; // the same, in the legend

/** An axis: the key of its values in a row, what is written beside it with the unit, and how it runs. */
export interface Axis {
  readonly key: string;
  readonly label: string;
  /** Default `"linear"`. */
  readonly type?: "linear" | "log";
  /** Of a logarithmic axis. Default 10. */
  readonly base?: number;
  readonly domain?: readonly [number, number];
}

export interface LinesOptions {
  readonly x: Axis;
  readonly y: Axis;
  /** Key of what tells lines apart. */
  readonly series: string;
  /** Key of what tells panels beside each other apart. */
  readonly panels?: string;
  /** Keys of the ends of a band around each line, such as the least and the greatest of some seeds. */
  readonly band?: readonly [low: string, high: string];
  /** Whether there is a symbol at each row. Default `true`. */
  readonly dots?: boolean;
  readonly height?: number;
}

/** A line with symbols for each series, a legend above, and panels beside each other if asked for. */
export function lines({ x, y, series, panels, band, dots = true, height = 420 }: LinesOptions): Figure["draw"] {
  return (plot, rows) => {
    const value = (row: object, key: string) => (row as Readonly<Record<string, unknown>>)[key];
    const names = [...new Set(rows.map((row) => String(value(row, series))))];
    const at = { x: x.key, fx: panels };
    const area = band && plot.areaY(rows, { ...at, y1: band[0], y2: band[1], fill: series, fillOpacity: 0.18 });
    return {
      height,
      marginLeft: 68,
      marginBottom: 44,
      ...(panels !== undefined && { fx: { label: null, padding: 0.12 } }),
      x: axisOf(x, panels === undefined ? undefined : 4),
      y: { ...axisOf(y), grid: true },
      color: { domain: names, range: COLORS },
      symbol: { domain: names, range: SYMBOLS },
      marks: [
        ...(area ? [area] : []),
        plot.lineY(rows, { ...at, y: y.key, stroke: series, strokeWidth: 2 }),
        ...(dots ? [plot.dot(rows, { ...at, y: y.key, fill: series, symbol: series, r: 4 })] : []),
      ],
      legend: names,
    };
  };
}

function axisOf({ label, type, base, domain }: Axis, ticks?: number): object {
  const format = type !== "log" ? {} : { tickFormat: base === 2 ? power : decimal };
  return { label, type, base, domain, ticks, nice: base !== 2, labelArrow: "none", labelAnchor: "center", ...format };
}

/** A tick of a logarithmic axis, as short as it is exact; those in between go without a number. */
function decimal(value: number): string {
  const size = Math.log10(value);
  if (Math.abs(size - Math.round(size)) > 1e-9) return "";
  return value >= 1e-3 && value < 1e5 ? String(Number(value.toPrecision(1))) : value.toExponential(0);
}

/** A power of two as people write it in a line of text. */
function power(value: number): string {
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  return `2${[...String(Math.round(Math.log2(value)))].map((digit) => digits[Number(digit)] ?? "⁻").join("")}`;
}

/** Draws figures as SVG that reads on light and on dark pages; installs what draws them if it is not there. */
export async function openStudio(): Promise<(figure: Figure) => string> {
  install(folder, "the plotting library");
  const modules = join(folder, "node_modules");
  const plot = (await import(join(modules, "@observablehq/plot/src/index.js"))) as Plot;
  const { parseHTML } = (await import(join(modules, "linkedom/esm/index.js"))) as {
    parseHTML(html: string): { readonly document: object };
  };
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  return ({ draw, rows, caption }) => {
    const { legend = [], ...options } = draw(plot, rows) as { legend?: readonly string[]; marginTop?: number };
    const keys = placeLegend(legend);
    const drawn = plot.plot({
      width: WIDTH,
      document,
      style: { fontSize: "13px", fontFamily: FONT },
      ...options,
      marginTop: (options.marginTop ?? 44) + keys.height,
    });
    return framed(drawn.outerHTML, caption, keys.text);
  };
}

/** Names of the series in rows above the figure, each after its symbol. */
function placeLegend(names: readonly string[]) {
  let [left, top] = [12, 20];
  const text = names.map((name, i) => {
    const width = 30 + LETTER * name.length;
    if (left > 12 && left + width > WIDTH) [left, top] = [12, top + 20];
    const [color, symbol] = [COLORS[i % COLORS.length], LETTERS[i % LETTERS.length]];
    const label = `<tspan fill="${color}">${symbol}</tspan> ${escape(name)}`;
    const key = `<text x="${left}" y="${top}" text-anchor="start">${label}</text>`;
    left += width;
    return key;
  });
  return { text: text.join(""), height: names.length === 0 ? 0 : top - 8 };
}

function framed(svg: string, caption: string, legend: string): string {
  const style = `
    svg { color: #1f2328; } .page { fill: #ffffff; }
    @media (prefers-color-scheme: dark) { svg { color: #e6edf3; } .page { fill: #0d1117; } }`;
  return `${svg.replace(
    /<svg([^>]*)>(<style>.*?<\/style>)?/s,
    (_, attributes: string) =>
      `<svg xmlns="http://www.w3.org/2000/svg"${attributes} role="img"><title>${escape(caption)}</title><style>${style}</style><rect class="page" width="100%" height="100%"/><g>${legend}</g>`,
  )}\n`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
