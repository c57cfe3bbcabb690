import { defineOp, ints, optionalInts, type ReferenceCall } from "@elapid/tensor";

/**
 * Declaration of the book that attention keeps of the keys of its past. A row of `seen` holds the position of the next token, the
 * first key that it may look at, and for every key 1, or 0 where it is padding; two zeros are the start. For `time` more tokens it gives
 *
 * - `position`, how many tokens of its sequence, padding apart, come before each, and `first`, the first key that it may look at;
 * - `visible`, for the keys of the past and these whether they are looked at; and `next`, the book for the tokens after these.
 *
 * A sequence begins, at position 0 and with no key of those before, wherever `seqIdx` changes. Numbers are exact up to 2^24.
 */
export const attentionPlaces = defineOp({
  name: "attention.places",
  inputs: { seen: "batch held", mask: optionalInts("batch time"), seqIdx: optionalInts("batch time") },
  outputs: {
    position: ints("batch time"),
    first: ints("batch time"),
    visible: ints("batch keys"),
    next: "batch after",
  },
  attributes: { time: 1 },
  derive: ({ held }, { time }) => ({ time, keys: held - 2 + time, after: held + time }),
  reference: placesReference,
  // whole numbers, of which no gradient is asked
  gradient: () => ({ seen: undefined }),
});

function placesReference({
  dims: { batch, held, time, keys, after },
  inputs: { seen, mask, seqIdx },
  outputs: { position, first, visible, next },
}: ReferenceCall<
  "batch held time keys after",
  "seen mask:i32? seqIdx:i32?",
  "position:i32 first:i32 visible:i32 next"
>): void {
  for (let b = 0; b < batch; b++) {
    const row = seen.subarray(b * held, (b + 1) * held);
    let [at, begin] = row;
    let sequence: number | undefined;
    next.set(row, b * after);
    for (let t = 0; t < time; t++) {
      const i = b * time + t;
      const isThere = mask === undefined || mask[i] !== 0;
      if (isThere && seqIdx !== undefined) {
        if (sequence !== undefined && seqIdx[i] !== sequence) [at, begin] = [0, held - 2 + t];
        sequence = seqIdx[i];
      }
      position[i] = at;
      first[i] = begin;
      next[b * after + held + t] = Number(isThere);
      if (isThere) at++;
    }
    next.set([at, begin], b * after);
    for (let j = 0; j < keys; j++) visible[b * keys + j] = next[b * after + 2 + j];
  }
}
