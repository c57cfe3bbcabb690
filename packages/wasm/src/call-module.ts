const I32 = 0x7f;
const VOID = 0x40;
const FUNC_TYPE = 0x60;

/**
 * A module whose one function, `call(kernel, begin, end, scratch, args)`, calls a kernel with the integers at `args`. Kernels
 * take different numbers of arguments, so each has a case of its own:
 *
 *     switch (kernel) { case 7: kernel7(begin, end, scratch, load(args), load(args + 4)); return; … }
 *
 * @param arities numbers of parameters of the kernels, which are imported as `env.0`, `env.1` and so on beside `env.memory`
 */
export function callModule(arities: readonly number[], shared: boolean): Uint8Array<ArrayBuffer> {
  const kinds = [...new Set(arities)];
  const type = (parameters: number) => [FUNC_TYPE, ...sized(Array<number>(parameters).fill(I32)), 0];
  const memory = [...text("env"), ...text("memory"), 2, shared ? 3 : 1, 1, ...unsigned(65536)];
  const imports = arities.map((arity, k) => [
    ...text("env"),
    ...text(String(k)),
    0,
    ...unsigned(1 + kinds.indexOf(arity)),
  ]);
  return Uint8Array.from([
    ...[0, 97, 115, 109, 1, 0, 0, 0],
    ...section(1, vector([type(5), ...kinds.map(type)])),
    ...section(2, vector([memory, ...imports])),
    ...section(3, vector([[0]])),
    ...section(7, vector([[...text("call"), 0, ...unsigned(arities.length)]])),
    ...section(10, vector([sized([0, ...body(arities), END])])),
  ]);
}

const GET = 0x20;
const LOAD = 0x28;
const BLOCK = 0x02;
const END = 0x0b;
const RETURN = 0x0f;
const CALL = 0x10;
const BRANCH_TABLE = 0x0e;

/** One block for each kernel around a branch out of the one asked for; behind its end stands the call. */
function body(arities: readonly number[]): number[] {
  const cases = arities.map((arity, k) => {
    const loads = Array.from({ length: arity - 3 }, (_, i) => [GET, 4, LOAD, 2, ...unsigned(4 * i)]);
    return [END, GET, 1, GET, 2, GET, 3, ...loads.flat(), CALL, ...unsigned(k), RETURN];
  });
  const targets = vector(arities.map((_, k) => unsigned(k)));
  const opened = arities.flatMap(() => [BLOCK, VOID]);
  return [...opened, GET, 0, BRANCH_TABLE, ...targets, ...unsigned(arities.length), ...cases.flat()];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)];
}

function sized(content: readonly number[]): number[] {
  return [...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(value: string): number[] {
  return sized([...value].map((character) => character.charCodeAt(0)));
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...unsigned(Math.floor(value / 128))];
}
