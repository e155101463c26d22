/** The words of a text, made of its WordPiece tokens, in order; punctuation is left out. */
export interface PieceWords {
  /** One number for each word: equal words have equal numbers. */
  readonly keys: readonly number[];
  /** How much a word says, 0 (the commonest words) to 1 (words that the vocabulary does not hold whole). */
  readonly weights: readonly number[];
  readonly numbers: ReadonlySet<number>;
  readonly negations: ReadonlySet<number>;
}

export type WordReader = (ids: readonly number[]) => PieceWords;

/** So many of the commonest words say nothing about a subject. */
const COMMON = 120;
const NUMBER_WEIGHT = 0.5;
const NEGATIONS = ['not', 'no', 'never', 'none', 'nor', 'without', 'cannot', 'neither', 'nothing'];

/**
 * Puts tokens together to words and weighs them. WordPiece vocabularies list whole words by falling frequency
 * (BERT's from `the` on), so ln(rank) is a measure of rarity that needs no corpus (Zipf's law).
 */
export function wordReader(vocabulary: ReadonlyMap<string, number>): WordReader {
  const size = vocabulary.size;
  const first = vocabulary.get('the') ?? 0;
  const weights = new Float32Array(size);
  const joined = new Uint8Array(size); // continues a word
  const silent = new Uint8Array(size); // punctuation, control tokens
  const number = new Uint8Array(size);
  for (const [piece, id] of vocabulary) {
    joined[id] = piece.startsWith('##') ? 1 : 0;
    silent[id] = /^\[.*\]$/.test(piece) || !/[\p{L}\p{N}]/u.test(piece) ? 1 : 0;
    number[id] = /^(##)?\p{N}+$/u.test(piece) ? 1 : 0;
    const rarity = Math.log(Math.max(1, id - first - COMMON)) / Math.log(Math.max(2, size - first - COMMON));
    weights[id] = number[id] === 1 ? NUMBER_WEIGHT : id < first ? 0.3 : rarity;
  }
  const negative = new Set(NEGATIONS.flatMap((word) => vocabulary.get(word) ?? []));
  const apostrophe = vocabulary.get("'") ?? -1;
  const shortNot = vocabulary.get('t') ?? -1;
  const shortIs = vocabulary.get('s') ?? -1;
  return (ids) => {
    const keys: number[] = [];
    const found: number[] = [];
    const numbers = new Set<number>();
    const negations = new Set<number>();
    for (let i = 0; i < ids.length; ) {
      const id = ids[i]!;
      let end = i + 1;
      while (end < ids.length && joined[ids[end]!] === 1) end++;
      const short = ids[i - 1] === apostrophe && end === i + 1;
      if (silent[id] !== 1 && !(short && id === shortIs)) {
        const key = end === i + 1 ? id : longKey(ids, i, end, size);
        if (negative.has(id) || (short && id === shortNot)) negations.add(key);
        if (number[id] === 1) numbers.add(key);
        keys.push(key);
        found.push(number[id] === 1 ? NUMBER_WEIGHT : end === i + 1 ? weights[id]! : 1);
      }
      i = end;
    }
    return { keys, weights: found, numbers, negations };
  };
}

/** A number above the vocabulary for a word of several pieces (FNV-1a over its ids). */
function longKey(ids: readonly number[], start: number, end: number, size: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ ids[i]!, 0x01000193);
  return size + (hash >>> 0);
}

/** What `overlapOf` gives, in order. */
export const OVERLAP = [
  'contained', // share of the content words of a that stand in b
  'weighed', // the same, rare words counting more
  'missing', // weight of the rarest word of a that is not in b
  'pairs', // share of neighbouring words of a that are neighbours in b
  'run', // longest run of words of a that stands in b, as a share of a
  'window', // `weighed`, within the best stretch of b
  'numbers', // share of the numbers of a that stand in b; 1 without numbers
  'strangeNumbers', // how many do not, up to three, as a share of three
  'negation', // 1 where just one of a and the best stretch of b negates
  'length', // ln(1 + words of a)
  'room', // ln(1 + words of b)
  'same', // 1 where both have the same words in the same order
] as const;

/** Words of b that are looked at together for `window` and `negation`. */
const WINDOW = 40;

/** How much of `a` stands in `b`: twelve numbers, named by OVERLAP, each in 0..1 but the two logarithms. */
export function overlapOf(a: PieceWords, b: PieceWords): number[] {
  const places = new Map<number, number[]>();
  b.keys.forEach((key, i) => {
    const at = places.get(key);
    if (at) at.push(i);
    else places.set(key, [i]);
  });
  const weightOf = new Map(a.keys.map((key, i) => [key, a.weights[i]!]));
  const content = [...weightOf].filter(([, weight]) => weight > 0);
  const total = content.reduce((sum, [, weight]) => sum + weight, 0);
  let contained = 0;
  let weighed = 0;
  let missing = 0;
  for (const [key, weight] of content)
    if (places.has(key)) {
      contained += 1;
      weighed += weight;
    } else missing = Math.max(missing, weight);
  const { best, from } = bestWindow(b, weightOf);
  const stretch = new Set(b.keys.slice(from, from + WINDOW));
  const strange = [...a.numbers].filter((key) => !places.has(key)).length;
  const negates = (words: PieceWords, within: (key: number) => boolean) => [...words.negations].some(within);
  const words = a.keys.length;
  return [
    content.length === 0 ? 0 : contained / content.length,
    total === 0 ? 0 : weighed / total,
    missing,
    words < 2 ? (contained > 0 ? 1 : 0) : pairsIn(a, b) / (words - 1),
    words === 0 ? 0 : longestRun(a, b, places) / words,
    total === 0 ? 0 : best / total,
    a.numbers.size === 0 ? 1 : 1 - strange / a.numbers.size,
    Math.min(strange, 3) / 3,
    negates(a, () => true) !== negates(b, (key) => stretch.has(key)) ? 1 : 0,
    Math.log1p(words),
    Math.log1p(b.keys.length),
    words > 0 && words === b.keys.length && a.keys.every((key, i) => key === b.keys[i]) ? 1 : 0,
  ];
}

/** The stretch of b with most weight of the distinct words that are looked for. */
function bestWindow(b: PieceWords, weightOf: ReadonlyMap<number, number>): { best: number; from: number } {
  const counts = new Map<number, number>();
  let sum = 0;
  let best = 0;
  let from = 0;
  for (let i = 0; i < b.keys.length; i++) {
    const weight = weightOf.get(b.keys[i]!);
    if (weight !== undefined) {
      const count = counts.get(b.keys[i]!) ?? 0;
      if (count === 0) sum += weight;
      counts.set(b.keys[i]!, count + 1);
    }
    const gone = b.keys[i - WINDOW];
    const left = gone === undefined ? undefined : counts.get(gone);
    if (left !== undefined) {
      if (left === 1) {
        sum -= weightOf.get(gone!)!;
        counts.delete(gone!);
      } else counts.set(gone!, left - 1);
    }
    if (sum > best + 1e-9) {
      best = sum;
      from = Math.max(0, i - WINDOW + 1);
    }
  }
  return { best, from };
}

function pairsIn(a: PieceWords, b: PieceWords): number {
  const pair = (keys: readonly number[], i: number) => `${keys[i]} ${keys[i + 1]}`;
  const there = new Set(b.keys.slice(1).map((_, i) => pair(b.keys, i)));
  return a.keys.slice(1).filter((_, i) => there.has(pair(a.keys, i))).length;
}

/** Word by word of a: how long the run is that ends before each place of b. Never more than length times length steps. */
function longestRun(a: PieceWords, b: PieceWords, places: ReadonlyMap<number, readonly number[]>): number {
  let longest = 0;
  let last: readonly number[] = [];
  let [runs, next] = [new Int32Array(b.keys.length + 1), new Int32Array(b.keys.length + 1)];
  for (const key of a.keys) {
    const found = places.get(key) ?? [];
    for (const at of found) {
      next[at + 1] = runs[at]! + 1;
      longest = Math.max(longest, next[at + 1]!);
    }
    for (const at of last) runs[at + 1] = 0;
    [runs, next, last] = [next, runs, found];
  }
  return longest;
}

/** The words of a that are not in b: what an answer says beyond its question. All of a where nothing is left. */
export function beyond(a: PieceWords, b: PieceWords): PieceWords {
  const known = new Set(b.keys);
  const kept = a.keys.flatMap((key, i) => (known.has(key) ? [] : [i]));
  if (kept.length === 0) return a;
  return {
    keys: kept.map((i) => a.keys[i]!),
    weights: kept.map((i) => a.weights[i]!),
    numbers: new Set([...a.numbers].filter((key) => !known.has(key))),
    negations: new Set([...a.negations].filter((key) => !known.has(key))),
  };
}
