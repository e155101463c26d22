import { describe, expect, it } from 'vitest';
import { evolve, STRATEGIES } from '../../src/evaluate/tune/search.ts';
import type { Setting } from '../../src/evaluate/tune/surface.ts';
import { type TuneOptions, tuneSurface } from '../../src/evaluate/tune/tune.ts';
import { noise, randomSurface, range, type Synthetic, syntheticSurface } from './tune-fixtures.ts';

const SUP = 'weights.isSup';
const REL = 'isRel.threshold';
const f1 = { name: 'f1', better: 'higher' } as const;

const options = (given: Partial<TuneOptions> = {}): TuneOptions => ({
  ...{ axes: [range(SUP, 0, 3)], metric: f1, strategy: 'grid', trials: 31, folds: 5, seed: 1 },
  ...given,
});
const tune = (surface: Synthetic, given: Partial<TuneOptions> = {}) =>
  tuneSurface(syntheticSurface(surface), options(given));
const at = (setting: Setting, path: string): number => setting[path] as number;

describe('the search', () => {
  /** Best at 2.1 and 0.3, the same for all questions but for their own hardness. */
  const hill: Synthetic = {
    questions: 60,
    group: (i) => `d${i % 20}`,
    outcome: (i, setting) => ({
      value: 1 - Math.abs(at(setting, SUP) - 2.1) / 3 - Math.abs((at(setting, REL) ?? 1) - 0.3) + 0.2 * noise(i),
    }),
  };
  const axes = [range(SUP, 0, 3), range(REL, 0, 1)];

  it.each(STRATEGIES)('%s finds the optimum, and it is promoted', async (strategy) => {
    const result = await tune(hill, { axes, strategy, trials: 200 });
    expect(Math.abs(at(result.chosen, SUP) - 2.1)).toBeLessThan(0.25);
    expect(Math.abs(at(result.chosen, REL) - 0.3)).toBeLessThan(0.08);
    expect(result).toMatchObject({ verdict: 'promoted', setting: result.chosen, questions: 60, groups: 20 });
    expect(result.heldOut.metric!.difference.ci95[0]).toBeGreaterThan(0.5);
    // The base, and what each fold tries to put back: one setting for each axis.
    const more = 1 + 2 * 6;
    expect(result.tried).toBeLessThanOrEqual((strategy === 'evolve' ? 6 * 200 : 200) + more);
  });

  it('an evolution comes nearer than the even spread that it starts from', async () => {
    const miss = async (strategy: 'random' | 'evolve', seed: number) => {
      const { train } = await tune(hill, { axes, strategy, trials: 120, seed });
      return train.difference!;
    };
    const seeds = [1, 2, 3, 4, 5];
    const gains = await Promise.all(
      seeds.map(async (seed) => (await miss('evolve', seed)) - (await miss('random', seed))),
    );
    expect(gains.reduce((sum, gain) => sum + gain, 0)).toBeGreaterThan(0);
  });

  it('an evolution keeps to its trials, asks for nothing twice, and ends in a space of few settings', async () => {
    const run = async (trials: number, axis = axes[0]!) => {
      const asked: string[] = [];
      await evolve({ axes: [axis], base: { [axis.path]: 1 } }, trials, 3, async (setting) => {
        asked.push(JSON.stringify(setting));
        return -Math.abs(at(setting, axis.path) - 2);
      });
      expect(new Set(asked).size).toBe(asked.length);
      return asked;
    };
    const asked = await run(50);
    expect(asked).toHaveLength(50);
    expect(asked[0]).toBe('{"weights.isSup":1}');
    expect(await run(50)).toEqual(asked);
    expect((await run(50, { path: 'beam.width', values: [1, 2, 4] })).length).toBeLessThanOrEqual(3);
  });

  it.each(STRATEGIES)('%s is decided by the seed', async (strategy) => {
    const run = async (seed: number) => JSON.stringify(await tune(hill, { axes, strategy, trials: 40, seed }));
    expect(await run(5)).toBe(await run(5));
    expect(await run(5)).not.toBe(await run(6));
  });
});

describe('evidence', () => {
  it('is found in at most 5% of cases where no setting is better', async () => {
    let [promoted, moved] = [0, 0];
    for (let seed = 0; seed < 200; seed++) {
      const result = await tuneSurface(randomSurface(30, SUP, 1000 + seed), options({ seed, trials: 8 }));
      if (result.verdict !== 'no evidence') promoted += 1;
      if (result.train.difference! > 0) moved += 1;
    }
    // On the questions that it is chosen on, something nearly always looks better.
    expect(moved).toBeGreaterThan(150);
    expect(promoted).toBeLessThanOrEqual(10);
  });

  it('keeps the base where there is none, and says so', async () => {
    const result = await tuneSurface(randomSurface(40, SUP, 3), options());
    expect(result.train.difference).toBeGreaterThan(0.05);
    expect(result).toMatchObject({ verdict: 'no evidence', setting: { [SUP]: 1 } });
    expect(result.chosen).not.toEqual(result.base);
    expect(result.heldOut.widening).toBeGreaterThan(1.1);
  });

  it('is not asked for where the base is best', async () => {
    const result = await tune({
      questions: 20,
      outcome: (_, setting) => ({ value: at(setting, SUP) === 1 ? 1 : 0.5 }),
    });
    expect(result).toMatchObject({
      ...{ verdict: 'no evidence', chosen: { [SUP]: 1 } },
      reason: 'no setting that was tried is better than the base on all questions',
    });
  });

  it('cannot come from two groups, however many questions they have', async () => {
    const result = await tune({
      ...{ questions: 100, group: (i) => (i < 50 ? 'a' : 'b') },
      outcome: (i, setting) => ({ value: (at(setting, SUP) > 2 ? 0.3 : 0) + 0.1 * noise(i, at(setting, SUP)) }),
    });
    expect(result.folds).toHaveLength(2);
    expect(result.heldOut.metric!.difference.mean).toBeGreaterThan(0.2);
    expect(result).toMatchObject({ verdict: 'no evidence', setting: result.base });
    expect(result.heldOut.metric!.difference.p).toBeGreaterThan(0.05);
  });

  it('of a metric that should be low points down', async () => {
    const result = await tune(
      {
        questions: 30,
        metrics: ['ece'],
        outcome: (i, setting) => ({ value: Math.abs(at(setting, SUP) - 2) + noise(i) }),
      },
      { metric: { name: 'ece', better: 'lower' } },
    );
    expect(result).toMatchObject({ verdict: 'promoted', chosen: { [SUP]: 2 } });
    expect(result.heldOut.metric!.difference.mean).toBeCloseTo(-1, 1);
    expect(result.heldOut.metric!.difference.ci95[1]).toBeLessThan(0);
    expect(Math.min(...result.effects[0]!.levels.map(({ best }) => best!))).toBeCloseTo(-1, 1);
  });

  it('is told in figures of hand', async () => {
    // Above 2 every question gains 0.25 and takes one call more; two folds of one question each.
    const result = await tune(
      {
        questions: 2,
        outcome: (i, setting) => ({
          value: 0.5 * i + (at(setting, SUP) > 2 ? 0.25 : 0),
          calls: at(setting, SUP) > 2 ? 2 : 1,
        }),
      },
      { axes: [{ path: SUP, values: [1, 3] }], trials: 2 },
    );
    expect(result.heldOut).toMatchObject({ questions: 2, replayed: 2, compared: 2, defined: 2, coverage: 1 });
    expect(result.heldOut.metric).toMatchObject({
      base: { mean: 0.25 },
      tuned: { mean: 0.5 },
      difference: { mean: 0.25, n: 2 },
    });
    expect(result.heldOut.cost!.calls).toMatchObject({
      base: { mean: 1 },
      tuned: { mean: 2 },
      difference: { mean: 1 },
    });
    expect(result.heldOut.cost!.ms).toMatchObject({ base: { mean: 10 }, tuned: { mean: 20 } });
    expect(result.train).toMatchObject({
      n: 2,
      base: 0.25,
      tuned: 0.5,
      difference: 0.25,
      cost: { calls: { base: 1, tuned: 2 } },
    });
    expect(result.folds.map(({ setting, train, heldOut }) => [at(setting, SUP), train.n, heldOut.n])).toEqual([
      [3, 1, 1],
      [3, 1, 1],
    ]);
    expect(result.front).toMatchObject({
      cost: 'calls',
      points: [
        {
          setting: { [SUP]: 1 },
          train: { value: 0.25, difference: 0, cost: 1, n: 2 },
          heldOut: { difference: { mean: 0 }, cost: { mean: 1 } },
        },
        {
          setting: { [SUP]: 3 },
          train: { value: 0.5, difference: 0.25, cost: 2, n: 2 },
          heldOut: { difference: { mean: 0.25 }, cost: { mean: 2 } },
        },
      ],
    });
    expect(result.effects).toEqual([
      {
        path: SUP,
        levels: [
          { value: 1, settings: 1, covered: 1, best: 0, mean: 0 },
          { value: 3, settings: 1, covered: 1, best: 0.25, mean: 0.25 },
        ],
      },
    ]);
  });
});

describe('ties', () => {
  it('go to the setting nearest to the base', async () => {
    const plateau: Synthetic = {
      questions: 20,
      outcome: (i, setting) => ({ value: (at(setting, SUP) >= 1.8 ? 1 : 0) + noise(i) }),
    };
    expect((await tune(plateau)).chosen).toEqual({ [SUP]: 1.8 });
  });

  it('put back to the base what decides nothing', async () => {
    const one: Synthetic = {
      questions: 20,
      outcome: (i, setting) => ({ value: at(setting, SUP) > 1.5 ? 1 : 0.5 * noise(i) }),
    };
    const axes = [range(SUP, 0, 3), range(REL, 0, 1), range('weights.isUse', 0, 3)];
    for (const strategy of STRATEGIES) {
      const { chosen, folds, base } = await tune(one, { axes, strategy, trials: 40 });
      for (const setting of [chosen, ...folds.map((fold) => fold.setting)])
        expect(setting).toEqual({ ...base, [SUP]: setting[SUP] });
      expect(at(chosen, SUP)).toBeGreaterThan(1.5);
    }
  });

  it('within a standard error do so too where that is asked for', async () => {
    // 1.5 gains nearly as much as 3, and both gain more on some questions than on others.
    const slope: Synthetic = {
      questions: 40,
      outcome: (i, setting) => ({ value: (at(setting, SUP) > 1.4 ? 0.3 : 0) * noise(i) + 0.002 * at(setting, SUP) }),
    };
    expect((await tune(slope)).chosen).toEqual({ [SUP]: 3 });
    expect((await tune(slope, { ties: 'nearest' })).chosen).toEqual({ [SUP]: 1.5 });
  });
});

describe('coverage', () => {
  /** Better above 2, where every tenth question lacks a fact. */
  const missing: Synthetic = {
    questions: 100,
    outcome: (i, setting) =>
      at(setting, SUP) > 2 && i % 10 === 0 ? null : { value: at(setting, SUP) > 2 ? 1 : 0.3 + 0.1 * noise(i) },
  };

  it('below the least share rules a setting out', async () => {
    const strict = await tune(missing);
    expect(strict.train.difference).toBe(0);
    expect(strict).toMatchObject({ verdict: 'no evidence', chosen: { [SUP]: 1 } });
    const lenient = await tune(missing, { minCoverage: 0.85 });
    expect(lenient.heldOut).toMatchObject({ questions: 100, replayed: 90, compared: 90, defined: 100, coverage: 0.9 });
    expect(lenient.verdict).toBe('promoted');
    expect(lenient.effects[0]!.levels.at(-1)).toMatchObject({ value: [2.7, 3], covered: 4 });
    expect(strict.effects[0]!.levels.at(-1)).toMatchObject({ value: [2.7, 3], covered: 0, best: null, mean: null });
  });

  it('does not make a setting look better by what it leaves out', async () => {
    // Above 2 the hardest questions lack a fact; on the others nothing changes.
    const easy: Synthetic = {
      questions: 100,
      outcome: (i, setting) => (at(setting, SUP) > 2 && i < 4 ? null : { value: i < 4 ? 0 : 1 }),
    };
    const result = await tune(easy);
    expect(result).toMatchObject({ verdict: 'no evidence', chosen: { [SUP]: 1 } });
    expect(result.front.points).toHaveLength(1);
  });

  it('counts questions whose metric becomes undefined as left out', async () => {
    const refuses: Synthetic = {
      questions: 50,
      outcome: (i, setting) => ({
        value: at(setting, SUP) > 2 && i % 5 > 0 ? null : at(setting, SUP) > 2 ? 1 : 0.5 + 0.1 * noise(i),
      }),
    };
    expect((await tune(refuses)).chosen).toEqual({ [SUP]: 1 });
    // Where the base has no value either, nothing is left out.
    const never: Synthetic = {
      questions: 50,
      outcome: (i, setting) => ({ value: i % 5 > 0 ? null : at(setting, SUP) > 2 ? 1 : 0.1 * noise(i) }),
    };
    const result = await tune(never);
    expect(result).toMatchObject({
      verdict: 'promoted',
      heldOut: { questions: 50, replayed: 50, compared: 10, defined: 10, coverage: 1 },
    });
  });

  it('of nothing is an error that says so', async () => {
    await expect(tune({ questions: 5, outcome: () => null })).rejects.toThrow('f1 is defined for none of 5 questions');
    await expect(
      tune({ questions: 5, outcome: () => ({}) }, { metric: { name: 'em', better: 'higher' } }),
    ).rejects.toThrow('the surface has f1, not em');
  });
});

describe('a budget', () => {
  /** The more weight, the better and the dearer; questions differ in calls. */
  const dear: Synthetic = {
    questions: 50,
    outcome: (i, setting) => ({ value: at(setting, SUP) / 3 + 0.1 * noise(i), calls: at(setting, SUP) + (i % 2) }),
  };

  it('bounds the mean on the questions that a setting is chosen on', async () => {
    const result = await tune(dear, { budgets: [{ cost: 'calls', most: 2.6 }] });
    expect(result.verdict).toBe('promoted');
    expect(result.train.cost!.calls.tuned).toBeCloseTo(2.6, 9);
    expect(at(result.chosen, SUP)).toBe(2.1);
    for (const { train } of result.folds) expect(train.cost!.calls.tuned).toBeLessThanOrEqual(2.6 + 1e-9);
    expect(result.heldOut.cost!.calls.tuned.ci95[0]).toBeLessThan(result.heldOut.cost!.calls.tuned.mean);
    expect((await tune(dear)).chosen).toEqual({ [SUP]: 3 });
  });

  it.each(STRATEGIES)('is kept by %s', async (strategy) => {
    const result = await tune(dear, {
      strategy,
      budgets: [
        { cost: 'calls', most: 2 },
        { cost: 'ms', most: 18 },
      ],
    });
    for (const { train } of result.folds) expect(train.cost!.ms.tuned).toBeLessThanOrEqual(18 + 1e-9);
    expect(result.train.cost!.ms.tuned).toBeGreaterThan(16);
  });

  it('that the base breaks gives way to a setting that keeps it, and tells the loss', async () => {
    const result = await tune(dear, { budgets: [{ cost: 'calls', most: 1 }] });
    expect(result).toMatchObject({ verdict: 'within budget', chosen: { [SUP]: 0.5 }, setting: { [SUP]: 0.5 } });
    expect(result.heldOut.metric!.difference.mean).toBeLessThan(0);
    expect(result.heldOut.cost!.calls.difference.ci95[1]).toBeLessThan(0);
  });

  it('that nothing keeps leaves the base', async () => {
    const result = await tune(dear, { budgets: [{ cost: 'calls', most: 0.1 }] });
    expect(result).toMatchObject({ verdict: 'no evidence', setting: { [SUP]: 1 } });
    expect(result.reason).toBe('no setting that was tried replays for 95% of the questions and keeps the budget');
    expect(result.folds.map(({ found }) => found)).toEqual([false, false, false, false, false]);
  });

  it('has a front from cheap to dear', async () => {
    const { front, tried } = await tune(dear);
    expect(tried).toBe(31);
    expect(front.points).toHaveLength(10);
    const costs = front.points.map(({ train }) => train.cost);
    const differences = front.points.map(({ train }) => train.difference);
    expect(costs).toEqual([...costs].sort((a, b) => a - b));
    expect(differences).toEqual([...differences].sort((a, b) => a - b));
    expect(front.points.map(({ setting }) => at(setting, SUP))).toEqual([0, 0.3, 0.7, 1, 1.3, 1.7, 2, 2.3, 2.7, 3]);
    for (const { heldOut, train } of front.points) expect(heldOut!.difference.mean).toBeCloseTo(train.difference, 0);
  });
});
