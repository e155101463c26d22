/** Measures of labelled contexts from what models said of their samples; any subset of the samples can be measured. */
import type { SampledAnswer } from '../src/contracts.ts';
import { seperHard } from '../src/evaluate/metrics/seper.ts';
import { clusterAnswers, entailmentOf, logWeights, meaningDistribution } from '../src/semantics.ts';
import { type ContextScores, type GateMeasures, measureContext } from '../src/stages/gate-measures.ts';
import type { Judged, JudgedContext } from './lib-utility.ts';

const LABELS = ['contradiction', 'neutral', 'entailment'] as const;

export type SameText = (a: number, b: number) => boolean;

export function sameTexts({ same }: Judged): SameText {
  const pairs = new Set(same.map(([a, b]) => `${a} ${b}`));
  return (a, b) => a === b || pairs.has(a < b ? `${a} ${b}` : `${b} ${a}`);
}

const likelihood = (context: JudgedContext, i: number) => context.logLikelihoods[i] ?? Number.NEGATIVE_INFINITY;

const answersOf = (context: JudgedContext, places: readonly number[]): SampledAnswer[] =>
  places.map((i) => {
    const value = context.logLikelihoods[i] ?? null;
    return {
      text: value === null ? '' : `answer ${context.ids[i]}`,
      tokens: 1,
      logprobs: value === null ? [] : [value],
    };
  });

export const scoresOf = ({ isRel, rerank, recall }: JudgedContext): ContextScores => {
  const sorted = [...isRel].sort((a, b) => b - a);
  return {
    isRel: sorted[0] ?? null,
    isRelMargin: sorted.length < 2 ? null : sorted[0]! - sorted[1]!,
    rerank: rerank.length === 0 ? null : Math.max(...rerank),
    recall: recall.length === 0 ? null : Math.max(...recall),
  };
};

/** What the gate would measure with these samples of each condition. */
export function gateMeasuresOf(row: Judged, same: SameText, name: string, places: readonly number[]): GateMeasures {
  const context = row.contexts[name]!;
  const alone = row.contexts.none!;
  const ids = [...places.map((i) => context.ids[i]!), ...places.map((i) => alone.ids[i]!)];
  return measureContext(
    {
      with: answersOf(context, places),
      without: answersOf(alone, places),
      same: (first, second) => same(ids[first]!, ids[second]!),
      support: places.map((i) => context.support[context.ids[i]!] ?? 0),
    },
    scoresOf(context),
  );
}

/** SePer of one condition: by NLI as published (`soft`, `hard`), and by the equivalence head (`alike`). */
export function seperOf(row: Judged, same: SameText, name: string, places: readonly number[]) {
  const context = row.contexts[name]!;
  const values = places.map((i) => likelihood(context, i));
  const weights = logWeights(values).map(Math.exp);
  const best = (of: (text: Judged['texts'][number], gold: number) => number) =>
    Math.max(
      ...Array.from({ length: row.golds }, (_, gold) =>
        weights.reduce((sum, weight, i) => sum + weight * of(row.texts[context.ids[places[i]!]!]!, gold), 0),
      ),
    );
  const clusters = clusterAnswers(places.length, (a, b) => same(context.ids[places[a]!]!, context.ids[places[b]!]!));
  const pairs = places.map((i) =>
    row.texts[context.ids[i]!]!.nli.map(([to, from]) => ({
      answerToGold: entailmentOf(LABELS, to!),
      goldToAnswer: entailmentOf(LABELS, from!),
    })),
  );
  return {
    soft: best((text, gold) => text.soft[gold]!),
    hard: seperHard(meaningDistribution(clusters, values), clusters.representatives, pairs) ?? 0,
    alike: best((text, gold) => text.alike[gold]!),
    f1: weights.reduce((sum, weight, i) => sum + weight * row.texts[context.ids[places[i]!]!]!.f1, 0),
  };
}
