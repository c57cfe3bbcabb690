/** Selective copying (Gu & Dao 2023, section 4.1.1), small: what training in a browser is tried on. */
import { Embedding, MambaMixer, Module, RmsNorm, seeded } from "@elapid/nn";
import { dispose, randomSource } from "@elapid/tensor";
import { AdamW, cosineSchedule, train } from "@elapid/train";

const BLANK = 0;
const RECALL = 7;
const SYMBOLS = 6; // 1 to 6
const SHOWN = 12;
const KEPT = 3;
const TIME = SHOWN + KEPT;

/** Some symbols among blanks, then a place to recall each, in order. */
class SelectiveCopying {
  position = { seed: 0, epoch: 0, window: 0 };
  #batch;

  /** @param {number} seed @param {number} batch */
  constructor(seed, batch) {
    this.position = { seed, epoch: 0, window: 0 };
    this.#batch = batch;
  }

  next() {
    const { seed, epoch, window } = this.position;
    this.position = { seed, epoch, window: window + 1 };
    const random = randomSource(seed * 2 ** 20 + window);
    const ids = new Int32Array(this.#batch * TIME).fill(BLANK);
    const labels = new Int32Array(this.#batch * TIME).fill(-100);
    for (let row = 0; row < this.#batch; row++) {
      const places = Array.from({ length: SHOWN }, (_, at) => ({ at, key: random.next() }));
      const chosen = places.toSorted((a, b) => a.key - b.key).slice(0, KEPT);
      chosen
        .toSorted((a, b) => a.at - b.at)
        .forEach(({ at }, i) => {
          const symbol = 1 + Math.floor(random.next() * SYMBOLS);
          ids[row * TIME + at] = symbol;
          ids[row * TIME + SHOWN + i] = RECALL;
          labels[row * TIME + SHOWN + i] = symbol;
        });
    }
    return { ids, labels, batch: this.#batch, time: TIME };
  }
}

class Copier extends Module {
  /** @param {import("@elapid/nn").Init} init */
  constructor(init) {
    super();
    const config = { dModel: 32, dInner: 64, dState: 8, dConv: 4, dtRank: 2 };
    this.embedding = new Embedding(8, 32, init);
    this.layers = [0, 1].map(() => ({ norm: new RmsNorm(32, init), mixer: new MambaMixer(config, init) }));
    this.normF = new RmsNorm(32, init);
  }

  /** @param {import("@elapid/tensor").Tensor} ids */
  forward(ids) {
    const scope = ids.device.scope();
    let x = this.embedding.forward(ids);
    for (const { norm, mixer } of this.layers) x = x.add(mixer.forward({ x: norm.forward(x) }).y);
    const logits = scope.keep(this.embedding.unembed(this.normF.forward(x)));
    scope[dispose]();
    return { logits };
  }
}

/**
 * Trains from the same start on every device.
 *
 * @param {import("@elapid/tensor").Device} device
 * @param {{ steps: number, batch: number, onStep?: (report: { step: number, loss: number }) => void }} options
 * @returns {Promise<{ losses: number[], accuracy: number }>} losses, and the share of symbols that are then recalled
 */
export async function trainToCopy(device, { steps, batch, onStep }) {
  const model = new Copier(seeded(device, 1));
  const optimiser = new AdamW(model.parameters(), { weightDecay: 0 });
  const losses = [];
  await train({
    model,
    optimiser,
    data: new SelectiveCopying(1, batch),
    schedule: cosineSchedule({ peak: 0.01, steps, warmup: Math.min(20, steps) }),
    steps,
    onStep: (report) => {
      losses.push(report.loss);
      onStep?.(report);
    },
  });
  const accuracy = await accuracyOf(model, device);
  optimiser.dispose();
  model.dispose();
  return { losses, accuracy };
}

/** @param {Copier} model @param {import("@elapid/tensor").Device} device */
async function accuracyOf(model, device) {
  const { ids, labels, batch, time } = new SelectiveCopying(2, 256).next();
  const tokens = device.tensor(ids, [batch, time]);
  const { logits } = model.forward(tokens);
  const values = await logits.data();
  tokens.dispose();
  logits.dispose();
  const asked = [...labels.keys()].filter((at) => labels[at] !== -100);
  const right = asked.filter((at) => {
    const row = values.subarray(at * 8, at * 8 + 8);
    return row.indexOf(Math.max(...row)) === labels[at];
  });
  return right.length / asked.length;
}
