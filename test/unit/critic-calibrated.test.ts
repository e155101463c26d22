import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { calibratedCritic, loadCalibration } from '../../src/backends/critic/calibrated.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import type { Critique } from '../../src/types.ts';
import { changed, isRel, isUse } from './critic-composed-fixtures.ts';

const dir = mkdtempSync(join(tmpdir(), 'discern-calibrated-'));
afterAll(() => rmSync(dir, { recursive: true }));

const at = (p: number) =>
  scriptedCritic(
    ({ kind }): Record<string, number> => (kind === 'isRel' ? { relevant: p, irrelevant: 1 - p } : { '3': 1 }),
  );
const HALVED = { isRel: { method: 'temperature', temperature: 2 } } as const;
const one = async (critic: ReturnType<typeof at>) => (await critic.critique([isRel('x')]))[0] as Critique<'isRel'>;

describe('calibrated', () => {
  it('puts probabilities through the curve of their kind and keeps what was said', async () => {
    // Log-odds ln 4, halved: 2 to 1.
    expect(await one(calibratedCritic(at(0.8), HALVED))).toEqual({
      kind: 'isRel',
      probs: { relevant: expect.closeTo(2 / 3, 12), irrelevant: expect.closeTo(1 / 3, 12) },
      mass: 1,
      raw: { relevant: 0.8, irrelevant: expect.closeTo(0.2, 12) },
    });
  });

  it('leaves kinds without one as they are', async () => {
    const critic = calibratedCritic(at(0.8), HALVED);
    expect(await critic.critique([isUse('x')])).toEqual(await at(0.8).critique([isUse('x')]));
  });

  it('starts from what was said before another calibration, as the fit does', async () => {
    const fitted = changed(at(0.99), () => ({ raw: { relevant: 0.8, irrelevant: 0.2 } })).critic;
    const said = await one(calibratedCritic(fitted, HALVED));
    expect(said.probs.relevant).toBeCloseTo(2 / 3, 12);
    expect(said.raw).toEqual({ relevant: 0.8, irrelevant: 0.2 });
  });

  it('makes probabilities of stated numbers and of shares of samples', async () => {
    const interval = { relevant: [0.4, 0.9], irrelevant: [0.1, 0.6] } as const;
    const shares = changed(at(0.8), () => ({ basis: 'sampled', interval })).critic;
    expect(Object.keys(await one(calibratedCritic(shares, HALVED))).sort()).toEqual(['kind', 'mass', 'probs', 'raw']);
  });

  it('of retrieve fits yes and no; continue keeps its share', async () => {
    const critic = scriptedCritic(() => ({ yes: 0.4, no: 0.1, continue: 0.5 }));
    const shifted = calibratedCritic(critic, { retrieve: { method: 'platt', scale: 0.5, bias: [0, 0] } });
    const [said] = await shifted.critique([{ kind: 'retrieve', question: 'Who?', answerSoFar: '' }]);
    expect(said!.probs).toEqual({ yes: expect.closeTo(1 / 3, 12), no: expect.closeTo(1 / 6, 12), continue: 0.5 });
    expect(shifted.predictsContinue).toBe(true);
  });

  it('takes a certainty as the fit did, at 1e-12', async () => {
    const said = await one(calibratedCritic(at(1), HALVED));
    expect(said.probs.relevant).toBeCloseTo(1 / (1 + 1e-6), 12);
    const curve = { isRel: { method: 'isotonic', x: [-1, 1], y: [0.2, 0.7] } } as const;
    expect((await one(calibratedCritic(at(0), curve))).probs).toEqual({ relevant: 0.2, irrelevant: 0.8 });
  });

  it('is named by its critic and what it was fitted to', () => {
    const { id } = calibratedCritic(at(0.8), HALVED);
    expect(id).toMatch(/^calibrated-scripted\.1@[0-9a-f]{8}$/);
    expect(calibratedCritic(at(0.8), { isRel: { method: 'temperature', temperature: 3 } }).id).not.toBe(id);
  });

  it('refuses a calibration of other labels', () => {
    const wrong = { isRel: { method: 'platt', scale: 1, bias: [0, 0, 0] } } as const;
    expect(() => calibratedCritic(at(0.8), wrong)).toThrow('isRel has 2 labels, its calibration 3');
  });
});

describe('a file of a calibration', () => {
  const write = (value: unknown): string => {
    const path = join(dir, 'fit.json');
    writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
    return path;
  };
  const fittedOn = { data: 'rows.jsonl 12345678', n: 40 };
  const use = { method: 'temperature', temperature: 2 };

  it('is what discern critics calibrate writes; what is not about reflection tokens is left', async () => {
    const calibration = { isRel: { use, fittedOn }, equivalent: { use, fittedOn } };
    const path = write({ critic: 'prompted-x@1', calibration, isRelThreshold: 0.31 });
    expect(await loadCalibration(path)).toEqual({
      critic: 'prompted-x@1',
      calibration: { isRel: use },
      isRelThreshold: 0.31,
    });
  });

  it.each([
    ['no JSON', 'x', /is not a calibration of a critic: Unexpected token/],
    ['no critic', { calibration: {} }, /critic/],
    ['another method', { critic: 'x@1', calibration: { isRel: { use: { method: 'guess' }, fittedOn } } }, /isRel/],
    ['another kind', { critic: 'x@1', calibration: { isFunny: { use, fittedOn } } }, /isFunny/],
  ])('with %s is refused', async (_, value, said) => {
    await expect(loadCalibration(write(value))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(said),
    });
  });

  it('that is not there is refused', async () => {
    await expect(loadCalibration(join(dir, 'none.json'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('ENOENT'),
    });
  });
});
