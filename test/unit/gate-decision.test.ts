import { describe, expect, it } from 'vitest';
import { GATE_MEASURES } from '../../src/config/gate.ts';
import { type ConfigInput, parseConfig } from '../../src/config.ts';
import { byUtility } from '../../src/stages/gate.ts';
import {
  decideGate,
  estimateHelp,
  gateValue,
  marginAt,
  maySettle,
  needsSamples,
  needsSupport,
  sampleSteps,
  skipReason,
  thresholdOf,
} from '../../src/stages/gate-decision.ts';
import type { GateMeasures } from '../../src/stages/gate-measures.ts';
import type { GateEstimator, GateFeatures, GateMeasure } from '../../src/types.ts';
import { passageOf } from './parts.ts';

const gateOf = (gate: ConfigInput['gate'] = {}) => parseConfig({ gate }).gate;
const UNKNOWN: GateFeatures = {
  entropyReduction: null,
  pseudoSeper: null,
  disagreement: null,
  closedBookDoubt: null,
  supported: null,
  isRel: null,
  isRelMargin: null,
  rerank: null,
  recall: null,
};
const estimator: GateEstimator = {
  id: 'test@1',
  bias: -0.25,
  features: [
    { name: 'supported', mean: 0.5, scale: 0.25, weight: 1 },
    { name: 'isRel', mean: 0.6, scale: 0.2, weight: 1.5 },
    { name: 'pseudoSeper', mean: 0, scale: 0.5, weight: -0.5 },
  ],
  stopping: [
    { measure: 'helps', samples: 3, risk: 0.05, margin: 0.2 },
    { measure: 'helps', samples: 3, risk: 0.02, margin: 0.3 },
    { measure: 'helps', samples: 5, risk: 0.05, margin: 0.1 },
    { measure: 'helps', samples: 5, risk: 0.02, margin: 0.15 },
    { measure: 'supported', samples: 3, risk: 0.02, margin: 0 },
  ],
};

describe('what a measure needs', () => {
  it('samples and support', () => {
    expect(GATE_MEASURES.filter(needsSamples)).toEqual([
      'helps',
      'entropyReduction',
      'pseudoSeper',
      'disagreement',
      'closedBookDoubt',
      'supported',
    ]);
    expect(GATE_MEASURES.filter(needsSupport)).toEqual(['helps', 'supported']);
  });

  it('a threshold: its own, unless one is given', () => {
    const own = Object.fromEntries(
      GATE_MEASURES.map((measure) => [measure, thresholdOf({ measure, threshold: null })]),
    );
    expect(own).toEqual({
      helps: 0.5,
      entropyReduction: 0,
      pseudoSeper: 0,
      disagreement: 0.5,
      closedBookDoubt: 0.5,
      supported: 0.5,
      isRel: 0.5,
      isRelMargin: 0,
      rerank: 0,
      recall: 0,
    });
    expect([
      thresholdOf({ measure: 'helps', threshold: 0 }),
      thresholdOf({ measure: 'rerank', threshold: -2 }),
    ]).toEqual([0, -2]);
  });
});

describe('the estimate', () => {
  it('by hand: bias and standardised features times their weights, largest share first', () => {
    // supported 1 * (1 - 0.5) / 0.25 = 2; isRel 1.5 * (0.2 - 0.6) / 0.2 = -3; pseudoSeper -0.5 * 0.25 / 0.5 = -0.25
    const { value, shares } = estimateHelp(estimator, { ...UNKNOWN, supported: 1, isRel: 0.2, pseudoSeper: 0.25 })!;
    expect(shares.map(({ feature }) => feature)).toEqual(['isRel', 'supported', 'pseudoSeper']);
    expect(shares.map(({ logOdds }) => Number(logOdds.toFixed(12)))).toEqual([-3, 2, -0.25]);
    expect(value).toBeCloseTo(1 / (1 + Math.exp(1.5)), 12); // -0.25 - 3 + 2 - 0.25
    const total = shares.reduce((sum, { logOdds }) => sum + logOdds, estimator.bias);
    expect(Math.log(value / (1 - value))).toBeCloseTo(total, 12);
  });

  it('what is unknown counts as its mean, and has no share', () => {
    const { value, shares } = estimateHelp(estimator, { ...UNKNOWN, supported: 0.75, rerank: 9 })!;
    expect(shares).toEqual([{ feature: 'supported', logOdds: 1 }]);
    expect(value).toBeCloseTo(1 / (1 + Math.exp(-0.75)), 12);
  });

  it('is undefined where nothing was sampled, and without one', () => {
    const scores: GateFeatures = { ...UNKNOWN, isRel: 0.9, isRelMargin: 0.1, rerank: 2, recall: 0.8 };
    expect(estimateHelp(estimator, scores)).toBe(null);
    expect(gateValue('helps', scores, estimator)).toEqual({ value: null, shares: [] });
    expect(gateValue('helps', { ...scores, supported: 1 }, null)).toEqual({ value: null, shares: [] });
    expect(gateValue('isRel', scores, estimator)).toEqual({ value: 0.9, shares: [] });
    // A sampled measure is known, if not one of its own: then the rest decides.
    expect(estimateHelp(estimator, { ...scores, closedBookDoubt: 0 })!.shares.map(({ feature }) => feature)).toEqual([
      'isRel',
    ]);
  });
});

describe('the decision', () => {
  const measured = (features: Partial<GateFeatures>, without: number | null = 0.4): GateMeasures => ({
    features: { ...UNKNOWN, ...features },
    entropy: { with: 0.1, without },
    meanings: { with: [{ text: 'Paris', probability: 1 }], without: [] },
  });
  const decide = (features: Partial<GateFeatures>, gate: ConfigInput['gate'], without?: number | null) =>
    decideGate(measured(features, without), gateOf(gate), estimator, { samples: 5, utilities: [] });

  it.each([
    ['pseudoSeper', 0.01, undefined, 'keep'],
    ['pseudoSeper', 0, undefined, 'drop'],
    ['pseudoSeper', -0.5, undefined, 'drop'],
    ['entropyReduction', 1e-9, undefined, 'keep'],
    ['supported', 0.5, undefined, 'drop'],
    ['supported', 0.51, undefined, 'keep'],
    ['supported', 0.51, 0.6, 'drop'],
    ['isRel', 0.2, 0.1, 'keep'],
    ['rerank', -1, -2, 'keep'],
  ] as const)('%s %f against %s: %s', (measure, value, threshold, action) => {
    const decision = decide({ [measure]: value }, { measure, ...(threshold !== undefined && { threshold }) });
    expect(decision).toMatchObject({
      action,
      measure,
      value,
      threshold: threshold ?? thresholdOf(gateOf({ measure })),
    });
  });

  it('keeps what cannot be measured, whatever else is uncertain', () => {
    for (const measure of GATE_MEASURES)
      expect(decide({}, { measure }, 5)).toMatchObject({
        action: 'keep',
        value: null,
        reason: 'the measure is undefined here',
        shares: [],
      });
  });

  it('refuses where the answers without context are strictly too uncertain, and it may', () => {
    const at = (without: number | null, gate: ConfigInput['gate'] = {}) =>
      decide({ supported: 0 }, { measure: 'supported', maxEntropy: 0.7, ...gate }, without).action;
    expect([at(0.7), at(0.71), at(null), at(0.71, { refuse: false })]).toEqual(['drop', 'refuse', 'drop', 'drop']);
    expect(decide({ supported: 1 }, { measure: 'supported' }, 5).action).toBe('keep');
    expect(decide({ supported: 0 }, { measure: 'supported' }, 1.2).reason).toBe(
      'not above the threshold, and the answers without context are uncertain',
    );
    // ln 3 by default: three meanings that are equally likely are not above it.
    expect(decide({ supported: 0 }, { measure: 'supported' }, 1.098612288668).action).toBe('drop');
  });

  it('carries everything that it follows from', () => {
    const utilities = [{ passageId: 'p', value: -0.1 }];
    const decision = decideGate(measured({ supported: 0.75, isRel: 0.6 }), gateOf({ samples: 7 }), estimator, {
      samples: 5,
      utilities,
    });
    expect(decision).toEqual({
      action: 'keep',
      measure: 'helps',
      value: 1 / (1 + Math.exp(-0.75)),
      threshold: 0.5,
      reason: 'above the threshold',
      features: { ...UNKNOWN, supported: 0.75, isRel: 0.6 },
      shares: [
        { feature: 'supported', logOdds: 1 },
        { feature: 'isRel', logOdds: 0 },
      ],
      entropy: { with: 0.1, without: 0.4 },
      meanings: { with: [{ text: 'Paris', probability: 1 }], without: [] },
      samples: 5,
      samplesAtMost: 7,
      utilities,
    });
  });
});

describe('early stopping', () => {
  it.each([
    [{}, [3, 5, 8, 10]],
    [{ minSamples: 4, samples: 6 }, [4, 6]],
    [{ minSamples: 1, samples: 4 }, [1, 2, 3, 4]],
    [{ minSamples: 10, samples: 10 }, [10]],
    [{ minSamples: 12, samples: 10 }, [10]],
    [{ minSamples: 1, samples: 1 }, [1]],
    [{ risk: 0 }, [10]],
  ] satisfies [ConfigInput['gate'], number[]][])('%j looks after %j samples', (gate, steps) => {
    expect(sampleSteps(gateOf(gate))).toEqual(steps);
  });

  it('goes by the margin of the most samples that are measured, at the risk that is allowed', () => {
    const at = (samples: number, risk: number, measure: GateMeasure = 'helps') =>
      marginAt(samples, { measure, risk }, estimator);
    expect([at(2, 0.05), at(3, 0.05), at(4, 0.05), at(5, 0.05), at(9, 0.5)]).toEqual([null, 0.2, 0.2, 0.1, 0.1]);
    expect([at(3, 0.02), at(5, 0.04), at(5, 0.01)]).toEqual([0.3, 0.15, null]);
    expect([at(5, 0.05, 'pseudoSeper'), marginAt(5, { measure: 'helps', risk: 0.05 }, null)]).toEqual([null, null]);
  });

  it('settles where the measure is at least so far from its threshold', () => {
    const settles = (value: number | null, samples: number, gate: ConfigInput['gate'] = {}) =>
      maySettle(value, samples, gateOf({ refuse: false, ...gate }), estimator);
    expect([settles(0.81, 3), settles(0.79, 3), settles(0.19, 3), settles(0.21, 3)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect([settles(0.66, 5), settles(0.64, 5), settles(null, 5)]).toEqual([true, false, false]);
    expect([settles(0.9, 2), settles(0.9, 3, { threshold: 0.7 }), settles(0.9, 3, { risk: 0.01 })]).toEqual([
      false,
      false,
      false,
    ]);
    expect(maySettle(0.99, 9, gateOf(), null)).toBe(false);
  });

  it('never settles for less than keeping where the answer may be refused: three answers have no entropy above ln 3', () => {
    const settles = (value: number) => maySettle(value, 3, gateOf({ refuse: true }), estimator);
    expect([settles(0.95), settles(0.05)]).toEqual([true, false]);
    const none = maySettle(0.5, 3, gateOf({ measure: 'supported', refuse: true }), estimator);
    expect([none, maySettle(0.5, 3, gateOf({ measure: 'supported', refuse: false }), estimator)]).toEqual([
      false,
      true,
    ]);
  });
});

describe('an uncertain gate', () => {
  const compared = (...pairs: [number | null, number | null][]) =>
    pairs.map(([value, threshold]) => ({ value, threshold }));
  const reason = (...pairs: [number | null, number | null][]) =>
    skipReason({ when: 'uncertain', near: 0.25 }, compared(...pairs));
  const far = 'relevance and Retrieve are far from their thresholds';

  it('is asked where one value is near its threshold, or none is known', () => {
    expect(reason([0.9, 0.5])).toBe(far);
    expect(reason([0.1, 0.5], [0.9, 0.2])).toBe(far);
    expect([reason([0.75, 0.5]), reason([0.25, 0.5]), reason([0.76, 0.5])]).toEqual([null, null, far]);
    expect(reason([0.31, 0.5])).toBe(null);
    expect(reason([0.95, 0.5], [0.3, 0.2])).toBe(null);
    expect(reason([null, 0.5], [null, null])).toBe(null);
    expect(reason([0.95, 0.5], [null, 0.2])).toBe(far);
  });

  it('is one of three', () => {
    expect(skipReason({ when: 'never', near: 1 }, compared([0.5, 0.5]))).toBe('gate.when is never');
    expect(skipReason({ when: 'always', near: 0 }, compared([0.99, 0.5]))).toBe(null);
  });
});

describe('the order of utility', () => {
  const candidates = ['p0', 'p1', 'p2', 'p3'].map((id, i) => ({
    passage: passageOf(id, id),
    recallRank: i + 1,
    recallScore: 0.9,
    rerankScore: null,
  }));
  const order = (...values: (number | null)[]) =>
    byUtility(
      candidates,
      values.map((value, i) => ({ passageId: `p${i}`, value })),
    ).map(({ passage }) => passage.id);

  it('is by falling utility, without those that hurt; an unknown one adds nothing', () => {
    expect(order(0.1, -0.2, 0.3, 0)).toEqual(['p2', 'p0', 'p3']);
    expect(order(null, 0.1, -0.1, null)).toEqual(['p1', 'p0', 'p3']);
    expect(order(-0.1, 0.1)).toEqual(['p1', 'p2', 'p3']);
  });

  it('leaves the order where nothing is known, and one passage where all hurt', () => {
    expect(order()).toEqual(['p0', 'p1', 'p2', 'p3']);
    expect(order(null, null, null, null)).toEqual(['p0', 'p1', 'p2', 'p3']);
    expect(order(-0.3, -0.1, -0.2, -0.4)).toEqual(['p1']);
  });
});
