/** WGSL text: what it says itself, and the shared functions that it uses. */
export interface Wgsl {
  readonly includes: ReadonlySet<string>;
  readonly body: string;
}

/** What a hole in a template may hold: a size, a switch, or shared functions. */
export type Hole = number | boolean | Wgsl;

/**
 * WGSL with sizes filled in. A hole that holds other WGSL leaves nothing where it stands: the shared
 * functions come in front, once, however many ask for them.
 *
 * ```ts
 * wgsl`
 *   ${softplus}
 *   @compute @workgroup_size(${64})
 *   fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] = softplus(x[id.x]); }
 * `;
 * ```
 *
 * @throws RangeError for a number that WGSL cannot write.
 */
export function wgsl(strings: TemplateStringsArray, ...holes: readonly Hole[]): Wgsl {
  const includes = new Set<string>();
  let body = strings[0];
  holes.forEach((hole, i) => {
    if (typeof hole === "object") {
      for (const text of hole.includes) includes.add(text);
      includes.add(hole.body);
    } else {
      body += literal(hole);
    }
    body += strings[i + 1];
  });
  return { includes, body };
}

/** The whole text: shared functions, then the body. */
export function wgslText({ includes, body }: Wgsl): string {
  return [...includes, body].join("\n");
}

function literal(value: number | boolean): string {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`Cannot write WGSL: ${value} is not a number that it has a literal for`);
  }
  return String(value);
}
