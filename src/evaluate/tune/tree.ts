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

/** What was found by the way that comparisons took. Thresholds on the same side of all values lead to the same place. */
export type Tree<T> = { readonly found: T } | Fork<T>;

interface Fork<T> {
  readonly threshold: Threshold;
  readonly value: number;
  above: Tree<T> | null;
  below: Tree<T> | null;
}

/** What is known for these thresholds; undefined where no answer went this way yet. */
export function lookUp<T>(tree: Tree<T> | null, thresholds: Readonly<Record<Threshold, number>>): T | undefined {
  let at = tree;
  while (at !== null && !('found' in at)) at = at.value > thresholds[at.threshold] ? at.above : at.below;
  return at === null ? undefined : at.found;
}

/** The tree with one way more: the comparisons that an answer with these thresholds made, and what was found. */
export function grown<T>(
  tree: Tree<T> | null,
  comparisons: readonly Comparison[],
  thresholds: Readonly<Record<Threshold, number>>,
  found: T,
): Tree<T> {
  const [next, ...rest] = comparisons;
  if (next === undefined) return { found };
  const fork = tree !== null && !('found' in tree) ? tree : { ...next, above: null, below: null };
  if (next.value > thresholds[next.threshold]) fork.above = grown(fork.above, rest, thresholds, found);
  else fork.below = grown(fork.below, rest, thresholds, found);
  return fork;
}
