import type { Config } from '../../config.ts';
import { marginAt, thresholdOf } from '../../stages/gate-decision.ts';
import type { Trace, TraceEvent } from '../../types.ts';

/** Thresholds that do nothing but divide values into those above and the others. */
export const THRESHOLDS = ['retrieve.threshold', 'isRel.threshold', 'gate.threshold'] as const;
export type Threshold = (typeof THRESHOLDS)[number];

/** What the thresholds of a config are compared as. */
export const thresholdsOf = ({ retrieve, isRel, gate }: Config): Readonly<Record<Threshold, number>> => ({
  'retrieve.threshold': retrieve.threshold,
  'isRel.threshold': isRel.threshold ?? 0,
  'gate.threshold': thresholdOf(gate),
});

/**
 * The thresholds by which alone an answer of this trace changes where nothing else changes. A gate that looks how near
 * values are to them, or stops drawing samples by its own, depends on more than the side of a value.
 */
export function dividing({ gate }: Config, trace: Trace): Threshold[] {
  if (gate.when === 'never') return ['retrieve.threshold', 'isRel.threshold'];
  const stops = gate.risk > 0 && marginAt(gate.samples, gate, trace.gate ?? null) !== null;
  const sided = !stops && !gate.perPassage;
  return [
    ...(gate.when === 'always' ? (['retrieve.threshold', 'isRel.threshold'] as const) : []),
    ...(sided ? (['gate.threshold'] as const) : []),
  ];
}

/** One comparison that an answer went by. */
export interface Comparison {
  readonly threshold: Threshold;
  readonly value: number;
}

/** The comparisons that an event tells of, in the order in which they were made. */
export function comparisonsOf(event: TraceEvent): Comparison[] {
  const of = (threshold: Threshold, value: number | null): Comparison[] =>
    value === null ? [] : [{ threshold, value }];
  if (event.type === 'retrieve-decided') return of('retrieve.threshold', event.value);
  if (event.type === 'relevance-decided') return event.passages.flatMap(({ value }) => of('isRel.threshold', value));
  if (event.type === 'gate-decided') return of('gate.threshold', event.value);
  return [];
}

/**
 * What was found by the way that comparisons took. Thresholds on the same side of all values lead to the same place. Forks
 * and leaves have one shape, since millions of them are walked.
 */
export interface Tree<T> {
  /** Place of the compared threshold in THRESHOLDS; -1 at a leaf. */
  readonly place: number;
  readonly value: number;
  above: Tree<T> | null;
  below: Tree<T> | null;
  readonly found: T | undefined;
}

/** The numbers of thresholds, by their place in THRESHOLDS. */
export const sidesOf = (thresholds: Readonly<Record<Threshold, number>>): Float64Array =>
  Float64Array.from(THRESHOLDS, (name) => thresholds[name]);

/**
 * Where the answers of questions stay the same: for each question and threshold the least value, and the one that it must
 * stay below. A grid mostly stays in the box that it was in, and looking there is much faster than walking a tree.
 */
export const newBoxes = (questions: number): Float64Array =>
  new Float64Array(questions * 2 * THRESHOLDS.length).fill(Number.NaN);

/** Whether these thresholds are in the box of a question. */
export function inBox(boxes: Float64Array, question: number, sides: Float64Array): boolean {
  let at = question * 2 * THRESHOLDS.length;
  for (let place = 0; place < THRESHOLDS.length; place++, at += 2)
    if (!(sides[place]! >= boxes[at]! && sides[place]! < boxes[at + 1]!)) return false;
  return true;
}

/** What is known for these thresholds, and its box; undefined, without a box, where no answer went this way yet. */
export function lookUp<T>(
  tree: Tree<T> | null,
  sides: Float64Array,
  boxes: Float64Array,
  question: number,
): T | undefined {
  const from = question * 2 * THRESHOLDS.length;
  for (let place = 0; place < THRESHOLDS.length; place++) {
    boxes[from + 2 * place] = Number.NEGATIVE_INFINITY;
    boxes[from + 2 * place + 1] = Number.POSITIVE_INFINITY;
  }
  let at = tree;
  while (at !== null && at.place >= 0) {
    const isAbove = at.value > sides[at.place]!;
    boxes[from + 2 * at.place + (isAbove ? 1 : 0)] = at.value;
    at = isAbove ? at.above : at.below;
  }
  if (at === null) boxes[from] = Number.NaN;
  return at === null ? undefined : at.found;
}

/** The tree with one way more: the comparisons that an answer with these thresholds made, and what was found. */
export function grown<T>(
  tree: Tree<T> | null,
  comparisons: readonly Comparison[],
  sides: Float64Array,
  found: T,
): Tree<T> {
  return grow(tree, telling(comparisons, sides), sides, found);
}

/** The comparisons whose outcome does not follow from those before them. */
function telling(comparisons: readonly Comparison[], sides: Float64Array): { place: number; value: number }[] {
  const [low, high] = [sides.map(() => Number.NEGATIVE_INFINITY), sides.map(() => Number.POSITIVE_INFINITY)];
  return comparisons.flatMap(({ threshold, value }) => {
    const place = THRESHOLDS.indexOf(threshold);
    // The threshold is known to be at least `low` and below `high`.
    if (value <= low[place]! || value >= high[place]!) return [];
    if (value > sides[place]!) high[place] = value;
    else low[place] = value;
    return [{ place, value }];
  });
}

function grow<T>(
  tree: Tree<T> | null,
  comparisons: readonly { readonly place: number; readonly value: number }[],
  sides: Float64Array,
  found: T,
): Tree<T> {
  const [next, ...rest] = comparisons;
  if (next === undefined) return { place: -1, value: 0, above: null, below: null, found };
  const fork: Tree<T> = tree ?? { ...next, above: null, below: null, found: undefined };
  if (next.value > sides[next.place]!) fork.above = grow(fork.above, rest, sides, found);
  else fork.below = grow(fork.below, rest, sides, found);
  return fork;
}
