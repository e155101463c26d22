import type { SampledAnswer } from '../../contracts.ts';
import { clusterAnswers, likelihoodWeights, meaningDistribution } from '../../semantics.ts';
import { measureContext } from '../../stages/gate-measures.ts';
import { likelihoodsOf, type SameMeaning } from '../../stages/meanings.ts';
import { normalizeAnswer } from '../../text/answer.ts';
import { tokenF1 } from '../metrics/answers.ts';
import { tokenF1Zh } from '../metrics/answers-zh.ts';
import { difference, type GoldPairs, seperHard, seperSoft, seperSoftPerGold } from '../metrics/seper.ts';
import type { SeperFacts } from './collect.ts';

/** Of the answers of one condition. */
export interface ConditionFigures {
  /** SePer: the belief in the reference by entailment, and by clusters that mean the same. */
  readonly soft: number;
  readonly hard: number;
  /** Token F1 with the best reference, by the weight of each answer. */
  readonly f1: number;
  /** Semantic entropy, nats. */
  readonly entropy: number;
}

/** Why a question has no difference. */
export const SEPER_GAPS = [
  'no reference answer',
  'no passage',
  'no samples with context',
  'no samples without context',
  'no weight with context',
  'no weight without context',
] as const;
export type SeperGap = (typeof SEPER_GAPS)[number];

/** What one question says, with minus without context. Null where it is undefined. */
export interface SeperFigures {
  readonly with: ConditionFigures | null;
  readonly without: ConditionFigures | null;
  readonly deltaSoft: number | null;
  readonly deltaHard: number | null;
  readonly deltaF1: number | null;
  /** Entropy without minus entropy with, and pseudo-SePer: what the gate sees without references. */
  readonly entropyReduction: number | null;
  readonly pseudoSeper: number | null;
  /** Scores of the best passage. */
  readonly isRel: number | null;
  readonly rerank: number | null;
  /** Of each passage, by leaving it out; empty where that was not asked. */
  readonly passages: readonly PassageUtility[];
  /** Samples of each condition that were measured. */
  readonly samples: { readonly with: number; readonly without: number };
  readonly gap: SeperGap | null;
}

export interface PassageUtility {
  readonly deltaSoft: number | null;
  readonly deltaHard: number | null;
  /** The answers are further from the reference with it: an alert. */
  readonly negative: boolean;
}

/** Differences this small come from adding in another order. */
const NOISE = 1e-9;

/** Measures the first `samples` answers of each condition. Pure. */
export function measureSeper(facts: SeperFacts, samples = Number.POSITIVE_INFINITY): SeperFigures {
  const firstOf = (list: readonly SampledAnswer[] | null | undefined) => list?.slice(0, samples) ?? [];
  const [drawnWith, drawnWithout] = [firstOf(facts.samples.with), firstOf(facts.samples.without)];
  const names = placesOf(facts);
  const condition = (answers: readonly SampledAnswer[]) => measureCondition(answers, facts, names);
  const [context, alone] = [condition(drawnWith), condition(drawnWithout)];
  const both = [...drawnWith, ...drawnWithout];
  const free = measureContext(
    { with: drawnWith, without: drawnWithout, same: sameAmong(both, facts, names), support: null },
    { isRel: null, isRelMargin: null, rerank: null, recall: null },
  ).features;
  const delta = (of: keyof ConditionFigures, rest = alone) => difference(context?.[of] ?? null, rest?.[of] ?? null);
  const { rests } = facts.samples;
  const utilities = (rests ?? []).length > 0 ? rests!.map((rest) => condition(firstOf(rest))) : [alone];
  const isPaired = context !== null && alone !== null;
  return {
    with: context,
    without: alone,
    ...{ deltaSoft: delta('soft'), deltaHard: delta('hard'), deltaF1: delta('f1') },
    ...{ entropyReduction: isPaired ? free.entropyReduction : null, pseudoSeper: isPaired ? free.pseudoSeper : null },
    ...{ isRel: best(facts.passages.map((one) => one.isRel)), rerank: best(facts.passages.map((one) => one.rerank)) },
    passages:
      rests === null || facts.passages.length === 0
        ? []
        : utilities.map((rest) => {
            const deltaSoft = delta('soft', rest);
            return { deltaSoft, deltaHard: delta('hard', rest), negative: (deltaSoft ?? 0) < -NOISE };
          }),
    samples: { with: drawnWith.length, without: drawnWithout.length },
    gap: gapOf(facts, context, alone),
  };
}

function gapOf(
  { answers, passages, samples }: SeperFacts,
  context: ConditionFigures | null,
  alone: ConditionFigures | null,
): SeperGap | null {
  if (answers.length === 0) return 'no reference answer';
  if (samples.with === null && samples.without === null && passages.length === 0) return 'no passage';
  if (samples.with === null) return 'no samples with context';
  if (samples.without === null) return 'no samples without context';
  if (context === null) return 'no weight with context';
  return alone === null ? 'no weight without context' : null;
}

const best = (scores: readonly (number | null)[]): number | null => {
  const known = scores.filter((score) => score !== null);
  return known.length === 0 ? null : Math.max(...known);
};

type Places = ReadonlyMap<string, number>;
const placesOf = ({ texts }: SeperFacts): Places => new Map(texts.map((text, i) => [normalizeAnswer(text), i]));

/** Whether the answers at two places of a list mean the same, as was found when they were compared. */
function sameAmong(answers: readonly SampledAnswer[], { same }: SeperFacts, places: Places): SameMeaning {
  const pairs = new Set(same.map(([first, second]) => `${first} ${second}`));
  const ids = answers.map(({ text }) => places.get(normalizeAnswer(text)) ?? -1);
  return (i, j) => {
    const [first, second] = [Math.min(ids[i]!, ids[j]!), Math.max(ids[i]!, ids[j]!)];
    return first === second || pairs.has(`${first} ${second}`);
  };
}

/** An empty answer entails nothing; it has no weight either. */
const NOTHING = { contradiction: 0, neutral: 1, entailment: 0 };

/** Null where no answer has any weight. */
function measureCondition(
  answers: readonly SampledAnswer[],
  facts: SeperFacts,
  places: Places,
): ConditionFigures | null {
  const likelihoods = likelihoodsOf(answers);
  const clusters = clusterAnswers(answers.length, sameAmong(answers, facts, places));
  const meanings = meaningDistribution(clusters, likelihoods);
  if (meanings === null || facts.answers.length === 0) return null;
  const weights = likelihoodWeights(likelihoods);
  const silent = facts.answers.map(() => ({ answerToGold: NOTHING, goldToAnswer: NOTHING }));
  const pairs: GoldPairs = answers.map(({ text }) => facts.pairs[places.get(normalizeAnswer(text)) ?? -1] ?? silent);
  const f1 = facts.lang?.startsWith('zh') ? tokenF1Zh : tokenF1;
  return {
    soft: seperSoft(seperSoftPerGold(weights, pairs, facts.answers.length))!,
    hard: seperHard(meanings, clusters.representatives, pairs)!,
    f1: weights.reduce((sum, weight, i) => sum + (weight > 0 ? weight * f1(answers[i]!.text, facts.answers) : 0), 0),
    entropy: meanings.entropy,
  };
}
