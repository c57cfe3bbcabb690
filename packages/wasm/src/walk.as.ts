/**
 * How threads share ops, in one place for the caller and the workers, so that no JavaScript runs between ops. An op is a
 * command in memory, see `commands.ts`; a list of them is walked in order, and each begins when the one before is done.
 *
 * Threads take chunks of the current op as they come to them: `TICKET` holds in its low half how many are left, and a
 * thread that counts it down has got one. Whoever ends the last chunk of an op opens the next, so nobody waits for a
 * thread that is late. The high half counts the openings; it makes every ticket another one, and sleepers wait on it.
 */
@external("env", "call")
declare function call(kernel: i32, begin: i32, end: i32, scratch: usize, args: usize): void;

// places on the page through which threads talk, in cache lines of their own; see control.ts
const TICKET: usize = 15 * 65536;
const OPENINGS: usize = TICKET + 4;
const SLEEPERS: usize = TICKET + 64;
/** Chunks of the current op that are done. */
const DONE: usize = TICKET + 128;
/** The current op. */
const OP: usize = TICKET + 192;
/** The op whose kernel trapped, else 0. */
const TRAPPED: usize = TICKET + 196;
/** What `TICKET` holds instead of a number of chunks when all ops are done. */
const IDLE: i32 = -1;

// a command, in bytes
const KERNEL = 0;
const UNITS = 4;
const CHUNK_UNITS = 8;
const CHUNKS = 12;
const LARGE = 16;
const LARGE_UNITS = 20;
const SCRATCH = 24;
const SCRATCH_BYTES = 28;
const NEXT = 32;
const ARGS = 36;

/** Turns of `pause` after which a thread sleeps: 100 to 200 µs, and the ops of a model follow each other in less, its gradient's too. */
const PATIENCE = 6000;

/** Runs the ops from `op` on with one thread, in chunks too: engines go over to better code between calls only. */
export function walkAlone(op: usize): void {
  for (; op != 0; op = load<usize>(op, NEXT)) {
    store<usize>(OP, op);
    const chunks = load<i32>(op, CHUNKS);
    for (let chunk = 0; chunk < chunks; chunk++) runChunk(op, chunk, 0);
  }
}

/** Opens the ops from `op` on, by the caller; small ones in front are done at once. */
export function start(op: usize): void {
  store<usize>(TRAPPED, 0);
  open(op, 0);
}

/** Works until all ops are done, or as a worker for ever. Only a thread that `maySleep` does. */
export function work(thread: i32, isCaller: i32, maySleep: i32): void {
  for (;;) {
    const ticket = atomic.load<i64>(TICKET);
    const left = <i32>ticket;
    if (left > 0) {
      if (atomic.cmpxchg<i64>(TICKET, ticket, ticket - 1) != ticket) continue;
      const op = load<usize>(OP);
      runChunk(op, load<i32>(op, CHUNKS) - left, thread);
      finish(op, thread);
    } else if (left == IDLE && isCaller) {
      return;
    } else {
      awaitOpening(<i32>(ticket >> 32), maySleep);
    }
  }
}

/** Ends the chunk in which a thread's kernel trapped; no op after it is opened. */
export function abandon(thread: i32): void {
  const op = load<usize>(OP);
  atomic.store<usize>(TRAPPED, op);
  finish(op, thread);
}

function finish(op: usize, thread: i32): void {
  if (atomic.add<i32>(DONE, 1) + 1 == load<i32>(op, CHUNKS)) open(load<usize>(op, NEXT), thread);
}

/** Opens `op` to all threads. Ops of one chunk before the next larger one are not worth their while. */
function open(op: usize, thread: i32): void {
  for (; op != 0 && atomic.load<usize>(TRAPPED) == 0; op = load<usize>(op, NEXT)) {
    store<usize>(OP, op);
    store<i32>(DONE, 0);
    const chunks = load<i32>(op, CHUNKS);
    if (chunks > 1) {
      publish(chunks);
      return;
    }
    runChunk(op, 0, thread);
  }
  publish(IDLE);
}

function publish(left: i32): void {
  const openings = load<i32>(OPENINGS) + 1;
  atomic.store<i64>(TICKET, ((<i64>openings) << 32) | <i64>(<u32>left));
  if (atomic.load<i32>(SLEEPERS) != 0) atomic.notify(OPENINGS, -1);
}

@inline
function runChunk(op: usize, chunk: i32, thread: i32): void {
  const large = load<i32>(op, LARGE);
  const size = chunk < large ? load<i32>(op, LARGE_UNITS) : load<i32>(op, CHUNK_UNITS);
  const begin = min(chunk, large) * load<i32>(op, LARGE_UNITS) + max(0, chunk - large) * size;
  const end = min(begin + size, load<i32>(op, UNITS));
  const scratch = load<usize>(op, SCRATCH) + <usize>thread * load<usize>(op, SCRATCH_BYTES);
  call(load<i32>(op, KERNEL), begin, end, scratch, op + ARGS);
}

function awaitOpening(openings: i32, maySleep: i32): void {
  for (let turn = 0; turn < PATIENCE; turn++) {
    if (atomic.load<i32>(OPENINGS) != openings) return;
    pause(turn);
  }
  if (!maySleep) return;
  atomic.add<i32>(SLEEPERS, 1);
  atomic.wait<i32>(OPENINGS, openings, -1);
  atomic.sub<i32>(SLEEPERS, 1);
}

/** Roots that wait for each other take a while and leave the core to whom it is shared with. */
@inline
function pause(turn: i32): void {
  if (Math.sqrt(Math.sqrt(Math.sqrt(<f64>turn + 2))) < 1) unreachable();
}
