import { z } from 'zod';
import {
  clusterAnswers,
  discreteEntropy,
  ENTAILMENT_LABELS,
  type EntailmentProbs,
  type Equivalence,
  entailmentOf,
  isDegenerate,
  isEquivalent,
  likelihoodWeights,
  meaningDistribution,
  meanLogprob,
  predictiveEntropy,
} from '../../semantics.ts';
import {
  clustersMatchingGold,
  difference,
  type GoldPairs,
  keepsContext,
  seperHard,
  seperSoft,
  seperSoftPerGold,
} from '../metrics/seper.ts';
import { type CaseRunner, Expected, type GoldenFile, listed, Num } from './case.ts';

const File = z.object({
  gateThresholds: z.array(Num).default([]),
  nliLabelOrder: z.array(z.enum(ENTAILMENT_LABELS)).default([...ENTAILMENT_LABELS]),
});
const Nli = z.array(Num).length(3);
const Condition = z.object({
  responses: z.array(z.object({ text: z.string(), tokenLogprobs: z.array(Num) })),
  nli: z.object({
    responseResponse: z.array(z.array(Nli.nullable())),
    responseGold: z.array(z.array(Nli)).default([]),
    goldResponse: z.array(z.array(Nli)).default([]),
  }),
});
type Condition = z.infer<typeof Condition>;
const Case = File.extend({
  golds: z.array(z.string()),
  conditions: z.object({ without: Condition.optional(), with: Condition.optional() }),
});

type Named = (values: readonly number[]) => EntailmentProbs;

function measureCondition({ responses, nli }: Condition, golds: number, named: Named) {
  const logLikelihoods = responses.map(({ tokenLogprobs }) => meanLogprob(tokenLogprobs));
  const degenerate = isDegenerate(logLikelihoods);
  const weights = likelihoodWeights(logLikelihoods);
  const pairs: GoldPairs = responses.map((_, i) =>
    Array.from({ length: golds }, (_, gold) => ({
      answerToGold: named(nli.responseGold[i]![gold]!),
      goldToAnswer: named(nli.goldResponse[gold]![i]!),
    })),
  );
  const clustered = (how: Equivalence) => {
    const between = (i: number, j: number) => named(nli.responseResponse[i]![j]!);
    const equivalent = (i: number, j: number) => isEquivalent(between(i, j), between(j, i), how);
    const clusters = clusterAnswers(responses.length, equivalent);
    const meanings = meaningDistribution(clusters, logLikelihoods);
    return {
      ...clusters,
      idsFirstMatch: clusterAnswers(responses.length, equivalent, 'firstMatch').ids,
      discreteEntropy: discreteEntropy(clusters),
      clusterProbabilities: meanings?.probabilities ?? null,
      clusterLogLikelihoods: meanings?.logProbabilities ?? null,
      semanticEntropy: meanings?.entropy ?? null,
      semanticPerplexity: meanings?.perplexity ?? null,
      clusterMatchesGold: clustersMatchingGold(clusters.representatives, pairs),
      sePerHard: seperHard(meanings, clusters.representatives, pairs),
    };
  };
  const perGold = degenerate ? null : seperSoftPerGold(weights, pairs, golds);
  return {
    logLikelihoods,
    weights,
    degenerate,
    strict: clustered('strict'),
    loose: clustered('loose'),
    sePerSoftPerGold: perGold,
    sePerSoft: perGold && seperSoft(perGold),
    predictiveEntropy: predictiveEntropy(logLikelihoods),
  };
}

const runCase: CaseRunner = (input) => {
  const { golds, conditions, gateThresholds, nliLabelOrder } = Case.parse(input);
  const named: Named = (values) => entailmentOf(nliLabelOrder, values);
  const measured = (condition: Condition | undefined) =>
    condition === undefined ? null : measureCondition(condition, golds.length, named);
  const [without, context] = [measured(conditions.without), measured(conditions.with)];
  if (without === null || context === null) return { without, with: context };
  const both = (of: (how: Equivalence) => number | null) => ({ strict: of('strict'), loose: of('loose') });
  const entropyReduction = both((how) => difference(without[how].semanticEntropy, context[how].semanticEntropy));
  const deltaSoft = difference(context.sePerSoft, without.sePerSoft);
  const keeps = (gain: number | null) => gateThresholds.map((threshold) => keepsContext(gain, threshold));
  const delta = {
    entropyReduction,
    deltaSoft,
    deltaHard: both((how) => difference(context[how].sePerHard, without[how].sePerHard)),
    keepContext: { soft: keeps(deltaSoft), entropyLoose: keeps(entropyReduction.loose) },
  };
  return { without, with: context, delta };
};

export const seper = (file: unknown): GoldenFile => {
  const cases = listed(file, 'cases', runCase, File.parse(file));
  return {
    cases: cases.map((golden) => ({
      ...golden,
      expected: massless(golden.expected),
      run: (input) => massless(runCase(input)),
    })),
  };
};

const LISTS = ['weights', 'clusterProbabilities', 'clusterLogLikelihoods', 'sePerSoftPerGold'];

/**
 * Lists of a condition without any weight are compared as undefined: the format says that its values are null and its
 * weights 0, and not whether that holds for the list or for what is in it.
 */
function massless(value: Expected, inside = false): Expected {
  const here = inside || value.degenerate === true;
  const entries = Object.entries(value).map(([key, item]) => {
    if (here && LISTS.includes(key) && hasNoMass(item)) return [key, null];
    const nested = Expected.safeParse(item);
    return [key, nested.success && !Array.isArray(item) ? massless(nested.data, here) : item];
  });
  return Object.fromEntries(entries);
}

const hasNoMass = (item: unknown): boolean =>
  Array.isArray(item)
    ? item.every(hasNoMass)
    : item === null || item === 0 || Number(item) === Number.NEGATIVE_INFINITY;
