import { decideRetrieve, scoreIsRel, scoreIsSup } from '../../stages/score.ts';
import { type Critique, type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../../types.ts';
import { bootstrap } from '../metrics/bootstrap.ts';
import { expectedLevel, topClass } from '../metrics/critics.ts';
import type { MeanInterval } from '../metrics/mean.ts';

/** What one critic is asked in place of another, and what is known of the right answer. */
export interface CriticState {
  readonly kind: ReflectionKind;
  readonly source: string;
  readonly request: CritiqueRequest;
  /** Number of the label that is right, any but the first, or null where nobody said. */
  readonly truth: number | 'notFirst' | null;
  /** What A's deciding number is compared with; null where nothing is decided by it. */
  readonly threshold: number | null;
}

/** A state with what both critics said. */
export interface ComparedState extends CriticState {
  readonly a: Critique;
  readonly b: Critique;
}

/** What a state comes down to for one critic. */
export interface Said {
  readonly label: number;
  readonly number: number;
}

/** A state that both critics decided. */
export interface Pair {
  readonly state: ComparedState;
  readonly a: Said;
  readonly b: Said;
}

/**
 * The number that decisions and scores are made from. Retrieve: P(yes) among yes and no, 0 where both are 0; isRel:
 * P(relevant); isSup: P(fully) and a half of P(partially); isUse: the expected grade, 1 to 5.
 */
export function decidingNumber({ kind, probs }: Critique): number {
  switch (kind) {
    case 'retrieve':
      return decideRetrieve({ yes: probs.yes, no: probs.no }, 0).probability ?? 0;
    case 'isRel':
      return scoreIsRel({ probs });
    case 'isSup':
      return scoreIsSup({ probs });
    case 'isUse':
      return expectedLevel(REFLECTIONS.isUse.map((label) => probs[label]));
  }
}

const saidOf = (critique: Critique): Said => ({
  label: topClass(REFLECTIONS[critique.kind].map((label) => critique.probs[label])),
  number: decidingNumber(critique),
});

/** The states that neither critic left undecided. */
export const decidedPairs = (states: readonly ComparedState[]): Pair[] =>
  states
    .filter(({ a, b }) => !a.undecided && !b.undecided)
    .map((state) => ({ state, a: saidOf(state.a), b: saidOf(state.b) }));

export const questionsOf = (pairs: readonly Pair[]): string[] => [
  ...new Set(pairs.map(({ state }) => state.request.question)),
];

export type Figure = MeanInterval | null;

/** Figures of pairs with their 95% intervals: questions are drawn again, each with all its states. `n` counts states. */
export function overQuestions<K extends string>(
  pairs: readonly Pair[],
  seed: number,
  measure: (pairs: readonly Pair[]) => Readonly<Record<K, number | null>>,
): Record<K, Figure> {
  const groups = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const group = groups.get(pair.state.request.question);
    if (group === undefined) groups.set(pair.state.request.question, [pair]);
    else group.push(pair);
  }
  const lists = [...groups.values()];
  const figures = bootstrap([lists.length], seed, ([places]) => measure(places!.flatMap((place) => lists[place]!)));
  const withStates = (Object.entries(figures) as [K, Figure][]).map(([name, figure]) => [
    name,
    figure && { ...figure, n: pairs.length },
  ]);
  return Object.fromEntries(withStates) as Record<K, Figure>;
}

export const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Share of those of which it is true. */
export const shareOf = <T>(items: readonly T[], isTrue: (item: T) => boolean): number | null =>
  meanOf(items.map((item) => (isTrue(item) ? 1 : 0)));

export const isRight = (truth: number | 'notFirst', label: number): boolean =>
  truth === 'notFirst' ? label !== 0 : label === truth;
