import { beyond, overlapOf, type PieceWords, type WordReader } from '../text/overlap.ts';

/** The heads of a classifier: what can be asked of it. The number is the task token that tells the encoder. */
export const HEADS = {
  isRel: { task: 1, outputs: 1 },
  isSup: { task: 2, outputs: 3 },
  isUse: { task: 3, outputs: 5 },
  retrieve: { task: 4, outputs: 1 },
  entail: { task: 5, outputs: 3 },
  equivalent: { task: 6, outputs: 1 },
  sentence: { task: 7, outputs: 1 },
} as const;

export type Head = keyof typeof HEADS;

/** Token ids of what a head reads. `last` is the long one: it is cut into windows where it does not fit. */
export interface HeadParts {
  /** In order: a question, then for some heads a second text. Never cut below a fixed room for `last`. */
  readonly first: readonly (readonly number[])[];
  readonly last: readonly number[];
}

/** One run of the model: ids with the frame around them, where the last part begins, and the lexical features. */
export interface HeadInput {
  readonly ids: readonly number[];
  readonly secondFrom: number;
  readonly features: readonly number[];
}

export interface InputFrame {
  readonly start: number;
  readonly end: number;
  /** Id of task token 0; task n is this plus n. */
  readonly taskBase: number;
}

export interface InputSizes {
  /** Tokens of one run, with the frame; more only where the question alone takes more. */
  readonly maxTokens: number;
  /** So many stay for the last part, however long a question is. */
  readonly leastLast: number;
  /** What the model can hold at all: only a question beyond this is cut. */
  readonly limit: number;
  /** Windows share so many tokens with the one before. */
  readonly shared: number;
  /** Of a very long passage only so many windows are read, spread evenly. */
  readonly mostWindows: number;
}

export const SIZES: InputSizes = { maxTokens: 256, leastLast: 64, limit: 512, shared: 64, mostWindows: 8 };

/** Numbers that each head gets beside the encoder's output; see `overlapOf`. Longest list = width of the model's input. */
export const FEATURES = 26;

const features: Readonly<Record<Head, (first: readonly PieceWords[], last: PieceWords) => number[]>> = {
  isRel: ([question], passage) => overlapOf(question!, passage),
  sentence: ([question], sentence) => overlapOf(question!, sentence),
  isSup: ([question, segment], passage) => [...overlapOf(segment!, passage), ...overlapOf(question!, passage)],
  entail: ([, hypothesis], premise) => [...overlapOf(hypothesis!, premise), ...overlapOf(premise, hypothesis!)],
  equivalent: ([question, one], other) => [
    ...overlapOf(one!, other),
    ...overlapOf(other, one!),
    newShare(one!, other, question!),
    newShare(other, one!, question!),
  ],
  isUse: ([question], answer) => [...overlapOf(question!, answer), distinctPairs(answer)],
  retrieve: () => [],
};

/** Share of what `a` says beyond the question that `b` says too. */
const newShare = (a: PieceWords, b: PieceWords, question: PieceWords): number =>
  overlapOf(beyond(a, question), beyond(b, question))[1]!;

/** 1 where no two neighbouring words come again; lower where a text repeats itself. */
function distinctPairs({ keys }: PieceWords): number {
  const pairs = keys.slice(1).map((key, i) => `${keys[i]} ${key}`);
  return pairs.length === 0 ? 1 : new Set(pairs).size / pairs.length;
}

/** The runs that answer one request: one for each window of the last part. */
export function inputsOf(
  head: Head,
  parts: HeadParts,
  frame: InputFrame,
  read: WordReader,
  sizes: InputSizes = SIZES,
): HeadInput[] {
  const marks = 2 + parts.first.length + 1; // start, task, one end after each part
  const first = shortened(parts.first, sizes.limit - marks - sizes.leastLast);
  const room = Math.max(sizes.leastLast, sizes.maxTokens - marks - first.reduce((sum, { length }) => sum + length, 0));
  const firstWords = first.map((ids) => read(ids));
  return windowsOf(parts.last, room, sizes).map((last) => {
    const head_ = [frame.start, frame.taskBase + HEADS[head].task, ...first.flatMap((ids) => [...ids, frame.end])];
    const values = features[head](firstWords, read(last));
    return {
      ids: [...head_, ...last, frame.end],
      secondFrom: head_.length,
      features: [...values, ...new Array<number>(FEATURES - values.length).fill(0)],
    };
  });
}

/** Parts that together have at most `room` ids: the later ones are cut first, the question last. */
function shortened(parts: HeadParts['first'], room: number): readonly (readonly number[])[] {
  let left = room;
  return parts.map((ids, i) => {
    const others = parts.length - 1 - i;
    const kept = ids.slice(0, Math.max(0, left - others)); // a later part keeps one token at least
    left -= kept.length;
    return kept;
  });
}

/** Stretches of at most `room` ids that together cover all, or are spread evenly where those would be too many. */
export function windowsOf(
  ids: readonly number[],
  room: number,
  { shared, mostWindows }: InputSizes,
): (readonly number[])[] {
  if (ids.length <= room) return [ids];
  const step = Math.max(1, room - Math.min(shared, room >> 1));
  const count = Math.min(mostWindows, 1 + Math.ceil((ids.length - room) / step));
  return Array.from({ length: count }, (_, i) => {
    const from = Math.round((i * (ids.length - room)) / Math.max(1, count - 1));
    return ids.slice(from, from + room);
  });
}
