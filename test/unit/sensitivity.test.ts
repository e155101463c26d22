import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DiscernError } from '../../src/errors.ts';
import { ablated, corrupted, countCritiques, drawSlips, dropped } from '../../src/evaluate/sensitivity/corrupt.ts';
import { rangedOptions, rangeOf } from '../../src/evaluate/sensitivity/ranges.ts';
import { sensitivity } from '../../src/evaluate/sensitivity/sensitivity.ts';
import { sweptValues } from '../../src/evaluate/sensitivity/sweeps.ts';
import { listOptions } from '../../src/options.ts';
import { topLabel } from '../../src/reflection.ts';
import { replay } from '../../src/replay.ts';
import { seededRandom } from '../../src/text/random.ts';
import { REFLECTIONS, type ReflectionKind } from '../../src/types.ts';
import { configOf } from './parts.ts';
import { critiquesOf, questions, recorded } from './sensitivity-fixtures.ts';

const A = 'Alpha was first.';
const B = 'Beta was second.';

describe('the ranges of options', () => {
  const all = new Map(listOptions().map((option) => [option.path, option]));
  it.each(rangedOptions())('%s is an option, and the range is inside its bounds', (path) => {
    const option = all.get(path)!;
    const { low, high, whole } = rangeOf(path, { config: configOf() })!;
    expect(option.type).toBe(whole ? 'integer' : 'number');
    expect(low).toBeGreaterThanOrEqual(option.minimum ?? Number.NEGATIVE_INFINITY);
    expect(high).toBeLessThanOrEqual(option.maximum ?? Number.POSITIVE_INFINITY);
    expect(low).toBeLessThan(high);
  });

  it('grow to hold the recorded value', () => {
    const config = configOf({ weights: { isSup: 7, isUse: -2 } });
    expect(rangeOf('weights.isSup', { config })).toMatchObject({ low: 0, high: 7, base: 7 });
    expect(rangeOf('weights.isUse', { config })).toMatchObject({ low: -2, high: 3, base: -2 });
  });

  it('are walked in even steps that hold the recorded value', () => {
    const range = { path: 'x', low: 0, high: 1, whole: false, base: 0.2 };
    expect(sweptValues({ ...range, base: 0.15 }, 21)).toEqual(
      Array.from({ length: 21 }, (_, i) => i * 5).map((n) => n / 100),
    );
    expect(sweptValues(range, 3)).toEqual([0, 0.2, 0.5, 1]);
    expect(sweptValues({ ...range, low: 1, high: 4, whole: true, base: 2 }, 21)).toEqual([1, 2, 3, 4]);
    expect(sweptValues({ ...range, base: null }, 2)).toEqual([0, 1]);
  });
});

/** Alpha is right and supported; Beta stands first and is relevant. */
const passages = [
  { text: B, relevant: 0.9, fully: 0.2 },
  { text: A, relevant: 0.9, fully: 0.8 },
];

describe('critics that are changed in a trace', () => {
  it('ablated say every label that they can give as often', async () => {
    const config = { retrieve: { mode: 'adaptive' as const } };
    const { trace } = await recorded({ passages, gold: A, config });
    expect(critiquesOf(ablated(trace, 'isSup'), 'isSup').map(({ probs }) => probs)).toEqual(
      [1, 2].map(() => ({ fully: 1 / 3, partially: 1 / 3, none: 1 / 3 })),
    );
    expect(critiquesOf(ablated(trace, 'retrieve'), 'retrieve')[0]!.probs).toEqual({ yes: 0.5, no: 0.5, continue: 0 });
    expect(critiquesOf(ablated(trace, 'isSup'), 'isRel')).toEqual(critiquesOf(trace, 'isRel'));
    expect((await replay(trace)).text).toContain(A);
    // All alike: the first passage wins.
    expect((await replay(ablated(trace, 'isSup'))).text).toContain(B);
  });

  it('corrupted keep their probabilities and change the likeliest label, more of them with more noise', async () => {
    const sure = passages.map((one) => ({ ...one, use: 0.4 }));
    const { trace } = await recorded({ passages: sure, gold: A, config: { retrieve: { mode: 'adaptive' } } });
    const kinds = fc.constantFrom(...(Object.keys(REFLECTIONS) as ReflectionKind[]));
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(kinds, fc.integer(), share, share, (kind, seed, a, b) => {
        const slips = drawSlips(countCritiques(trace, kind), seededRandom(seed));
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        const before = critiquesOf(trace, kind);
        const wrongAt = (noise: number): number[] =>
          critiquesOf(corrupted(trace, kind, slips, noise), kind).flatMap((critique, i) => {
            const was = before[i]!;
            expect(Object.values(critique.probs).sort()).toEqual(Object.values(was.probs).sort());
            return topLabel(critique) === topLabel(was) ? [] : [i];
          });
        expect(wrongAt(less).every((i) => wrongAt(more).includes(i))).toBe(true);
        expect(wrongAt(1)).toHaveLength(before.length);
        expect(corrupted(trace, kind, slips, 0)).toBe(trace);
      }),
      { numRuns: 50 },
    );
  });

  it('dropped are asked nothing', async () => {
    const config = { retrieve: { mode: 'adaptive' as const } };
    const { trace } = await recorded({ passages, gold: A, config, critics: 'each' });
    // recall, four critics, the generator
    expect((await replay(trace)).cost.calls).toBe(6);
    for (const kind of Object.keys(REFLECTIONS) as ReflectionKind[]) {
      const answer = await replay(dropped(trace, kind));
      expect(answer.cost.calls).toBe(5);
      expect(answer.text).toContain(kind === 'isSup' ? B : A);
    }
  });

  it('dropped save no call where one critic says two tokens at once', async () => {
    const { trace } = await recorded({ passages, gold: A });
    // recall, isRel, the generator, isSup with isUse
    expect((await replay(trace)).cost).toMatchObject({ calls: 4, requests: 9 });
    expect((await replay(dropped(trace, 'isSup'))).cost).toMatchObject({ calls: 4, requests: 7 });
    expect((await replay(dropped(trace, 'isRel'))).cost).toMatchObject({ calls: 3, requests: 7 });
  });
});

const thresholds = [{ path: 'isRel.threshold', low: 0, high: 1, whole: false }];

describe('sensitivity', () => {
  it('sweeps each option alone, and counts what is not known', async () => {
    const report = await sensitivity(await questions(), {
      metric: 'em',
      points: 11,
      over: thresholds,
      noise: [],
      seeds: 1,
    });
    expect(report.base).toEqual({ questions: 8, replayed: 8, value: { mean: 1, ci95: [1, 1], n: 8 }, calls: 5 });
    const sweep = report.sweeps.find(({ path }) => path === 'isRel.threshold')!;
    const at = (value: number) => sweep.points.find((point) => point.at === value)!;
    expect(sweep).toMatchObject({ low: 0, high: 1, base: 0.5 });
    // Below 0.3 the other passage comes in, of which half of the traces hold nothing; it does not win.
    expect(at(0.2)).toMatchObject({ coverage: 0.5, value: { mean: 1, n: 4 }, difference: { mean: 0, n: 4, p: 1 } });
    expect(at(0.4)).toMatchObject({ coverage: 1, value: { mean: 1, n: 8 }, callsSaved: 0 });
    // At 0.8 nothing is relevant enough, and without evidence nothing is generated and judged: two calls less.
    expect(at(0.8)).toMatchObject({ coverage: 1, value: { mean: 0 }, difference: { mean: -1, n: 8 }, callsSaved: 3 });
    // Where half of the questions are missing, nothing is said.
    expect(sweep.alike).toEqual([0.3, 0.7]);
    expect(sweep.largest).toBe(0.8);
    expect(report.idle.critics).toEqual([{ kind: 'retrieve', reason: 'retrieve.mode is always' }]);
  });

  it('finds the critic that decides, and that the others do not', async () => {
    const report = await sensitivity(await questions(false), { metric: 'em', over: [], noise: [0, 0.5, 1], seeds: 3 });
    const of = (kind: ReflectionKind) => report.critics.find((one) => one.kind === kind)!;
    expect(report.critics.map(({ kind }) => kind)).toEqual(['isRel', 'isSup', 'isUse']);
    // 0.5 is not above 0.5: all passages are dropped.
    expect(of('isRel').ablated).toMatchObject({ passes: false, value: { mean: 0 }, difference: { mean: -1, n: 8 } });
    // Without IsREL both passages stay, and IsSUP finds the right one.
    expect(of('isRel').dropped).toMatchObject({ coverage: 1, value: { mean: 1 }, callsSaved: 1 });
    expect(of('isUse').ablated).toMatchObject({ value: { mean: 1 }, difference: { mean: 0 } });
    expect(of('isUse').verdict).toEqual({ is: 'none' });
    // IsREL alone lets one passage in, so IsSUP has nothing to choose from.
    expect(of('isSup').ablated).toMatchObject({ passes: null, difference: { mean: 0 } });
    const noise = of('isRel').noise;
    expect(noise.map((point) => point.noise)).toEqual([0, 0.5, 1]);
    expect(noise[0]).toMatchObject({ coverage: 1, value: report.base.value, difference: { mean: 0, p: 1 } });
    // All labels turned round: the wrong passage alone.
    expect(noise[2]).toMatchObject({ coverage: 1, value: { mean: 0 }, overAblated: { mean: 0 } });
    expect(noise[1]!.value!.mean).toBeGreaterThan(0);
    expect(noise[1]!.value!.mean).toBeLessThan(1);
    expect(of('isRel')).toMatchObject({ verdict: { is: 'gains', upTo: 0.5 }, worseFrom: null });
  });

  it('says when a critic does harm, and when facts are missing to tell', async () => {
    const misled = (id: string, relevant: number) =>
      recorded({
        id,
        passages: [
          { text: A, relevant, fully: 0.2 },
          { text: B, relevant, fully: 0.8 },
        ],
        gold: A,
        config: { isRel: { threshold: 0.4 } },
      });
    const options = { metric: 'em', over: [], noise: [], seeds: 1 };
    const harmful = await sensitivity([await misled('a', 0.9), await misled('b', 0.9)], options);
    expect(harmful.critics.find(({ kind }) => kind === 'isSup')!.verdict).toEqual({ is: 'harms' });
    expect(harmful.critics.find(({ kind }) => kind === 'isUse')!.verdict).toEqual({ is: 'none' });
    // Nothing was relevant enough, so nothing was generated; with an even chance, or without IsREL, it would have been.
    const empty = await sensitivity([await misled('a', 0.3)], options);
    expect(empty.critics).toMatchObject([{ kind: 'isRel', verdict: { is: 'unknown' } }]);
    expect(empty.critics[0]).toMatchObject({ ablated: { coverage: 0, difference: null }, dropped: { coverage: 0 } });
    expect(empty.idle.critics.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['retrieve', 'retrieve.mode is always'],
      ['isSup', 'it was asked nothing'],
      ['isUse', 'it was asked nothing'],
    ]);
  });

  it('counts the draws that are not known', async () => {
    const report = await sensitivity(await questions(), { metric: 'em', over: [], noise: [1], seeds: 2 });
    const { noise, ablated: uniform } = report.critics.find(({ kind }) => kind === 'isRel')!;
    expect(noise[1]).toMatchObject({
      noise: 1,
      coverage: 0.5,
      value: { mean: 0, n: 4 },
      difference: { mean: -1, n: 4 },
    });
    expect(uniform.coverage).toBe(1);
  });

  it('gives each question its distances', async () => {
    const report = await sensitivity(await questions(), { metric: 'em', points: 2, noise: [], seeds: 1 });
    expect(report.sweeps.map(({ path }) => path)).toEqual([
      ...['isRel.threshold', 'weights.isRel', 'weights.isSup', 'weights.isUse'],
      ...['rerank.topN', 'beam.width', 'beam.maxSegments'],
    ]);
    expect(report.idle.options[0]).toEqual({ path: 'retrieve.threshold', reason: 'retrieve.mode is always' });
    expect(report.flips.options.map(({ path }) => path)).toEqual([
      ...['isRel.threshold', 'weights.isRel', 'weights.isSup', 'weights.isUse'],
    ]);
    const [narrow, wide] = report.flips.questions;
    expect(narrow!.flips['isRel.threshold']).toEqual({
      decision: expect.closeTo(0.2, 12),
      answer: { is: 'unknown', beyond: expect.closeTo(0.2, 12) },
    });
    expect(wide!.flips['isRel.threshold']!.answer).toEqual({ is: 'found', distance: expect.closeTo(0.3, 12), at: 0.8 });
    expect(report.flips.options[0]).toMatchObject({ compared: 8, found: 4, unknown: 4, never: 0 });
    expect(report.flips.options[1]).toMatchObject({ compared: null, found: 0, unknown: 0, never: 8 });
  });

  it('is the same for the same seed, whatever else is asked', async () => {
    const all = await questions();
    const options = { metric: 'f1', points: 3, over: thresholds, noise: [0.3], seeds: 2, seed: 7 };
    const one = await sensitivity(all, options);
    expect(await sensitivity(all, options)).toEqual(one);
    const over = [{ path: 'weights.isSup', low: 0, high: 2, whole: false }];
    const less = await sensitivity(all, { ...options, over });
    expect(less.sweeps.map(({ path, low, high, base }) => [path, low, high, base])).toEqual([
      ['weights.isSup', 0, 2, 1],
    ]);
    expect(less.critics).toEqual(one.critics);
  });

  it('takes no rounding of a mean of draws for a difference', async () => {
    // F1 6/7 whatever isUse says; seven of them divided by seven are not 6/7.
    const all = (await questions(false)).map((one) => ({ ...one, gold: { ...one.gold, answers: [`${A} Really.`] } }));
    const report = await sensitivity(all, { metric: 'f1', over: [], noise: [0.5], seeds: 7 });
    const isUse = report.critics.find(({ kind }) => kind === 'isUse')!;
    expect(report.base.value!.mean).toBeCloseTo(6 / 7, 12);
    expect(isUse.noise.map(({ overAblated }) => overAblated)).toMatchObject([{ mean: 0 }, { mean: 0, ci95: [0, 0] }]);
    expect(isUse.verdict).toEqual({ is: 'none' });
  });

  it('is JSON as it stands', async () => {
    const report = await sensitivity(await questions(), { metric: 'f1', over: thresholds, noise: [0.3], seeds: 2 });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('refuses what it cannot mean', async () => {
    const all = await questions();
    const codes = [
      sensitivity([], { metric: 'f1' }),
      sensitivity(all, { metric: 'no such' }),
      sensitivity(all, { metric: 'f1', noise: [1.2] }),
      sensitivity([...all, await recorded({ id: 'x', passages, gold: A, config: { weights: { isSup: 2 } } })], {
        metric: 'f1',
      }),
    ].map((call) => call.catch((error: unknown) => DiscernError.is(error) && error.code));
    expect(await Promise.all(codes)).toEqual(['INPUT_INVALID', 'INPUT_INVALID', 'INPUT_INVALID', 'INPUT_INVALID']);
  });

  it('refuses questions of which none replays', async () => {
    const [narrow] = await questions();
    const trace = { ...narrow!.trace, config: configOf({ isRel: { threshold: 0 }, beam: { maxSegments: 1 } }) };
    const call = sensitivity([{ ...narrow!, trace }], { metric: 'f1' });
    expect(await call.catch((error: unknown) => DiscernError.is(error, 'REPLAY_FACT_MISSING'))).toBe(true);
  });

  it('ends when it is told to', async () => {
    const call = sensitivity(await questions(), { metric: 'f1', signal: AbortSignal.abort() });
    expect(await call.catch((error: unknown) => DiscernError.is(error, 'ABORTED'))).toBe(true);
  });
});
