/** What becomes of the matches of a pattern when text is split at it. */
export type SplitBehavior = "Isolated" | "Removed" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

export const splitBehaviors: readonly SplitBehavior[] = [
  "Isolated",
  "Removed",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
];

interface Part {
  readonly text: string;
  readonly matched: boolean;
}

/** Splits `text` at the matches of `pattern` (flags `gu`); with `invert`, at what lies between them. Empty pieces are dropped. */
export function splitAt(text: string, pattern: RegExp, behavior: SplitBehavior, invert = false): string[] {
  const parts = partsOf(text, pattern, invert);
  switch (behavior) {
    case "Isolated":
      return parts.map((part) => part.text);
    case "Removed":
      return parts.filter((part) => !part.matched).map((part) => part.text);
    case "Contiguous":
      return merge(parts, (part, previous) => part.matched === previous.matched);
    case "MergedWithPrevious":
      return merge(parts, (part, previous) => part.matched && !previous.matched);
    case "MergedWithNext":
      return merge(parts, (part, previous) => previous.matched && !part.matched);
    default:
      return behavior satisfies never;
  }
}

function partsOf(text: string, pattern: RegExp, invert: boolean): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === "") continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index), matched: invert });
    parts.push({ text: match[0], matched: !invert });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), matched: invert });
  return parts;
}

function merge(parts: readonly Part[], joins: (part: Part, previous: Part) => boolean): string[] {
  const merged: string[] = [];
  parts.forEach((part, i) => {
    if (i > 0 && joins(part, parts[i - 1])) merged[merged.length - 1] += part.text;
    else merged.push(part.text);
  });
  return merged;
}
