import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { parseAxes } from '../../src/evaluate/tune/axes.ts';
import {
  CLOSED_SET_METRIC,
  type ClosedSetRow,
  checkClosedSetAxes,
  closedSetSurface,
  readClosedSet,
} from '../../src/evaluate/tune/closed-set.ts';
import { tuneSurface } from '../../src/evaluate/tune/tune.ts';
import { aggregateClosedSet } from '../../src/stages/closed-set.ts';
import { jsonl } from './eval-fixtures.ts';
import { noise } from './tune-fixtures.ts';

const part = fc.option(fc.double({ min: -1, max: 1, noNaN: true }));
const candidates = fc.array(
  fc.record({
    answer: fc.constantFrom('A', 'B', 'C', 'D'),
    parts: fc.record({ lm: fc.double({ min: 0, max: 1, noNaN: true }), isRel: part, isSup: part, isUse: part }),
  }),
  { minLength: 1, maxLength: 8 },
);
const weight = fc.double({ min: -3, max: 3, noNaN: true });

describe('closed-set answers', () => {
  it('are right under a setting where the sum of their scores is the largest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(candidates, { minLength: 1, maxLength: 5 }),
        weight,
        weight,
        weight,
        async (all, rel, sup, use) => {
          const scored = all.map((list) =>
            aggregateClosedSet(
              list.map(({ answer, parts: { lm, isRel, isSup, isUse } }) => ({
                answer,
                score: lm + rel * (isRel ?? 0) + sup * (isSup ?? 0) + use * (isUse ?? 0),
              })),
            ),
          );
          // Sums of the same numbers in another order may differ in their last digit.
          fc.pre(
            scored.every(({ ranking: [first, second] }) => second === undefined || first!.score - second.score > 1e-9),
          );
          const rows = all.map(
            (list, i): ClosedSetRow => ({ id: `q${i}`, group: null, gold: scored[i]!.best!, candidates: list }),
          );
          const wrong = rows.map((row) => ({ ...row, gold: 'E' }));
          const setting = { 'weights.isRel': rel, 'weights.isSup': sup, 'weights.isUse': use };
          const values = async (given: readonly ClosedSetRow[]) =>
            (await closedSetSurface(given).at(setting)).map((outcome) => outcome!.values[0]);
          expect(await values(rows)).toEqual(rows.map(() => 1));
          expect(await values(wrong)).toEqual(rows.map(() => 0));
        },
      ),
    );
  });

  it('take weights that are not tuned from the base; of equals the first seen is best', async () => {
    const parts = { lm: 0, isRel: 0, isSup: 0, isUse: 0 };
    const row = (gold: string): ClosedSetRow => ({
      ...{ id: gold, group: 'g', gold },
      candidates: [
        { answer: 'A', parts: { ...parts, isRel: 1 } },
        { answer: 'B', parts: { ...parts, isSup: 1 } },
      ],
    });
    const best = async (config: Parameters<typeof parseConfig>[0], setting = {}) =>
      (await closedSetSurface([row('A'), row('B')], parseConfig(config)).at(setting)).map(
        (outcome) => outcome!.values[0],
      );
    expect(await best({})).toEqual([1, 0]);
    expect(await best({ weights: { isSup: 1.1 } })).toEqual([0, 1]);
    expect(await best({ weights: { isSup: 1.1 } }, { 'weights.isSup': 0.5 })).toEqual([1, 0]);
  });

  it('are read from JSON lines, and wrong lines are named', async () => {
    const good = { id: 7, gold: 'A', candidates: [{ answer: 'A', parts: { isRel: 0.5 } }] };
    expect(await readClosedSet([jsonl([good])], 'f')).toEqual([
      {
        id: '7',
        group: null,
        gold: 'A',
        candidates: [{ answer: 'A', parts: { lm: 0, isRel: 0.5, isSup: null, isUse: null } }],
      },
    ]);
    const lines = (...rows: object[]) =>
      readClosedSet(
        rows.map((row) => JSON.stringify(row)),
        'f.jsonl',
      );
    await expect(lines(good, good)).rejects.toThrow('f.jsonl, line 2: the id "7" stands there twice');
    await expect(lines({ ...good, candidates: [] })).rejects.toThrow('f.jsonl, line 1: candidates');
    await expect(lines({ ...good, gold: 3 })).rejects.toThrow('f.jsonl, line 1: gold');
    await expect(lines()).rejects.toThrow('f.jsonl has no rows');
    expect(() => checkClosedSetAxes(['weights.isSup', 'beam.width'])).toThrow('not beam.width');
  });

  it('a hidden weight is found', async () => {
    // The right answer is the one with the largest isRel + 3 isSup - 1 isUse.
    const rows = Array.from({ length: 200 }, (_, i): ClosedSetRow => {
      const list = ['A', 'B', 'C'].map((answer) => {
        const [isRel, isSup, isUse] = ['r', 's', 'u'].map((kind) => noise(i, answer, kind));
        return { answer, parts: { lm: 0, isRel: isRel!, isSup: isSup!, isUse: isUse! } };
      });
      const score = ({ parts }: (typeof list)[number]) => parts.isRel + 3 * parts.isSup - parts.isUse;
      return {
        id: `q${i}`,
        group: `g${i % 50}`,
        gold: list.reduce((a, b) => (score(b) > score(a) ? b : a)).answer,
        candidates: list,
      };
    });
    const result = await tuneSurface(closedSetSurface(rows), {
      ...{ axes: parseAxes('weights.isRel=0..3,weights.isSup=0..3,weights.isUse=-2..2'), metric: CLOSED_SET_METRIC },
      ...{ strategy: 'random', trials: 500, folds: 5, seed: 2 },
    });
    expect(result.verdict).toBe('promoted');
    expect(result.train.tuned).toBeGreaterThan(0.97);
    expect(result.heldOut.metric!.tuned.mean).toBeGreaterThan(0.93);
    expect(result.train.base).toBeLessThan(0.8);
    expect(result.heldOut.cost!.calls.tuned.mean).toBe(0);
  });
});
