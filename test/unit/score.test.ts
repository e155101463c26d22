import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  critiqueOf,
  distributionOf,
  readReflectionStream,
  stripReflectionTokens,
  topLabel,
} from '../../src/reflection.ts';
import { advanceBeam, type BeamCandidate, emptyBeam, isComplete } from '../../src/stages/beam.ts';
import { aggregateClosedSet } from '../../src/stages/closed-set.ts';
import {
  decideRetrieve,
  hasNoSupport,
  relativeWeights,
  scoreIsRel,
  scoreIsSup,
  scoreIsUse,
  scoreLikelihood,
  scoreSegment,
} from '../../src/stages/score.ts';

const isSup = (fully: number, partially: number, none: number) => ({ probs: { fully, partially, none } });

describe('scores, worked by hand', () => {
  it('isRel is P(relevant)', () => expect(scoreIsRel({ probs: { relevant: 0.7, irrelevant: 0.3 } })).toBe(0.7));
  it('isSup: 0.6 + 0.5 * 0.3 = 0.75', () => expect(scoreIsSup(isSup(0.6, 0.3, 0.1))).toBeCloseTo(0.75, 12));
  it('isUse: -0.1 - 0.1 + 0 + 0.1 + 0.3 = 0.2', () =>
    expect(scoreIsUse({ probs: { '1': 0.1, '2': 0.2, '3': 0.2, '4': 0.2, '5': 0.3 } })).toBeCloseTo(0.2, 12));
  it('likelihood: exp of the mean and of the sum; nothing said is certain', () => {
    expect(scoreLikelihood([-0.2, -0.4], 'expMean')).toBeCloseTo(Math.exp(-0.3), 12);
    expect(scoreLikelihood([-0.2, -0.4], 'expSum')).toBeCloseTo(Math.exp(-0.6), 12);
    expect([scoreLikelihood([], 'expMean'), scoreLikelihood(null, 'expMean'), scoreLikelihood([-0.2], 'none')]).toEqual(
      [1, 0, 0],
    );
  });
  it('an absent critique contributes nothing and is marked', () => {
    const score = scoreSegment({ isSup: isSup(1, 0, 0) }, null, { isRel: 1, isSup: 2, isUse: 0.5, lm: 'none' });
    expect(score).toEqual({ total: 2, parts: { lm: 0, isRel: null, isSup: 1, isUse: null } });
  });
  it('no support only when strictly the likeliest', () => {
    expect([hasNoSupport(isSup(0.2, 0.2, 0.6)), hasNoSupport(isSup(0.4, 0.2, 0.4)), hasNoSupport(undefined)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('retrieve', () => {
  it('is strict at the threshold, and false without any probability', () => {
    expect(decideRetrieve({ yes: 0.2, no: 0.8 }, 0.2)).toEqual({ probability: 0.2, retrieve: false });
    expect(decideRetrieve({ yes: 0.21, no: 0.79 }, 0.2).retrieve).toBe(true);
    expect(decideRetrieve({ continue: 1 }, 0)).toEqual({ probability: null, retrieve: false });
  });
  it('without a threshold, yes must beat no and not lose to continue', () => {
    const decide = (yes: number, no: number, more: number) =>
      decideRetrieve({ yes, no, continue: more }, null).retrieve;
    expect([decide(0.4, 0.2, 0.4), decide(0.4, 0.4, 0.2), decide(0.3, 0.2, 0.5)]).toEqual([true, false, false]);
  });
  it('keeps the ratio of log-probabilities near -800', () => {
    expect(
      decideRetrieve(relativeWeights({ yes: -800, no: -800 - Math.log(3), continue: -1 }), 0.2).probability,
    ).toBeCloseTo(0.75, 12);
  });
});

describe('distributions', () => {
  it('normalise in log space and carry the mass', () => {
    expect(distributionOf('isRel', { relevant: -800, irrelevant: -800 - Math.log(3) })!.relevant).toBeCloseTo(0.75, 12);
    expect(distributionOf('isRel', {})).toBe(null);
    expect(distributionOf('isRel', { relevant: Number.NEGATIVE_INFINITY })).toBe(null);
    const critique = critiqueOf('isRel', { relevant: Math.log(0.3), irrelevant: Math.log(0.1) })!;
    expect(critique.mass).toBeCloseTo(0.4, 12);
    expect([critique.probs.relevant, topLabel(critique)]).toEqual([expect.closeTo(0.75, 12), 'relevant']);
  });
  it('sum to one for any log-probabilities', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -2000, max: 0, noNaN: true }), { minLength: 3, maxLength: 3 }),
        ([fully, partially, none]) => {
          const probs = distributionOf('isSup', { fully: fully!, partially: partially!, none: none! })!;
          expect(probs.fully + probs.partially + probs.none).toBeCloseTo(1, 12);
        },
      ),
    );
  });
  it('a stream is read at the first token of each kind; its text without the tokens is the answer', () => {
    const found = readReflectionStream([
      { token: '[Relevant]', top: { '[Relevant]': -0.1, '[Irrelevant]': -2, other: -3 } },
      { token: 'x', top: {} },
      { token: '[Irrelevant]', top: { '[Irrelevant]': 0 } },
    ]);
    expect(found).toEqual({ isRel: { relevant: -0.1, irrelevant: -2 } });
    expect(stripReflectionTokens('[Retrieval]<paragraph>a\nb</paragraph>[Relevant]Yes.[Utility:5]</s>')).toBe('abYes.');
  });
});

describe('beam', () => {
  const candidate = (
    id: string,
    score: number | null,
    more: Partial<BeamCandidate<string>> = {},
  ): BeamCandidate<string> => ({ id, score, noSupport: false, end: false, value: score === null ? null : id, ...more });
  const options = { width: 2, accumulate: 'mean', supportFilter: 'none' } as const;

  it('keeps the best, older first on a tie', () => {
    const state = advanceBeam(
      emptyBeam<string>(),
      new Map([['', [candidate('a', 1), candidate('b', 2), candidate('c', 2)]]]),
      options,
    );
    expect(state.kept.map(({ path }) => path)).toEqual(['b', 'c']);
  });
  it('a finished hypothesis stays and competes: 2 beats the mean of 2 and 1', () => {
    const first = advanceBeam(
      emptyBeam<string>(),
      new Map([['', [candidate('a', 2), candidate('b', 2, { end: true })]]]),
      options,
    );
    const second = advanceBeam(first, new Map([['a', [candidate('c', 1)]]]), options);
    expect(second.kept.map(({ path, score }) => [path, score])).toEqual([
      ['b', 2],
      ['a/c', 1.5],
    ]);
  });
  it('closes without adding a segment', () => {
    const first = advanceBeam(emptyBeam<string>(), new Map([['', [candidate('a', 2)]]]), options);
    const second = advanceBeam(first, new Map([['a', [candidate('end', null), candidate('b', 1)]]]), options);
    expect(second.kept.map(({ path, score, finished }) => [path, score, finished])).toEqual([
      ['a', 2, true],
      ['a/b', 1.5, false],
    ]);
  });
  it('the support filter leaves a dead end with its score, and nothing at the root', () => {
    const search = { ...options, supportFilter: 'search' } as const;
    const none = [candidate('x', 9, { noSupport: true })];
    expect(advanceBeam(emptyBeam<string>(), new Map([['', none]]), search).kept).toEqual([]);
    const first = advanceBeam(emptyBeam<string>(), new Map([['', [candidate('a', 2)]]]), search);
    const second = advanceBeam(first, new Map([['a', none]]), search);
    expect(second.kept[0]).toMatchObject({ path: 'a', score: 2, finished: true, deadEnd: true });
    expect(isComplete(second)).toBe(true);
  });
});

describe('closed set', () => {
  it('sums over passages: two weak ones beat a strong one', () => {
    const result = aggregateClosedSet([
      { answer: 'A', score: 1.5 },
      { answer: 'B', score: 1 },
      { answer: 'B', score: 0.75 },
    ]);
    expect(result).toEqual({
      ranking: [
        { answer: 'B', score: 1.75 },
        { answer: 'A', score: 1.5 },
      ],
      best: 'B',
      bestSinglePassage: 0,
    });
    expect(aggregateClosedSet([])).toEqual({ ranking: [], best: null, bestSinglePassage: null });
  });
});
