import { PickleMachine, type PickleOptions } from "./pickle-machine.ts";

const STOP = 0x2e;

/**
 * Reads a pickle without executing anything: the opcodes are the few that plain data needs, and a global is
 * refused unless `globals` has it. Dicts become `Map`s, lists arrays, tuples frozen arrays.
 *
 * @throws SyntaxError naming the opcode or global and its byte offset.
 */
export function readPickle(bytes: Uint8Array, options: PickleOptions): unknown {
  const machine = new PickleMachine(bytes, options);
  for (;;) {
    const opcode = machine.opcode();
    if (opcode === STOP) return machine.stop();
    const run = allowed[opcode];
    if (!run) throw machine.refuse(`opcode ${nameOf(opcode)} is not allowed, only plain data and tensors are read`);
    run(machine);
  }
}

const allowed: Readonly<Record<number, (machine: PickleMachine) => void>> = {
  0x80: (m) => m.protocol(m.uint(1)), // PROTO
  0x95: (m) => m.skip(8), // FRAME, only a hint
  0x28: (m) => m.mark(), // MARK

  0x4e: (m) => m.push(null), // NONE
  0x88: (m) => m.push(true), // NEWTRUE
  0x89: (m) => m.push(false), // NEWFALSE
  0x4b: (m) => m.push(m.uint(1)), // BININT1
  0x4d: (m) => m.push(m.uint(2)), // BININT2
  0x4a: (m) => m.push(m.uint(4) | 0), // BININT
  0x8a: (m) => m.push(m.long(m.uint(1))), // LONG1
  0x47: (m) => m.push(m.float()), // BINFLOAT
  0x8c: (m) => m.push(m.text(m.uint(1))), // SHORT_BINUNICODE
  0x58: (m) => m.push(m.text(m.uint(4))), // BINUNICODE
  0x8d: (m) => m.push(m.text(m.uint(8))), // BINUNICODE8
  0x55: (m) => m.push(m.text(m.uint(1))), // SHORT_BINSTRING
  0x54: (m) => m.push(m.text(m.uint(4))), // BINSTRING
  0x43: (m) => m.push(m.take(m.uint(1))), // SHORT_BINBYTES
  0x42: (m) => m.push(m.take(m.uint(4))), // BINBYTES

  0x29: (m) => m.push(Object.freeze([])), // EMPTY_TUPLE
  0x85: (m) => m.push(Object.freeze(m.pop(1))), // TUPLE1
  0x86: (m) => m.push(Object.freeze(m.pop(2))), // TUPLE2
  0x87: (m) => m.push(Object.freeze(m.pop(3))), // TUPLE3
  0x74: (m) => m.push(Object.freeze(m.popToMark())), // TUPLE
  0x5d: (m) => m.push([]), // EMPTY_LIST
  0x6c: (m) => m.push(m.popToMark()), // LIST
  0x61: (m) => m.append(m.pop(1)), // APPEND
  0x65: (m) => m.append(m.popToMark()), // APPENDS
  0x7d: (m) => m.push(new Map()), // EMPTY_DICT
  0x64: (m) => m.dict(m.popToMark()), // DICT
  0x73: (m) => m.setItems(m.pop(2)), // SETITEM
  0x75: (m) => m.setItems(m.popToMark()), // SETITEMS

  0x71: (m) => m.remember(m.uint(1)), // BINPUT
  0x72: (m) => m.remember(m.uint(4)), // LONG_BINPUT
  0x94: (m) => m.remember(), // MEMOIZE
  0x68: (m) => m.recall(m.uint(1)), // BINGET
  0x6a: (m) => m.recall(m.uint(4)), // LONG_BINGET

  0x63: (m) => m.global(m.line(), m.line()), // GLOBAL
  0x93: (m) => m.global(...(m.pop(2) as [unknown, unknown])), // STACK_GLOBAL
  0x51: (m) => m.persistent(), // BINPERSID
  0x52: (m) => m.reduce(), // REDUCE
  0x62: (m) => m.build(), // BUILD
};

/** Opcodes that could build objects or run code, and forms that PyTorch does not write. */
const refused: Readonly<Record<number, string>> = {
  0x30: "POP",
  0x31: "POP_MARK",
  0x32: "DUP",
  0x46: "FLOAT",
  0x49: "INT",
  0x4c: "LONG",
  0x50: "PERSID",
  0x53: "STRING",
  0x56: "UNICODE",
  0x67: "GET",
  0x69: "INST",
  0x6f: "OBJ",
  0x70: "PUT",
  0x81: "NEWOBJ",
  0x82: "EXT1",
  0x83: "EXT2",
  0x84: "EXT4",
  0x8b: "LONG4",
  0x8e: "BINBYTES8",
  0x8f: "EMPTY_SET",
  0x90: "ADDITEMS",
  0x91: "FROZENSET",
  0x92: "NEWOBJ_EX",
  0x96: "BYTEARRAY8",
  0x97: "NEXT_BUFFER",
  0x98: "READONLY_BUFFER",
};

function nameOf(opcode: number): string {
  return refused[opcode] ?? `0x${opcode.toString(16).padStart(2, "0")}`;
}
