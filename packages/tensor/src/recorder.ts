import { Arena } from "./arena.ts";
import type { Backend, OpCall, View } from "./backend.ts";
import { byteLength as bytesOf } from "./dtype.ts";
import { Storage } from "./storage.ts";
import type { Tensor } from "./tensor.ts";

/** Where the values of a tensor lie. */
export interface Place {
  readonly storage: Storage;
  readonly offset: number;
}

/** A tensor that the function assigned to: what a run leaves there is what the next one reads. */
export interface Carry {
  readonly tensor: Tensor;
  /** Where its values lie after each turn. */
  readonly places: readonly Place[];
}

/** Notes what runs while a program is recorded, and holds the memory of all that it touches. */
export class Recorder {
  readonly calls: OpCall[] = [];
  /** Where tensors get their memory meanwhile. */
  readonly arena: Arena;
  readonly #held = new Set<Storage>();
  /** Tensors from outside that were assigned to, and where they lay before; their storage is held. */
  readonly #assigned = new Map<Tensor, Place>();

  constructor(backend: Backend) {
    this.arena = new Arena(backend);
  }

  /** Notes memory from outside that the program reads. */
  use(storage: Storage): void {
    if (storage.memory === this.arena || this.#held.has(storage)) return;
    this.#held.add(storage.retain());
  }

  /** Notes that a tensor is about to leave a place. */
  assigns(tensor: Tensor, from: Place): void {
    if (from.storage.memory === this.arena) return;
    this.use(from.storage);
    if (!this.#assigned.has(tensor)) this.#assigned.set(tensor, from);
  }

  /**
   * The calls of each turn, and what they carry over. A run reads the values before an assignment in one place and leaves
   * those after it in another; so the next run trades the places, and the one after it trades them back.
   *
   * @throws TypeError if a tensor was assigned what the function did not compute.
   */
  turns(): { readonly calls: readonly (readonly OpCall[])[]; readonly carries: readonly Carry[] } {
    const assigned = [...this.#assigned].filter(([tensor]) => !tensor.disposed);
    if (assigned.length === 0) return { calls: [this.calls], carries: [] };
    const odd: Move[] = [];
    const even: Move[] = [];
    const others = new Map<Storage, Place>();
    const carries = assigned.map(([tensor, before]): Carry => {
      const after = tensor.place;
      const { byteLength } = tensor;
      const { bytes } = after.storage.allocation;
      if (after.storage.memory !== this.arena || bytes !== byteLength) {
        throw new TypeError(
          "Cannot record: a tensor was assigned a part of another, or one from outside; the whole output of an op was needed",
        );
      }
      const other = others.get(after.storage) ?? this.#otherPlace(before, byteLength);
      others.set(after.storage, other);
      odd.push({ from: before, to: after, byteLength }, { from: after, to: other, byteLength });
      even.push({ from: before, to: other, byteLength });
      return { tensor, places: [other, after] };
    });
    return { calls: [odd, even].map((moves) => this.calls.map((call) => moveCall(call, moves))), carries };
  }

  /** Memory that the program holds from outside, or that it carries values in: nobody may put other memory in its place. */
  pin(carries: readonly Carry[]): void {
    for (const { places } of carries) {
      for (const { storage } of places) {
        if (!this.#held.has(storage)) this.#held.add(storage.retain());
      }
    }
    for (const storage of this.#held) storage.programs++;
  }

  /** Lets go of all memory; `pinned` if it was. */
  close(pinned: boolean): void {
    for (const storage of this.#held) {
      if (pinned) storage.programs--;
      storage.release();
    }
    this.arena.close();
  }

  /** A place to trade with: the one before, if nobody else looks at it. */
  #otherPlace(before: Place, byteLength: number): Place {
    const { storage } = before;
    if (!storage.isShared && storage.allocation.bytes === byteLength) return before;
    const fresh = new Storage(this.arena, byteLength, byteLength);
    this.#held.add(fresh);
    return { storage: fresh, offset: 0 };
  }
}

/** Bytes that lie elsewhere from now on. */
interface Move {
  readonly from: Place;
  readonly to: Place;
  readonly byteLength: number;
}

function moveCall(call: OpCall, moves: readonly Move[]): OpCall {
  const moved = <V extends View | undefined>(views: Readonly<Record<string, V>>) =>
    Object.fromEntries(Object.entries(views).map(([name, view]) => [name, view && moveView(view, moves)]));
  return { ...call, inputs: moved(call.inputs), outputs: moved(call.outputs) as Record<string, View> };
}

/** @throws TypeError if only a part of the view moves. */
function moveView(view: View, moves: readonly Move[]): View {
  const end = view.offset + bytesOf(view.dtype, view.shape);
  for (const { from, to, byteLength } of moves) {
    if (view.allocation !== from.storage.allocation) continue;
    const last = from.offset + byteLength;
    if (end <= from.offset || last <= view.offset) continue;
    if (view.offset < from.offset || last < end) {
      throw new TypeError("Cannot record: a tensor that is assigned to is read as a part of another");
    }
    return { ...view, allocation: to.storage.allocation, offset: view.offset - from.offset + to.offset };
  }
  return view;
}
