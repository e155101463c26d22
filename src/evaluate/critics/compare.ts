import { REFLECTIONS, type ReflectionKind } from '../../types.ts';
import { accuracyOf, type Confusion, confusionOf, kappa } from '../metrics/confusion.ts';
import { pearson } from '../metrics/correlation.ts';
import { compareDecisions, DECIDING, type Decisions } from './compare-decisions.ts';
import {
  type ComparedState,
  decidedPairs,
  type Figure,
  isRight,
  meanOf,
  overQuestions,
  type Pair,
  questionsOf,
} from './compare-states.ts';
import type { Halves, Transfer } from './transfer.ts';

/** How far two critics say the same. `n` are the states that both decided. */
export interface Agreement {
  readonly n: number;
  readonly questions: number;
  /** States that a critic left undecided: they are in no other figure. */
  readonly undecided: { readonly a: number; readonly b: number; readonly both: number };
  /** Share of states with the same likeliest label. */
  readonly agreement: Figure;
  /** Cohen's kappa of the likeliest labels; null where chance would agree always. */
  readonly kappa: Figure;
  /** isUse only: kappa of grades, by the square of their distance. */
  readonly kappaQuadratic?: Figure;
  /** Of the deciding number: mean absolute difference, and Pearson's correlation. */
  readonly difference: Figure;
  readonly correlation: Figure;
  /** Shares of right labels and their difference, B - A, where rows are labelled. */
  readonly accuracy: { readonly a: Figure; readonly b: Figure; readonly gain: Figure };
}

export interface KindComparison extends Agreement {
  /** `table[label of A][label of B]`. */
  readonly confusion: { readonly labels: readonly string[]; readonly table: Confusion };
  readonly bySource: Readonly<Record<string, Agreement>>;
  /** Null for tokens without a threshold. */
  readonly decisions: Decisions | null;
}

export interface CompareOptions {
  readonly transfer: Transfer;
  readonly halves: Halves;
  /** isRel threshold that was fitted for B; null where none was. */
  readonly isRelThreshold: number | null;
  readonly seed: number;
}

/** Compares two critics by what they said of the same states, token by token. */
export function compareCritics(
  states: readonly ComparedState[],
  { transfer, halves, isRelThreshold, seed }: CompareOptions,
): Partial<Record<ReflectionKind, KindComparison>> {
  const kinds = (Object.keys(REFLECTIONS) as ReflectionKind[]).filter((kind) =>
    states.some((state) => state.kind === kind),
  );
  return Object.fromEntries(
    kinds.map((kind): [ReflectionKind, KindComparison] => {
      const own = states.filter((state) => state.kind === kind);
      const pairs = decidedPairs(own);
      const sources = [...new Set(own.map(({ source }) => source))].sort();
      const decides = DECIDING.some((one) => one === kind);
      const fitted = kind === 'isRel' ? isRelThreshold : null;
      const whole = agreementOf(kind, own, pairs, seed);
      return [
        kind,
        {
          ...whole,
          confusion: { labels: REFLECTIONS[kind], table: tableOf(kind, pairs) },
          bySource: Object.fromEntries(
            sources.map((source) => {
              if (sources.length === 1) return [source, whole];
              const of = own.filter((state) => state.source === source);
              return [source, agreementOf(kind, of, decidedPairs(of), seed)];
            }),
          ),
          decisions: decides ? compareDecisions(pairs, { transfer, halves, own: fitted, seed }) : null,
        },
      ];
    }),
  );
}

const tableOf = (kind: ReflectionKind, pairs: readonly Pair[]): Confusion =>
  confusionOf(
    pairs.map(({ a }) => a.label),
    pairs.map(({ b }) => b.label),
    REFLECTIONS[kind].length,
  );

function agreementOf(
  kind: ReflectionKind,
  states: readonly ComparedState[],
  pairs: readonly Pair[],
  seed: number,
): Agreement {
  const figures = overQuestions(pairs, seed, (drawn) => {
    const table = tableOf(kind, drawn);
    const [a, b] = [accuracy(drawn, 'a'), accuracy(drawn, 'b')];
    return {
      agreement: accuracyOf(table),
      kappa: drawn.length === 0 ? null : kappa(table),
      quadratic: drawn.length === 0 || kind !== 'isUse' ? null : kappa(table, 'quadratic'),
      difference: meanOf(drawn.map((pair) => Math.abs(pair.a.number - pair.b.number))),
      correlation: pearson(
        drawn.map((pair) => pair.a.number),
        drawn.map((pair) => pair.b.number),
      ),
      ...{ a, b, gain: a === null || b === null ? null : b - a },
    };
  });
  const { agreement, kappa: beyondChance, quadratic, difference, correlation, a, b, gain } = figures;
  const labelled = pairs.filter(({ state }) => state.truth !== null).length;
  const ofLabelled = (figure: Figure): Figure => figure && { ...figure, n: labelled };
  return {
    n: pairs.length,
    questions: questionsOf(pairs).length,
    undecided: {
      a: states.filter((state) => state.a.undecided).length,
      b: states.filter((state) => state.b.undecided).length,
      both: states.filter((state) => state.a.undecided && state.b.undecided).length,
    },
    ...{ agreement, kappa: beyondChance },
    ...(kind === 'isUse' && { kappaQuadratic: quadratic }),
    ...{ difference, correlation },
    accuracy: { a: ofLabelled(a), b: ofLabelled(b), gain: ofLabelled(gain) },
  };
}

/** Share of the labelled states whose likeliest label is right. */
const accuracy = (pairs: readonly Pair[], side: 'a' | 'b'): number | null =>
  meanOf(
    pairs.flatMap((pair) => (pair.state.truth === null ? [] : [isRight(pair.state.truth, pair[side].label) ? 1 : 0])),
  );
