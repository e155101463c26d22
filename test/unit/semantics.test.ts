import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clustersMatchingGold,
  difference,
  keepsContext,
  seperHard,
  seperSoft,
  seperSoftPerGold,
} from '../../src/evaluate/metrics/seper.ts';
import {
  clusterAnswers,
  discreteEntropy,
  entailmentOf,
  isDegenerate,
  isEquivalent,
  likelihoodWeights,
  meaningDistribution,
  meanLogprob,
  predictiveEntropy,
  topEntailment,
} from '../../src/semantics.ts';

const says = (label: 'contradiction' | 'neutral' | 'entailment', p = 0.8) => ({
  contradiction: 0.1,
  neutral: 0.1,
  entailment: 0.1,
  [label]: p,
});
const [yes, unsure, no] = [says('entailment'), says('neutral'), says('contradiction')];
const same = (groups: readonly number[]) => (i: number, j: number) => groups[i] === groups[j];
const entropyOfGroups = (groups: readonly number[], logLikelihoods: readonly number[]) =>
  meaningDistribution(clusterAnswers(groups.length, same(groups)), logLikelihoods)!.entropy;

/** Answers with their meaning and a likelihood. */
const Samples = fc.array(
  fc.record({ group: fc.integer({ min: 0, max: 3 }), loglik: fc.double({ min: -900, max: 0, noNaN: true }) }),
  {
    minLength: 1,
    maxLength: 8,
  },
);

describe('entailment', () => {
  it('goes by the label table of the model, not by position', () => {
    expect(entailmentOf(['entailment', 'contradiction', 'neutral'], [0.7, 0.2, 0.1])).toEqual({
      entailment: 0.7,
      contradiction: 0.2,
      neutral: 0.1,
    });
    expect(topEntailment({ contradiction: 0.4, neutral: 0.2, entailment: 0.4 })).toBe('contradiction');
  });

  it('strict wants entailment both ways, loose no contradiction and one of them', () => {
    const both = (how: 'strict' | 'loose') =>
      [
        [yes, yes],
        [yes, unsure],
        [unsure, unsure],
        [yes, no],
      ].map(([a, b]) => isEquivalent(a!, b!, how));
    expect(both('strict')).toEqual([true, false, false, false]);
    expect(both('loose')).toEqual([true, true, false, false]);
  });
});

describe('likelihoods', () => {
  it('weights are 2 to 1 for log-likelihoods that differ by ln 2, also near -800', () => {
    for (const base of [0, -800]) {
      const [a, b] = likelihoodWeights([base, base - Math.LN2]);
      expect(a).toBeCloseTo(2 / 3, 12);
      expect(b).toBeCloseTo(1 / 3, 12);
    }
  });
  it('an answer without tokens, or with an impossible one, has no weight', () => {
    expect([meanLogprob([]), meanLogprob([-1, Number.NEGATIVE_INFINITY]), meanLogprob([-1, -2])]).toEqual([
      -Infinity,
      -Infinity,
      -1.5,
    ]);
    expect(likelihoodWeights([-Infinity, -3])).toEqual([0, 1]);
    expect(likelihoodWeights([-Infinity, -Infinity])).toEqual([0, 0]);
    expect([isDegenerate([-Infinity]), isDegenerate([]), isDegenerate([-Infinity, -900])]).toEqual([true, true, false]);
    expect(
      meaningDistribution(
        clusterAnswers(1, () => true),
        [-Infinity],
      ),
    ).toBe(null);
    expect([predictiveEntropy([-1, -2]), predictiveEntropy([-1, -Infinity]), predictiveEntropy([])]).toEqual([
      1.5,
      null,
      null,
    ]);
  });
});

describe('clusters', () => {
  it('a later opener takes a member over, unless the first match stands', () => {
    const equal = new Set(['0-2', '1-2']);
    const equivalent = (i: number, j: number) => equal.has(`${i}-${j}`);
    expect(clusterAnswers(3, equivalent)).toEqual({ ids: [0, 1, 1], representatives: [0, 1] });
    expect(clusterAnswers(3, equivalent, 'firstMatch')).toEqual({ ids: [0, 1, 0], representatives: [0, 1] });
  });

  it('entropy, by hand: half and half is ln 2; three of four alike', () => {
    expect(entropyOfGroups([0, 1], [-1, -1])).toBeCloseTo(Math.LN2, 12);
    expect(discreteEntropy(clusterAnswers(4, same([0, 0, 1, 0])))).toBeCloseTo(
      -0.75 * Math.log(0.75) - 0.25 * Math.log(0.25),
      12,
    );
    expect(entropyOfGroups([0, 1], [-Infinity, -1])).toBe(0);
  });

  it('answers that all mean the same have entropy 0 and perplexity 1', () => {
    fc.assert(
      fc.property(Samples, (samples) => {
        const meanings = meaningDistribution(
          clusterAnswers(samples.length, () => true),
          samples.map(({ loglik }) => loglik),
        )!;
        expect(meanings.entropy).toBeCloseTo(0, 12);
        expect(meanings.perplexity).toBeCloseTo(1, 12);
      }),
    );
  });

  it('neither order nor doubling of the samples changes the entropy', () => {
    fc.assert(
      fc.property(Samples, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (samples, random) => {
        const entropy = (list: typeof samples) =>
          entropyOfGroups(
            list.map(({ group }) => group),
            list.map(({ loglik }) => loglik),
          );
        const shuffled = samples
          .map((sample) => ({ sample, key: random.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ sample }) => sample);
        expect(entropy(shuffled)).toBeCloseTo(entropy(samples), 9);
        expect(entropy([...samples, ...samples])).toBeCloseTo(entropy(samples), 9);
        expect(entropy(samples)).toBeLessThanOrEqual(Math.log(new Set(samples.map(({ group }) => group)).size) + 1e-9);
      }),
    );
  });
});

describe('SePer', () => {
  const pair = (answerToGold: typeof yes, goldToAnswer: typeof yes) => ({ answerToGold, goldToAnswer });
  // Two answers, two references: the first answer means reference 0, the second half means reference 1.
  const pairs = [
    [pair(says('entailment', 0.9), yes), pair(no, no)],
    [pair(no, no), pair(says('entailment', 0.5), says('neutral', 0.6))],
  ];
  it('soft: the better direction, weighted, the best reference', () => {
    const perGold = seperSoftPerGold([0.25, 0.75], pairs, 2);
    expect(perGold[0]).toBeCloseTo(0.25 * 0.9 + 0.75 * 0.1, 12);
    expect(perGold[1]).toBeCloseTo(0.25 * 0.1 + 0.75 * 0.5, 12);
    expect(seperSoft(perGold)).toBe(perGold[1]);
    expect(seperSoft([])).toBe(null);
  });
  it('hard: mass of the clusters whose first member means a reference', () => {
    const meanings = meaningDistribution(
      clusterAnswers(2, () => false),
      [Math.log(0.25), Math.log(0.75)],
    );
    expect(clustersMatchingGold([0, 1], pairs)).toEqual([true, true]);
    expect(seperHard(meanings, [0, 1], [pairs[0]!, [pair(no, no), pair(no, yes)]])).toBeCloseTo(0.25, 12);
    expect(seperHard(null, [0, 1], pairs)).toBe(null);
    expect(seperHard(meanings, [0, 1], [[], []])).toBe(null);
  });
  it('keeps the context for what is strictly above the threshold, and never for what is undefined', () => {
    expect([keepsContext(0.1, 0.1), keepsContext(0.11, 0.1), keepsContext(null, -1)]).toEqual([false, true, false]);
    expect([difference(1, 0.25), difference(null, 1), difference(1, null)]).toEqual([0.75, null, null]);
  });
});
