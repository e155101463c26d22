import { describe, expect, it } from 'vitest';
import { compareCritics } from '../../src/evaluate/critics/compare.ts';
import { type ComparedState, decidingNumber } from '../../src/evaluate/critics/compare-states.ts';
import { type Halves, halvesOf } from '../../src/evaluate/critics/transfer.ts';
import type { Critique } from '../../src/types.ts';
import { passageOf } from './parts.ts';

const critique = (kind: Critique['kind'], probs: Readonly<Record<string, number>>): Critique =>
  ({ kind, probs, mass: 1 }) as Critique;
const isRel = (p: number): Critique => critique('isRel', { relevant: p, irrelevant: 1 - p });
const passage = passageOf('p', 'A passage.');

/** P(relevant) of A and of B. */
const state = (a: number, b: number, more: Partial<ComparedState> & { question?: string } = {}): ComparedState => {
  const { question = 'q', ...rest } = more;
  return {
    ...{ kind: 'isRel', source: 's', request: { kind: 'isRel', question, passage }, truth: null, threshold: null },
    ...{ a: isRel(a), b: isRel(b) },
    ...rest,
  };
};
const times = <T>(n: number, of: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => of(i));
const all = (states: readonly ComparedState[]): Halves => ({
  fit: new Set(),
  measure: new Set(states.map(({ request }) => request.question)),
});
const compare = (states: readonly ComparedState[], halves = all(states), isRelThreshold: number | null = null) =>
  compareCritics(states, { transfer: 'quantile', halves, isRelThreshold, seed: 1 });

describe('the number that decides', () => {
  it.each([
    ['retrieve', { yes: 0.3, no: 0.1, continue: 0.6 }, 0.75],
    ['retrieve', { yes: 0, no: 0, continue: 1 }, 0],
    ['isRel', { relevant: 0.8, irrelevant: 0.2 }, 0.8],
    ['isSup', { fully: 0.6, partially: 0.3, none: 0.1 }, 0.75],
    ['isUse', { '1': 0.1, '2': 0.1, '3': 0.2, '4': 0.4, '5': 0.2 }, 3.5],
  ] as const)('of %s %o', (kind, probs, number) =>
    expect(decidingNumber(critique(kind, probs))).toBeCloseTo(number, 12),
  );
});

describe('agreement', () => {
  it('20 and 15 alike of 50: agreement 0.7, by chance 0.5, kappa 0.4', () => {
    // Cohen's kappa by hand: A says relevant 25 of 50, B 30 of 50; chance (25 * 30 + 25 * 20) / 2500 = 0.5.
    const states = [
      ...times(20, () => state(0.9, 0.7)),
      ...times(5, () => state(0.9, 0.1)),
      ...times(10, () => state(0.2, 0.6)),
      ...times(15, () => state(0.2, 0.1)),
    ].map((one, i) => ({ ...one, request: { ...one.request, question: `q${i}` } }));
    const { isRel: figures } = compare(states);
    expect(figures).toMatchObject({ n: 50, questions: 50, undecided: { a: 0, b: 0, both: 0 } });
    expect(figures!.confusion).toEqual({
      labels: ['relevant', 'irrelevant'],
      table: [
        [20, 5],
        [10, 15],
      ],
    });
    expect(figures!.agreement!.mean).toBeCloseTo(0.7, 12);
    expect(figures!.kappa!.mean).toBeCloseTo(0.4, 12);
    // 20 * 0.2 + 5 * 0.8 + 10 * 0.4 + 15 * 0.1 = 13.5 of 50.
    expect(figures!.difference!.mean).toBeCloseTo(0.27, 12);
    const [low, high] = figures!.agreement!.ci95;
    expect([low > 0.5, low < 0.65, high > 0.75, high < 0.9]).toEqual([true, true, true, true]);
    expect(figures!.agreement!.n).toBe(50);
    expect(figures!.accuracy).toEqual({ a: null, b: null, gain: null });
    expect(figures!.decisions).toBe(null);
  });

  it('the correlation of a line is 1, of its reverse -1', () => {
    const line = times(9, (i) => state(i / 10, i / 20 + 0.3));
    const reverse = times(9, (i) => state(i / 10, 0.9 - i / 10));
    expect(compare(line).isRel!.correlation!.mean).toBeCloseTo(1, 9);
    expect(compare(reverse).isRel!.correlation!.mean).toBeCloseTo(-1, 9);
    expect(compare(times(3, () => state(0.5, 0.2))).isRel!.correlation).toBe(null);
  });

  it('questions are drawn again whole: states of one question have no interval', () => {
    const one = times(10, (i) => state(0.9, i < 5 ? 0.9 : 0.1));
    expect(compare(one).isRel!.agreement).toEqual({ mean: 0.5, ci95: [0.5, 0.5], n: 10 });
  });

  it('what a critic leaves undecided is counted and in no other figure', () => {
    const undecided = { ...isRel(0.1), undecided: { bounds: { relevant: 0.5 } } };
    const states = [
      state(0.9, 0.9),
      { ...state(0.9, 0.1), b: undecided },
      { ...state(0.9, 0.1), a: undecided, b: undecided },
      { ...state(0.9, 0.1), a: undecided },
    ];
    expect(compare(states).isRel).toMatchObject({
      ...{ n: 1, undecided: { a: 2, b: 2, both: 1 }, agreement: { mean: 1 } },
      confusion: {
        table: [
          [1, 0],
          [0, 0],
        ],
      },
    });
  });

  it('labels: who is right, and by how much B is', () => {
    const states = [
      state(0.9, 0.9, { truth: 0 }),
      state(0.9, 0.1, { truth: 1 }),
      state(0.1, 0.9, { truth: 1 }),
      state(0.9, 0.1, { truth: 1 }),
      state(0.9, 0.1),
    ];
    const { accuracy } = compare(states).isRel!;
    expect(accuracy).toMatchObject({ a: { mean: 0.5, n: 4 }, b: { mean: 0.75, n: 4 }, gain: { mean: 0.25, n: 4 } });
  });

  it('a label that is any but the first', () => {
    const sup = (fully: number): Critique => critique('isSup', { fully, partially: 0, none: 1 - fully });
    const request = { kind: 'isSup', question: 'q', passage, segment: 's' } as const;
    const one = { kind: 'isSup', source: 's', request, truth: 'notFirst', threshold: null } as const;
    const { isSup } = compare([{ ...one, a: sup(0.9), b: sup(0.2) }]);
    expect(isSup!.accuracy).toMatchObject({ a: { mean: 0 }, b: { mean: 1 } });
    expect(isSup!.decisions).toBe(null);
  });

  it('grades: neighbours disagree less than ends', () => {
    const grade = (level: string): Critique =>
      critique('isUse', { '1': 0, '2': 0, '3': 0, '4': 0, '5': 0, [level]: 1 });
    const request = { kind: 'isUse', question: 'q', answer: 'x' } as const;
    const of = (a: string, b: string): ComparedState => ({
      ...{ kind: 'isUse', source: 's', request, truth: null, threshold: null, a: grade(a), b: grade(b) },
    });
    const near = compare([of('1', '2'), of('5', '4'), of('3', '3')]).isUse!;
    // Costs 1 + 1 + 0 = 2. By chance, rows 1, 5, 3 and columns 2, 4, 3: (1 + 9 + 4 + 9 + 1 + 4 + 1 + 1 + 0) / 3 = 10.
    expect(near.kappaQuadratic!.mean).toBeCloseTo(1 - 2 / 10, 12);
    expect(near.kappa!.mean).toBeCloseTo(0.25, 12); // 2 of 3 differ; by chance 8 of 9 do.
    expect(near.difference!.mean).toBeCloseTo(2 / 3, 12);
  });

  it('by source', () => {
    const states = [state(0.9, 0.9, { source: 'x' }), state(0.9, 0.1, { source: 'y' }), state(0.9, 0.9)];
    const { bySource } = compare(states).isRel!;
    expect(Object.entries(bySource).map(([name, own]) => [name, own.n, own.agreement!.mean])).toEqual([
      ['s', 1, 1],
      ['x', 1, 1],
      ['y', 1, 0],
    ]);
  });
});

describe('decisions', () => {
  /** A's threshold is 0.5; B says of everything half of what A says. */
  const half = (a: number, question: string) => state(a, a / 2, { question, threshold: 0.5, truth: a > 0.65 ? 0 : 1 });
  const fit = times(10, (i) => half(i / 10 + 0.05, `fit${i}`));
  const measured = times(10, (i) => half(i / 10 + 0.05, `measure${i}`));
  const halves: Halves = {
    fit: new Set(fit.map(({ request }) => request.question)),
    measure: new Set(measured.map(({ request }) => request.question)),
  };
  const { decisions } = compare([...fit, ...measured], halves, 0.2).isRel!;

  it('are those of the half that nothing was fitted on', () => {
    expect(decisions).toMatchObject({ n: 10, questions: 10, fitted: { n: 10, questions: 10 } });
    // Kept by A: 0.55 and more. It is right but for 0.55 and 0.65, which are labelled irrelevant.
    expect(decisions!.a).toMatchObject({ threshold: 0.5, kept: { mean: 0.5 }, right: { mean: 0.8 } });
  });

  it('unchanged: B keeps nothing above 0.5', () => {
    const { unchanged } = decisions!.variants;
    expect(unchanged).toMatchObject({
      ...{ threshold: 0.5, kept: { mean: 0 }, flips: { mean: 0.5, n: 10 }, lost: { mean: 0.5 }, gained: { mean: 0 } },
      ...{ kappa: { mean: 0 }, right: { mean: 0.7 } },
    });
  });

  it("B's own threshold of 0.2 keeps from 0.45 on", () => {
    expect(decisions!.variants.own).toMatchObject({
      ...{ threshold: 0.2, kept: { mean: 0.6 }, flips: { mean: 0.1 }, lost: { mean: 0 }, gained: { mean: 0.1 } },
      kappa: { mean: 0.8 }, // By chance 0.5 * 0.4 + 0.5 * 0.6 would flip; 0.1 does.
    });
  });

  it('the threshold that keeps as many stands between 0.225 and 0.275, and nothing flips', () => {
    expect(decisions!.variants.transferred).toMatchObject({
      ...{ threshold: 0.25, kept: { mean: 0.5 }, flips: { mean: 0 }, kappa: { mean: 1 }, right: { mean: 0.8 } },
    });
  });

  it('without a threshold fitted for B there is no such row; a source has rows of its own', () => {
    const { decisions: plain } = compare([...fit, ...measured], halves).isRel!;
    expect(plain!.variants.own).toBe(null);
    expect(Object.keys(plain!.bySource)).toEqual(['s']);
    expect(plain!.bySource.s!.variants.transferred!.flips!.mean).toBe(0);
  });

  it('states may have thresholds of their own', () => {
    const states = [state(0.4, 0.6, { threshold: 0.3 }), state(0.4, 0.6, { threshold: 0.5, question: 'r' })];
    const { decisions: own } = compare(states).isRel!;
    expect(own!.a.threshold).toBe(null);
    expect(own!.variants.unchanged).toMatchObject({ threshold: null, flips: { mean: 0.5 }, gained: { mean: 0.5 } });
    expect(own!.variants.transferred).toBe(null);
  });

  it('by calibration: B doubles the log-odds and adds 1, so 0.5 becomes 0.731', () => {
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    const states = times(40, (i) => {
      const x = (i % 20) / 4 - 2.4;
      const truth = (i * 7) % 20 < i % 20 ? 0 : 1;
      return state(sigmoid(x), sigmoid(2 * x + 1), { question: `q${i}`, threshold: 0.5, truth });
    });
    const questions = states.map(({ request }) => request.question);
    const options = { transfer: 'calibration', halves: halvesOf(questions, 3), isRelThreshold: null, seed: 1 } as const;
    const { variants } = compareCritics(states, options).isRel!.decisions!;
    expect(variants.transferred!.threshold).toBeCloseTo(sigmoid(1), 5);
    expect(variants.transferred!.flips!.mean).toBe(0);
    expect(variants.unchanged!.gained!.mean).toBeGreaterThan(0);
    const unlabelled = states.map((one) => ({ ...one, truth: null }));
    expect(compareCritics(unlabelled, options).isRel!.decisions!.variants.transferred).toBe(null);
  });
});
