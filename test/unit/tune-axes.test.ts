import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { DiscernError } from '../../src/errors.ts';
import { type Axis, defaultAxes, nearestName, parseAxes } from '../../src/evaluate/tune/axes.ts';
import { parseBudget } from '../../src/evaluate/tune/budget.ts';
import {
  baseSetting,
  distanceOf,
  gridSettings,
  haltonPoints,
  placeOf,
  settingAt,
  valueAt,
} from '../../src/evaluate/tune/points.ts';
import { plannedSettings } from '../../src/evaluate/tune/search.ts';
import { range } from './tune-fixtures.ts';

const messageOf = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    if (DiscernError.is(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'none';
};

describe('axes', () => {
  it('are read with ranges, steps and lists', () => {
    expect(
      parseAxes(
        'retrieve.threshold=0..1, weights.isSup=-1..3:0.5,beam.width=1..4,beam.maxSegments=1|6,retrieve.mode=always|adaptive,isRel.threshold=none|0.5,gate.refuse=true|false',
      ),
    ).toEqual([
      { path: 'retrieve.threshold', values: { low: 0, high: 1, step: null, integer: false } },
      { path: 'weights.isSup', values: { low: -1, high: 3, step: 0.5, integer: false } },
      { path: 'beam.width', values: { low: 1, high: 4, step: 1, integer: true } },
      { path: 'beam.maxSegments', values: [1, 6] },
      { path: 'retrieve.mode', values: ['always', 'adaptive'] },
      { path: 'isRel.threshold', values: [null, 0.5] },
      { path: 'gate.refuse', values: [true, false] },
    ]);
  });

  it.each([
    [
      'retrieve.treshold=0..1',
      'INPUT_INVALID there is no option "retrieve.treshold"; did you mean retrieve.threshold?',
    ],
    ['quite.unlike=0..1', 'INPUT_INVALID there is no option "quite.unlike"'],
    ['weights.isSup=0..30', 'INPUT_INVALID weights.isSup: Too big: expected number to be <=10, got 30'],
    ['budget.calls=0..5', 'INPUT_INVALID budget.calls: Too small: expected number to be >0, got 0'],
    ['beam.width=1|2.5', 'INPUT_INVALID beam.width takes whole numbers, got "2.5"'],
    ['retrieve.mode=sometimes', /INPUT_INVALID retrieve\.mode: Invalid option.*"sometimes"/],
    ['weights.isSup=3..1', 'INPUT_INVALID weights.isSup: 3 is not below 1'],
    ['weights.isSup=0..1:2', 'INPUT_INVALID weights.isSup: the step 2 does not fit into 0..1'],
    ['weights.isSup=0..x', 'INPUT_INVALID weights.isSup takes numbers, got "x"'],
    ['weights.isSup=none', 'INPUT_INVALID weights.isSup takes numbers, got "none"'],
    ['gate.refuse=perhaps', 'INPUT_INVALID gate.refuse takes true or false, got "perhaps"'],
    ['weights.isSup', 'INPUT_INVALID "weights.isSup" has no values'],
    ['weights.isSup=0..1,weights.isSup=1|2', 'INPUT_INVALID weights.isSup is named twice'],
    [' , ', 'INPUT_INVALID no options to tune are named'],
    [
      'embedder.maxTokens=100|200',
      /INPUT_INVALID embedder\.maxTokens cannot be tuned by replay: it decides what is recorded; replayable/,
    ],
    ['generate.withContext=quote|gguf', /cannot be tuned by replay: it names a part that is asked/],
    ['generate.temperature=0..1', /cannot be tuned by replay: it is a part of recorded requests/],
  ])('%s is refused', (text, message) => {
    if (typeof message === 'string') expect(messageOf(() => parseAxes(text))).toBe(message);
    else expect(messageOf(() => parseAxes(text))).toMatch(message);
  });

  it('are by default those that decide something', () => {
    const paths = (mode: 'always' | 'adaptive') =>
      defaultAxes(parseConfig({ retrieve: { mode } })).map(({ path }) => path);
    expect(paths('always')).toEqual(['isRel.threshold', 'weights.isRel', 'weights.isSup', 'weights.isUse']);
    expect(paths('adaptive')[0]).toBe('retrieve.threshold');
  });

  it('a near name is at most a third of it away', () => {
    expect(nearestName('kitten', ['sitting', 'mitten'])).toBe('mitten');
    expect(nearestName('kitten', ['sitting'])).toBeNull();
    expect(nearestName('x', [])).toBeNull();
  });
});

describe('budgets', () => {
  it('are read, one or several', () => {
    expect(parseBudget('calls<=1.5, ms <= 800')).toEqual([
      { cost: 'calls', most: 1.5 },
      { cost: 'ms', most: 800 },
    ]);
  });

  it.each(['calls<1', 'call<=1', 'calls<=', 'calls<=-1', 'calls<=x', ''])('"%s" is refused', (text) => {
    expect(messageOf(() => parseBudget(text))).toBe(`INPUT_INVALID "${text}" is no budget`);
  });
});

describe('points of a space', () => {
  const axes: Axis[] = [
    range('weights.isSup', 0, 3),
    range('isRel.threshold', 0, 1, 0.25),
    { path: 'beam.width', values: [1, 2, 4] },
  ];

  it('have values without rounding tails, the ends among them', () => {
    expect([0, 0.1, 0.5, 1].map((place) => valueAt(axes[0]!, place))).toEqual([0, 0.3, 1.5, 3]);
    expect([0, 0.3, 0.9, 1].map((place) => valueAt(axes[1]!, place))).toEqual([0, 0.25, 1, 1]);
    expect([0, 0.34, 0.67, 1].map((place) => valueAt(axes[2]!, place))).toEqual([1, 2, 4, 4]);
  });

  it('a place leads to the value that has it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...axes), fc.double({ min: 0, max: 1, noNaN: true }), (axis, place) => {
        const value = valueAt(axis, place);
        expect(valueAt(axis, placeOf(axis, value)!)).toBe(value);
      }),
    );
    expect(placeOf(axes[0]!, null)).toBeNull();
    expect(placeOf(axes[0]!, 3.5)).toBeNull();
    expect(placeOf(axes[2]!, 3)).toBeNull();
  });

  it('a grid spreads evenly over all axes, and keeps to the count', () => {
    const values = (settings: readonly Record<string, unknown>[], path: string) => [
      ...new Set(settings.map((one) => one[path])),
    ];
    const grid = gridSettings(axes, 30);
    expect(grid).toHaveLength(27);
    expect(values(grid, 'weights.isSup')).toEqual([0, 1.5, 3]);
    expect(values(grid, 'isRel.threshold')).toEqual([0, 0.5, 1]);
    expect(values(grid, 'beam.width')).toEqual([1, 2, 4]);
    // The list has three values, the steps five: the range takes the rest.
    expect(gridSettings(axes, 1000)).toHaveLength(3 * 5 * 66);
    expect(gridSettings([axes[2]!], 2)).toEqual([{ 'beam.width': 1 }, { 'beam.width': 4 }]);
  });

  it('grids change thresholds fastest, whatever the order of the axes', () => {
    const [first, second] = gridSettings([axes[1]!, axes[0]!], 25);
    expect([first, second]).toEqual([
      { 'isRel.threshold': 0, 'weights.isSup': 0 },
      { 'isRel.threshold': 0.25, 'weights.isSup': 0 },
    ]);
  });

  it('Halton points leave no large gap on any axis', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer(), (dimensions, seed) => {
        const points = haltonPoints(dimensions, 64, seed);
        for (let d = 0; d < dimensions; d++) {
          const line = [...points.map((point) => point[d]!), 0, 1].sort((a, b) => a - b);
          expect(Math.max(...line.slice(1).map((place, i) => place - line[i]!))).toBeLessThan(0.25);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('the base comes first, and no setting twice', () => {
    const base = baseSetting(axes, parseConfig());
    expect(base).toEqual({ 'weights.isSup': 1, 'isRel.threshold': null, 'beam.width': 2 });
    for (const strategy of ['grid', 'random'] as const) {
      const planned = plannedSettings(strategy, { axes, base }, 40, 3);
      expect(planned[0]).toEqual(base);
      expect(new Set(planned.map((one) => JSON.stringify(one))).size).toBe(planned.length);
    }
    expect(plannedSettings('random', { axes, base }, 40, 3)).not.toEqual(
      plannedSettings('random', { axes, base }, 40, 4),
    );
    expect(settingAt(axes, [0, 0, 0])).toEqual({ 'weights.isSup': 0, 'isRel.threshold': 0, 'beam.width': 1 });
  });

  it('distances are shares of axes, 1 where values have no order', () => {
    const a = { 'weights.isSup': 1, 'isRel.threshold': null, 'beam.width': 2 };
    expect(distanceOf(axes, a, a)).toBe(0);
    expect(distanceOf(axes, a, { ...a, 'weights.isSup': 2.5 })).toBeCloseTo(0.5, 12);
    expect(distanceOf(axes, a, { ...a, 'isRel.threshold': 0.25 })).toBe(1);
    expect(distanceOf(axes, a, { ...a, 'beam.width': 4 })).toBeCloseTo(2 / 3, 12);
  });
});
