import { wgsl, type Wgsl } from "@elapid/webgpu";

const types = ["f32", "vec2f", "vec3f", "vec4f"];
const matrices = ["f32", "mat2x2f", "mat3x3f", "mat4x4f"];

/** `Element`, what an operator combines, with `PARTS` numbers: `elementFrom` and `partsOf` turn them into each other. */
export function elementType(parts: number): Wgsl {
  const read = Array.from({ length: parts }, (_, i) => `parts[${i}]`).join(", ");
  const parted =
    parts === 1
      ? "element"
      : [..."xyzw"]
          .slice(0, parts)
          .map((name) => `element.${name}`)
          .join(", ");
  return plain(`
alias Element = ${types[parts - 1]};
const PARTS = ${parts}u;
fn elementFrom(parts: array<f32, PARTS>) -> Element { return Element(${read}); }
fn partsOf(element: Element) -> array<f32, PARTS> { return array<f32, PARTS>(${parted}); }`);
}

/** `slopeOf(first, second)`: the matrix by which `pull` takes a gradient to that by `first`; `Matrix` is its type. */
export function slopeOf(parts: number): Wgsl {
  const columns = Array.from({ length: parts }, (_, column) => {
    const unit = Array.from({ length: parts }, (_, i) => (i === column ? 1 : 0)).join(", ");
    return `pull(first, second, Element(${unit})).first`;
  });
  return plain(`
alias Matrix = ${matrices[parts - 1]};
fn slopeOf(first: Element, second: Element) -> Matrix { return Matrix(${columns.join(", ")}); }`);
}

/** `xAt(at)`: an element of the tensor `x`. */
export function reader(tensor: string): Wgsl {
  return plain(`
fn ${tensor}At(at: u32) -> Element {
  var parts: array<f32, PARTS>;
  for (var i = 0u; i < PARTS; i++) { parts[i] = ${tensor}[at * PARTS + i]; }
  return elementFrom(parts);
}`);
}

/** `putY(at, element)` of a tensor `y`. */
export function writer(tensor: string): Wgsl {
  return plain(`
fn put${tensor[0].toUpperCase()}${tensor.slice(1)}(at: u32, element: Element) {
  var parts = partsOf(element);
  for (var i = 0u; i < PARTS; i++) { ${tensor}[at * PARTS + i] = parts[i]; }
}`);
}

/** `identity()`, by its bits: WGSL has no literal for an infinity. */
export function identityOf(identity: readonly number[]): Wgsl {
  const bits = new Uint32Array(Float32Array.from({ length: 4 }, (_, i) => identity[i] ?? 0).buffer);
  return wgsl`
fn identity() -> Element {
  var bits = vec4u(${bits[0]}u, ${bits[1]}u, ${bits[2]}u, ${bits[3]}u);
  let numbers = bitcast<vec4f>(bits);
  var parts: array<f32, PARTS>;
  for (var i = 0u; i < PARTS; i++) { parts[i] = numbers[i]; }
  return elementFrom(parts);
}`;
}

/** WGSL that comes as it is. */
export function plain(body: string): Wgsl {
  return { includes: new Set(), body };
}
