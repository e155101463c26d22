import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summariseFlips } from '../../src/evaluate/sensitivity/flip-summary.ts';
import {
  createChanges,
  type Flip,
  nextBelow,
  thresholdFlip,
  weightFlip,
  wordsOf,
} from '../../src/evaluate/sensitivity/flips.ts';
import { rangeOf } from '../../src/evaluate/sensitivity/ranges.ts';
import type { RecordedQuestion } from '../../src/evaluate/tune/replay-surface.ts';
import { prepareReplay } from '../../src/replay/prepared.ts';
import { replay } from '../../src/replay.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { partsOf, passageOf } from './parts.ts';
import { recorded, widely } from './sensitivity-fixtures.ts';

async function flipOf({ trace }: Pick<RecordedQuestion, 'trace'>, path: string): Promise<Flip> {
  const replayer = prepareReplay(trace);
  const find = path.startsWith('weights.') ? weightFlip : thresholdFlip;
  return find(replayer, await replayer.answer(), rangeOf(path, trace)!, createChanges());
}

const A = 'Alpha was first.';
const B = 'Beta was first.';
const everything = [{ isRel: { threshold: 0 } }];

describe('how far a threshold is from another answer', () => {
  const passages = [
    { text: A, relevant: 0.8, fully: 0.4 },
    { text: B, relevant: 0.3, fully: 1 },
  ];

  it('is the distance to the value that brings a better passage in', async () => {
    const flip = await flipOf(await recorded({ passages, gold: A, wide: everything }), 'isRel.threshold');
    expect(flip.decision).toBeCloseTo(0.2, 12);
    expect(flip.answer).toEqual({ is: 'found', distance: expect.closeTo(0.2, 12), at: nextBelow(0.3) });
  });

  it('is unknown from where the generator was not asked', async () => {
    const flip = await flipOf(await recorded({ passages, gold: A }), 'isRel.threshold');
    expect(flip.decision).toBeCloseTo(0.2, 12);
    expect(flip.answer).toEqual({ is: 'unknown', beyond: expect.closeTo(0.2, 12) });
  });

  it('passes over a decision that changes no answer', async () => {
    const worse = [passages[0]!, { text: B, relevant: 0.45, fully: 0.1 }];
    const flip = await flipOf(await recorded({ passages: worse, gold: A, wide: everything }), 'isRel.threshold');
    expect(flip.decision).toBeCloseTo(0.05, 12);
    // At 0.8 nothing is left to answer from.
    expect(flip.answer).toEqual({ is: 'found', distance: expect.closeTo(0.3, 12), at: 0.8 });
  });

  it('walks on over values that are compared only behind another one', async () => {
    const passage = passageOf('p', `${A} ${B}`);
    const critic = scriptedCritic(
      (request): Record<string, number> => {
        if (request.kind === 'retrieve')
          return request.answerSoFar === '' ? { yes: 0.4, no: 0.6 } : { yes: 0.2, no: 0.8 };
        return request.kind === 'isRel' ? { relevant: 1 } : request.kind === 'isSup' ? { none: 1 } : { '3': 1 };
      },
      { predictsContinue: false },
    );
    const parts = partsOf({
      passages: [passage],
      critics: { retrieve: critic, isRel: critic, isSup: critic, isUse: critic },
      withContext: scriptedGenerator(),
      closedBook: scriptedGenerator(({ answerSoFar }) => [{ text: answerSoFar.length === 0 ? A : '', end: true }]),
    });
    const at = (threshold: number) => ({ retrieve: { mode: 'adaptive' as const, threshold } });
    const trace = await widely('q', parts, { ...at(0.6), beam: { maxSegments: 2 } }, [0.6, 0.3, 0.1].map(at));
    // Alone the model says A. Below 0.4 the passage says A too; only then is 0.2 compared, and below it B follows.
    const flip = await flipOf({ trace }, 'retrieve.threshold');
    expect(flip.decision).toBeCloseTo(0.2, 12);
    expect(flip.answer).toEqual({ is: 'found', distance: expect.closeTo(0.4, 12), at: nextBelow(0.2) });
  });

  it('is that of the gate, also where the threshold decides whether it is asked', async () => {
    const gate = { measure: 'isRel', refuse: false } as const;
    const given = { passages: [{ text: A, relevant: 0.8 }], gold: A };
    const always = { ...gate, when: 'always', threshold: 0.5 } as const;
    const wide = [{ gate: { threshold: 0.5 } }, { gate: { threshold: 0.9 } }];
    const asked = await recorded({ ...given, config: { gate: always }, wide });
    // At 0.8 the context is dropped, and the model answers alone.
    expect(await flipOf(asked, 'gate.threshold')).toEqual({
      decision: expect.closeTo(0.3, 12),
      answer: { is: 'found', distance: expect.closeTo(0.3, 12), at: 0.8 },
    });
    // Asked only near the threshold of isRel, from 0.7 on; it drops what it is asked about.
    const uncertain = { ...gate, when: 'uncertain', near: 0.1, threshold: 0.85 } as const;
    const skipped = await recorded({ ...given, config: { gate: uncertain }, wide: [{}, { gate: { near: 1 } }] });
    expect(wordsOf(await replay(skipped.trace))).toBe(A);
    expect(await flipOf(skipped, 'isRel.threshold')).toEqual({
      decision: expect.closeTo(0.3, 12),
      answer: { is: 'found', distance: expect.closeTo(0.2, 6), at: expect.closeTo(0.7, 6) },
    });
    expect(await flipOf(skipped, 'gate.threshold')).toEqual({ decision: null, answer: { is: 'never' } });
  });

  it('is never where no value in the range decides', async () => {
    const given = { passages: [{ text: A, relevant: 0 }], gold: A, config: { isRel: { threshold: 0.5 } } };
    const flip = await flipOf(await recorded(given), 'isRel.threshold');
    // P(relevant) 0 is above no threshold.
    expect(flip).toEqual({ decision: null, answer: { is: 'never' } });
  });

  it('of a decision is |value - threshold|, and of the answer what a search of the whole range finds', async () => {
    const share = fc.integer({ min: 1, max: 19 }).map((n) => n / 20);
    const said = fc.record({ relevant: share, fully: share });
    await fc.assert(
      fc.asyncProperty(fc.array(said, { minLength: 1, maxLength: 4 }), share, async (list, threshold) => {
        const texts = [A, B, 'Gamma was first.', 'Delta was first.'];
        const given = list.map((one, i) => ({ ...one, text: texts[i]! }));
        const question = await recorded({
          passages: given,
          gold: A,
          config: { isRel: { threshold } },
          wide: everything,
        });
        const flip = await flipOf(question, 'isRel.threshold');
        expect(flip.decision).toBe(Math.min(...list.map(({ relevant }) => Math.abs(relevant - threshold))));
        const base = wordsOf(await replay(question.trace));
        const changed: number[] = [];
        // Between two twentieths, where no value lies.
        for (let at = 0.025; at < 1; at += 0.05)
          if (wordsOf(await replay(question.trace, { isRel: { threshold: at } })) !== base) changed.push(at);
        const nearest = Math.min(...changed.map((at) => Math.abs(at - threshold)));
        if (flip.answer.is !== 'found') return expect(changed).toEqual([]);
        expect(Math.abs(nearest - flip.answer.distance)).toBeLessThan(0.0251);
        expect(wordsOf(await replay(question.trace, { isRel: { threshold: flip.answer.at } }))).not.toBe(base);
      }),
      { numRuns: 30 },
    );
  });
});

describe('how far a weight is from another answer', () => {
  // Scores: A 1 + 0.9 w_isSup, B 1 + 0.6 w_isSup + w_isUse.
  const passages = [
    { text: A, relevant: 1, fully: 0.9, use: 0 },
    { text: B, relevant: 1, fully: 0.6, use: 1 },
  ];

  it('is where the lines of two candidates cross', async () => {
    const question = await recorded({ passages, gold: B });
    expect(wordsOf(await replay(question.trace))).toBe(B);
    // 0.5 down to 0.3.
    const use = await flipOf(question, 'weights.isUse');
    expect(use.decision).toBeNull();
    expect(use.answer).toMatchObject({ is: 'found', at: expect.closeTo(0.3, 2) });
    expect((use.answer as { distance: number }).distance).toBeCloseTo(0.2, 2);
    // 0.5 / 0.3 = 1.667 up from 1.
    const sup = await flipOf(question, 'weights.isSup');
    expect((sup.answer as { distance: number }).distance).toBeCloseTo(2 / 3, 2);
    expect((await flipOf(question, 'weights.isRel')).answer).toEqual({ is: 'never' });
  });
});

describe('the number below', () => {
  it('is the nearest one', () => {
    expect(nextBelow(1)).toBe(1 - Number.EPSILON / 2);
    expect(nextBelow(0)).toBe(-Number.MIN_VALUE);
    expect(nextBelow(-1)).toBe(-1 - Number.EPSILON);
    fc.assert(
      fc.property(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), (value) => {
        const below = nextBelow(value);
        expect(below).toBeLessThan(value);
        expect([below, value]).toContain((below + value) / 2);
      }),
    );
  });
});

describe('a summary of distances', () => {
  const found = (distance: number): Flip => ({ decision: distance / 2, answer: { is: 'found', distance, at: 0 } });
  const never: Flip = { decision: null, answer: { is: 'never' } };
  const unknown = (beyond: number): Flip => ({ decision: 0.3, answer: { is: 'unknown', beyond } });

  it('counts what is found, and bounds what is not known', () => {
    const summary = summariseFlips('isRel.threshold', 0.5, [found(0.04), found(0.2), never, unknown(0.07)], false);
    expect(summary).toMatchObject({ questions: 4, compared: 3, found: 2, never: 1, unknown: 1 });
    const exactly = (value: number | null) => ({ atLeast: value, atMost: value });
    expect(summary.decision).toEqual({ lower: exactly(0.02), median: exactly(0.1), upper: exactly(0.3) });
    // At least 0.04, 0.07, 0.2, infinity; at most 0.04, 0.2, infinity, infinity.
    expect(summary.answer).toEqual({
      lower: exactly(0.04),
      median: { atLeast: 0.07, atMost: 0.2 },
      upper: { atLeast: 0.2, atMost: null },
    });
    const at = (distance: number) => summary.near.find((one) => one.distance === distance)!;
    expect(at(0.05)).toEqual({ distance: 0.05, decision: 0.25, answer: { atLeast: 0.25, atMost: 0.25 } });
    expect(at(0.1)).toEqual({ distance: 0.1, decision: 0.5, answer: { atLeast: 0.25, atMost: 0.5 } });
    expect(at(1)).toEqual({ distance: 1, decision: 0.75, answer: { atLeast: 0.5, atMost: 0.75 } });
  });

  it('has exact quartiles where what is unknown lies behind them', () => {
    const summary = summariseFlips('weights.isSup', 1, [found(0.04), found(0.2), unknown(0.5), never], true);
    expect(summary.answer.median).toEqual({ atLeast: 0.2, atMost: 0.2 });
    expect(summary.answer.upper).toEqual({ atLeast: 0.5, atMost: null });
    expect(summary).toMatchObject({ compared: null });
    expect(summary.near[0]!.decision).toBeNull();
  });
});
