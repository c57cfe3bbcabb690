import { readByType, type JsonField } from "./json-field.ts";
import type { Pieces } from "./models/vocab.ts";

/** Tokens with, for each, the number of the sequence it belongs to. */
export interface Encoding extends Pieces {
  readonly typeIds: number[];
}

/** Joins the tokens of one text or a pair, with the special tokens around them if asked for. */
export type PostProcess = (sequences: readonly Pieces[], specialTokens: boolean) => Encoding;

const readers: Record<string, (field: JsonField) => PostProcess> = {
  ByteLevel: () => joinSequences,
  BertProcessing: (field) => {
    const [sep, cls] = [readSpecial(field.get("sep")), readSpecial(field.get("cls"))];
    const template = [special(cls, 0), sequence(0, 0), special(sep, 0), sequence(1, 1), special(sep, 1)];
    return (sequences, specialTokens) =>
      specialTokens ? fill(template.slice(0, sequences.length * 2 + 1), sequences) : joinSequences(sequences);
  },
  RobertaProcessing: (field) => {
    const [sep, cls] = [readSpecial(field.get("sep")), readSpecial(field.get("cls"))];
    const template = [
      special(cls, 0),
      sequence(0, 0),
      special(sep, 0),
      special(sep, 0),
      sequence(1, 0),
      special(sep, 0),
    ];
    const parts = (count: number) => template.slice(0, count === 1 ? 3 : 6);
    return (sequences, specialTokens) => fill(parts(sequences.length), sequences, specialTokens);
  },
  TemplateProcessing: (field) => {
    const specials = field.get("special_tokens");
    const single = field
      .get("single")
      .items()
      .map((item) => readTemplatePart(item, specials));
    const pair = field
      .get("pair")
      .items()
      .map((item) => readTemplatePart(item, specials));
    return (sequences, specialTokens) => fill(sequences.length === 1 ? single : pair, sequences, specialTokens);
  },
  Sequence: (field) => {
    // ByteLevel only mends offsets; of the others none is made to follow another
    const steps = field.get("processors").items();
    const adding = steps.filter((step) => step.get("type").value !== "ByteLevel");
    if (adding.length > 1) field.get("processors").invalid("has more than one processor that adds tokens");
    return adding.length === 0 ? joinSequences : readPostProcessor(adding[0]);
  },
};

/** Reads the `post_processor` of a tokenizer.json; none joins sequences as they are. @throws SyntaxError for an unknown type. */
export function readPostProcessor(field: JsonField): PostProcess {
  if (!field.present) return joinSequences;
  return readByType(field, readers);
}

interface SpecialPart {
  readonly pieces: Pieces;
  readonly typeId: number;
}
interface SequencePart {
  readonly index: number;
  readonly typeId: number;
}
type TemplatePart = SpecialPart | SequencePart;

const special = (pieces: Pieces, typeId: number): TemplatePart => ({ pieces, typeId });
const sequence = (index: number, typeId: number): TemplatePart => ({ index, typeId });

/** Sequences one after the other, each with its own type id. */
export function joinSequences(sequences: readonly Pieces[]): Encoding {
  return fill(
    sequences.map((_, i) => sequence(i, i)),
    sequences,
  );
}

function fill(template: readonly TemplatePart[], sequences: readonly Pieces[], specialTokens = true): Encoding {
  const used = template.filter((part) => "index" in part || specialTokens);
  const pieces = used.map((part) => ("index" in part ? sequences[part.index] : part.pieces));
  return {
    ids: pieces.flatMap(({ ids }) => ids),
    texts: pieces.flatMap(({ texts }) => texts),
    typeIds: pieces.flatMap(({ ids }, i) => ids.map(() => used[i].typeId)),
  };
}

function readSpecial(field: JsonField): Pieces {
  const [text, id] = field.items();
  if (text === undefined || id === undefined) field.wrongKind("[token, id]");
  return { ids: [id.count()], texts: [text.string()] };
}

function readTemplatePart(item: JsonField, specials: JsonField): TemplatePart {
  if (item.get("Sequence").present) {
    const id = item.get("Sequence").get("id");
    if (id.value !== "A" && id.value !== "B") id.invalid(`is ${JSON.stringify(id.value)}, needed "A" or "B"`);
    return sequence(id.value === "A" ? 0 : 1, item.get("Sequence").get("type_id").count(0));
  }
  const name = item.get("SpecialToken").get("id").string();
  const token = specials.get(name);
  if (!token.present) item.invalid(`names "${name}", which is not in post_processor.special_tokens`);
  const ids = token
    .get("ids")
    .items()
    .map((id) => id.count());
  const texts = token
    .get("tokens")
    .items()
    .map((text) => text.string());
  if (ids.length !== texts.length) token.invalid(`has ${ids.length} ids for ${texts.length} tokens`);
  return special({ ids, texts }, item.get("SpecialToken").get("type_id").count(0));
}
