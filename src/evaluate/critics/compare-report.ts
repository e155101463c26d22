import type { ConfigInput } from '../../config.ts';
import { REFLECTIONS, type ReflectionKind } from '../../types.ts';
import type { KindComparison } from './compare.ts';
import type { AnswerEffect } from './compare-answers.ts';
import type { CriticCost } from './compare-ask.ts';
import { DECIDING, type DecidingKind, VARIANTS, type Variant } from './compare-decisions.ts';
import { type ComparedState, decidedPairs, type Pair } from './compare-states.ts';
import type { Transfer } from './transfer.ts';

/** What was found out about B in the place of A. */
export interface ComparisonReport {
  readonly a: string;
  readonly b: string;
  readonly transfer: Transfer;
  readonly kinds: Readonly<Partial<Record<ReflectionKind, KindComparison>>>;
  readonly costs: { readonly a: CriticCost; readonly b: CriticCost };
  /** Null where rows were compared. */
  readonly traces: TraceFigures | null;
}

export interface TraceFigures {
  readonly traces: number;
  /** Traces that cannot be answered again, and states that a critic without a backend was never asked. */
  readonly leftOut: { readonly traces: number; readonly states: number };
  readonly answers: AnswerEffect;
}

/** The thresholds that were carried over. */
export const transferredThresholds = ({
  kinds,
}: Pick<ComparisonReport, 'kinds'>): Readonly<Partial<Record<DecidingKind, number>>> =>
  Object.fromEntries(
    DECIDING.flatMap((kind) => {
      const threshold = kinds[kind]?.decisions?.variants.transferred?.threshold ?? null;
      return threshold === null ? [] : [[kind, threshold]];
    }),
  );

/** Options that put B in the place of A with thresholds of its own. `name` is null where no config can name B. */
export function swapConfig(report: Pick<ComparisonReport, 'kinds'>, name: string | null): ConfigInput | null {
  const thresholds = transferredThresholds(report);
  const { retrieve, isRel } = thresholds;
  const kinds = Object.keys(thresholds);
  if (kinds.length === 0) return null;
  return {
    ...(name !== null && { critics: Object.fromEntries(kinds.map((kind) => [kind, name])) }),
    ...(retrieve !== undefined && { retrieve: { threshold: retrieve } }),
    ...(isRel !== undefined && { isRel: { threshold: isRel } }),
  };
}

/** One critic's side of a record. */
interface RecordedSide {
  readonly label: string;
  readonly number: number;
  readonly probs: Readonly<Record<string, number>>;
}

/** A state that the two see differently, with its texts. */
export interface FlipRecord {
  readonly kind: ReflectionKind;
  readonly source: string;
  readonly truth: string | null;
  readonly question: string;
  readonly texts: Readonly<Record<string, string>>;
  readonly a: RecordedSide;
  readonly b: RecordedSide;
  /** Null where no threshold decides. */
  readonly kept: ({ readonly a: boolean } & Readonly<Partial<Record<Variant, boolean>>>) | null;
}

/** The states with another likeliest label, or another decision under any of the thresholds. */
export function flipRecords(
  states: readonly ComparedState[],
  { kinds }: Pick<ComparisonReport, 'kinds'>,
): FlipRecord[] {
  return decidedPairs(states).flatMap((pair) => {
    const kept = keptOf(pair, kinds);
    const flips = kept !== null && VARIANTS.some((name) => (kept[name] ?? kept.a) !== kept.a);
    if (pair.a.label === pair.b.label && !flips) return [];
    const { kind, source, truth, request } = pair.state;
    const labels: readonly string[] = REFLECTIONS[kind];
    const side = (name: 'a' | 'b'): RecordedSide => ({
      ...{ label: labels[pair[name].label]!, number: pair[name].number, probs: pair.state[name].probs },
    });
    const { kind: _kind, question, ...rest } = request;
    const texts = Object.entries(rest).map(([name, value]) => [name, typeof value === 'string' ? value : value.text]);
    return [
      {
        ...{ kind, source, truth: typeof truth === 'number' ? labels[truth]! : truth },
        ...{ question, texts: Object.fromEntries(texts), a: side('a'), b: side('b'), kept },
      },
    ];
  });
}

function keptOf({ state, a, b }: Pair, kinds: ComparisonReport['kinds']): FlipRecord['kept'] {
  const variants = kinds[state.kind]?.decisions?.variants;
  const { threshold } = state;
  if (threshold === null || variants === undefined) return null;
  const [own, transferred] = [variants.own?.threshold ?? null, variants.transferred?.threshold ?? null];
  return {
    a: a.number > threshold,
    unchanged: b.number > threshold,
    ...(own !== null && { own: b.number > own }),
    ...(transferred !== null && { transferred: b.number > transferred }),
  };
}
