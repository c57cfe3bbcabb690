/**
 * Five ways to compute `h[t] = a[t] h[t-1] + b[t]`, `h[-1] = 0`, by several lanes that share a memory. They rest on one
 * operator that joins neighbouring pieces of the sequence, which is associative:
 *
 *     (a, b) ∘ (a', b') = (a' a, a' b + b')
 *
 * What a lane does is a generator, so that the same text runs on threads and, lane by lane, where joins are counted:
 * at `yield "barrier"` a lane waits for all others, at `yield "again"` it looks again at what another lane owes it.
 */
export type Algorithm = (lane: Lane, memory: ScanMemory) => Generator<"barrier" | "again", void>;

/** What is shared. All but `a` and `b` is written. */
export interface ScanMemory {
  readonly a: Float32Array; // time
  readonly b: Float32Array; // time
  readonly h: Float32Array; // time
  /** Four times as many numbers as the next power of two of `time`. */
  readonly scratch: Float32Array;
  /** What lanes tell each other, zeroed before each run. */
  readonly flags: Int32Array;
}

/** One of `count` that run the same program. */
export interface Lane {
  readonly index: number;
  readonly count: number;
  /** Notes that this lane joined two pieces so many times, one after the other. */
  joined(times: number): void;
  /** Notes that it says something to other lanes. */
  told(flag: number): void;
  /** Notes that it heard what was told. */
  heard(flag: number): void;
}

/** Steps of a tile of the algorithm that looks back. */
export const TILE = 2048;

/** Words of `flags` before those of the tiles. */
const NEXT_TILE = 0;
const TILES = 1;

/** What is known of a tile: nothing, its own pair, the state behind it. */
const [, OWN, ALL] = [0, 1, 2];

/** One step after the other; the other lanes have nothing to do. */
// oxlint-disable-next-line require-yield -- no barrier is what is special about it
function* serial(lane: Lane, { a, b, h }: ScanMemory): ReturnType<Algorithm> {
  if (lane.index > 0) return;
  lane.joined(walk(a, b, h, 0, a.length, 0));
}

/**
 * Hillis and Steele 1986: in round `r` every step is joined with the piece that ends `2^r` steps before it. After
 * `log2(time)` rounds every piece begins at 0. Few rounds, but each of them touches every step.
 */
function* hillisSteele(lane: Lane, { a, b, h, scratch }: ScanMemory): ReturnType<Algorithm> {
  const time = a.length;
  const [begin, end] = share(lane, time);
  const size = scratch.length / 4;
  let [fromA, fromB, toA, toB] = [0, 1, 2, 3].map((i) => scratch.subarray(i * size, i * size + time));
  fromA.set(a.subarray(begin, end), begin);
  fromB.set(b.subarray(begin, end), begin);
  yield "barrier";
  for (let distance = 1; distance < time; distance *= 2) {
    for (let t = begin; t < end; t++) {
      const joins = t >= distance;
      toA[t] = joins ? fromA[t] * fromA[t - distance] : fromA[t];
      toB[t] = joins ? fromA[t] * fromB[t - distance] + fromB[t] : fromB[t];
    }
    lane.joined(Math.max(0, end - Math.max(begin, distance)));
    [fromA, fromB, toA, toB] = [toA, toB, fromA, fromB];
    yield "barrier";
  }
  h.set(fromB.subarray(begin, end), begin);
}

/**
 * Blelloch 1990: up a binary tree, pairs are joined to pieces twice as long; down it, every node learns the state in front
 * of it. Twice the rounds of Hillis and Steele, and a join for each node instead of one for each step and round.
 */
function* blelloch(lane: Lane, { a, b, h, scratch }: ScanMemory): ReturnType<Algorithm> {
  const time = a.length;
  const size = scratch.length / 4; // a power of two; steps behind the last leave the state as it is
  const [treeA, treeB, before] = [0, 1, 2].map((i) => scratch.subarray(i * size, (i + 1) * size));
  const [begin, end] = share(lane, size);
  for (let t = begin; t < end; t++) {
    treeA[t] = t < time ? a[t] : 1;
    treeB[t] = t < time ? b[t] : 0;
  }
  yield "barrier";
  for (let half = 1; half < size; half *= 2) {
    const [first, last] = share(lane, size / (2 * half));
    for (let node = first; node < last; node++) {
      const left = (2 * node + 1) * half - 1;
      const right = left + half;
      treeB[right] += treeA[right] * treeB[left];
      treeA[right] *= treeA[left];
    }
    lane.joined(last - first);
    yield "barrier";
  }
  if (lane.index === 0) before[size - 1] = 0;
  yield "barrier";
  for (let half = size / 2; half >= 1; half /= 2) {
    const [first, last] = share(lane, size / (2 * half));
    for (let node = first; node < last; node++) {
      const left = (2 * node + 1) * half - 1;
      const right = left + half;
      const state = before[right];
      before[left] = state;
      before[right] = treeA[left] * state + treeB[left];
    }
    lane.joined(last - first);
    yield "barrier";
  }
  const stop = Math.min(end, time);
  for (let t = begin; t < stop; t++) h[t] = a[t] * before[t] + b[t];
  lane.joined(Math.max(0, stop - begin));
}

/**
 * Reduce, then scan: every lane joins its part of the sequence to one pair; the states at the borders follow; every lane
 * walks its part from the right state. Two barriers however long the sequence, two reads and one write of each step.
 */
function* reduceThenScan(lane: Lane, { a, b, h, scratch }: ScanMemory): ReturnType<Algorithm> {
  const [begin, end] = share(lane, a.length);
  const [decay, state] = reduce(a, b, begin, end);
  scratch[3 * lane.index] = decay;
  scratch[3 * lane.index + 1] = state;
  lane.joined(Math.max(0, end - begin - 1));
  yield "barrier";
  carry(lane, scratch);
  yield "barrier";
  lane.joined(walk(a, b, h, begin, end, scratch[3 * lane.index + 2]));
}

/**
 * Chunked, as the Mamba-2 paper cuts a sequence: every lane walks its part as if nothing came before; the states at the
 * borders follow; every lane adds what came before, faded. As many barriers, but each step is written twice.
 */
function* chunked(lane: Lane, { a, b, h, scratch }: ScanMemory): ReturnType<Algorithm> {
  const [begin, end] = share(lane, a.length);
  const fade = scratch.subarray(3 * lane.count, 3 * lane.count + a.length);
  let [decay, state] = [1, 0];
  for (let t = begin; t < end; t++) {
    state = a[t] * state + b[t];
    decay *= a[t];
    h[t] = state;
    fade[t] = decay;
  }
  lane.joined(Math.max(0, end - begin - 1));
  scratch[3 * lane.index] = decay;
  scratch[3 * lane.index + 1] = state;
  yield "barrier";
  carry(lane, scratch);
  yield "barrier";
  const before = scratch[3 * lane.index + 2];
  if (lane.index === 0) return;
  for (let t = begin; t < end; t++) h[t] += fade[t] * before;
  lane.joined(end - begin);
}

/**
 * One pass with decoupled look-back (Merrill and Garland 2016): lanes take tiles as they come free. A lane tells the pair
 * of its tile, looks back over the tiles before until one knows the state behind it, tells the state behind its own,
 * and walks the tile while that is in the cache. No barrier; memory is read and written once.
 */
function* lookBack(lane: Lane, { a, b, h, scratch, flags }: ScanMemory): ReturnType<Algorithm> {
  const time = a.length;
  for (;;) {
    const tile = Atomics.add(flags, NEXT_TILE, 1);
    const begin = tile * TILE;
    if (begin >= time) return;
    const end = Math.min(begin + TILE, time);
    const [decay, state] = reduce(a, b, begin, end);
    lane.joined(end - begin - 1);
    scratch[3 * tile] = decay;
    scratch[3 * tile + 1] = state;
    tell(lane, flags, tile, OWN);
    yield "again"; // where lanes take turns, the others get theirs
    // from the tile before on: what this way multiplies and adds to whatever comes before it
    let [fade, sum] = [1, 0];
    for (let other = tile - 1; other >= 0;) {
      const known = Atomics.load(flags, TILES + other);
      if (known === 0) {
        yield "again";
        continue;
      }
      lane.heard(TILES + other);
      lane.joined(1);
      sum += fade * scratch[3 * other + known];
      if (known === ALL) break;
      fade *= scratch[3 * other];
      other--;
    }
    scratch[3 * tile + 2] = decay * sum + state;
    lane.joined(1);
    tell(lane, flags, tile, ALL);
    lane.joined(walk(a, b, h, begin, end, sum));
  }
}

function tell(lane: Lane, flags: Int32Array, tile: number, known: number): void {
  lane.told(TILES + tile);
  Atomics.store(flags, TILES + tile, known);
}

/** The states in front of each lane's part, by the first lane, from the pairs of the parts. */
function carry(lane: Lane, borders: Float32Array): void {
  if (lane.index > 0) return;
  let state = 0;
  for (let part = 0; part < lane.count; part++) {
    borders[3 * part + 2] = state;
    state = borders[3 * part] * state + borders[3 * part + 1];
  }
  lane.joined(lane.count - 1);
}

/** Steps `begin` to `end` from a state; gives how many joins that were. */
function walk(a: Float32Array, b: Float32Array, h: Float32Array, begin: number, end: number, before: number): number {
  let state = before;
  for (let t = begin; t < end; t++) {
    state = a[t] * state + b[t];
    h[t] = state;
  }
  return Math.max(0, end - begin - (begin === 0 ? 1 : 0));
}

/** Steps `begin` to `end` as one pair. */
function reduce(a: Float32Array, b: Float32Array, begin: number, end: number): readonly [decay: number, state: number] {
  let [decay, state] = [1, 0];
  for (let t = begin; t < end; t++) {
    state = a[t] * state + b[t];
    decay *= a[t];
  }
  return [decay, state];
}

/** The part of `size` things that is a lane's. */
function share({ index, count }: Lane, size: number): readonly [begin: number, end: number] {
  return [Math.floor((index * size) / count), Math.floor(((index + 1) * size) / count)];
}

/** All of them, by the names that tables have. */
export const algorithms: Readonly<Record<string, Algorithm>> = {
  serial,
  "Hillis-Steele": hillisSteele,
  Blelloch: blelloch,
  "reduce-then-scan": reduceThenScan,
  chunked,
  "look-back": lookBack,
};
