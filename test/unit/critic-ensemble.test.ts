import { describe, expect, it } from 'vitest';
import { calibratedCritic } from '../../src/backends/critic/calibrated.ts';
import { ensembleCritic } from '../../src/backends/critic/ensemble.ts';
import { outageCritic } from '../../src/backends/critic/outage.ts';
import type { Critic } from '../../src/contracts.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import type { Critique, CritiqueRequest } from '../../src/types.ts';
import { changed, failing, isRel, isUse, relevances } from './critic-composed-fixtures.ts';

const a = relevances('a@1', { x: 0.8 });
const b = relevances('b@2', { x: 0.4 });
const undecided = changed(relevances('c@1', { x: 0.1 }), () => ({ undecided: { bounds: { relevant: 0.3 } } })).critic;
const stated = (critic: Critic) => changed(critic, () => ({ basis: 'stated' })).critic;

const one = async (critic: Critic, request: CritiqueRequest = isRel('x')): Promise<Critique> =>
  (await critic.critique([request]))[0]!;

describe('ensemble', () => {
  it('is the weighted mean, with half the summed differences as disagreement', async () => {
    const critic = ensembleCritic({ members: [{ critic: a }, { critic: b }] });
    expect(critic.id).toBe('ensemble-a.1-b.2@1');
    const said = await one(critic);
    expect(said.probs).toEqual({ relevant: expect.closeTo(0.6, 12), irrelevant: expect.closeTo(0.4, 12) });
    expect(said).toEqual({ kind: 'isRel', probs: said.probs, mass: 1, disagreement: expect.closeTo(0.4, 12) });
  });

  it('weighs: (2*0.8 + 0.4) / 3, masses too, and says so in its id', async () => {
    const thin = scriptedCritic(() => ({ relevant: 0.4, irrelevant: 0.6 }), { id: 'b@2', mass: 0.4 });
    const critic = ensembleCritic({ members: [{ critic: a, weight: 2 }, { critic: thin }] });
    expect(critic.id).toBe('ensemble-a.1x2-b.2@1');
    const said = (await one(critic)) as Critique<'isRel'>;
    expect(said.probs.relevant).toBeCloseTo(2 / 3, 12);
    expect(said.mass).toBeCloseTo((2 * 1 + 0.4) / 3, 12);
  });

  it('multiplies powers: 0.8^2 * 0.4 to 0.2^2 * 0.6', async () => {
    const critic = ensembleCritic({ members: [{ critic: a, weight: 2 }, { critic: b }], how: 'product' });
    expect(critic.id).toBe('product-a.1x2-b.2@1');
    const said = (await one(critic)) as Critique<'isRel'>;
    expect(said.probs.relevant).toBeCloseTo(0.256 / (0.256 + 0.024), 12);
  });

  it('is undecided where a product rules every label out', async () => {
    const sure = relevances('sure@1', { x: 1 });
    const never = relevances('never@1', { x: 0 });
    const said = await one(ensembleCritic({ members: [{ critic: sure }, { critic: never }], how: 'product' }));
    expect(said).toMatchObject({
      probs: { relevant: 0.5, irrelevant: 0.5 },
      disagreement: 1,
      undecided: { bounds: { relevant: 1, irrelevant: 1 } },
    });
  });

  it('takes the two that differ most, of three', async () => {
    const c = relevances('c@1', { x: 0.1 });
    const said = await one(ensembleCritic({ members: [{ critic: b }, { critic: a }, { critic: c }] }));
    expect(said.disagreement).toBeCloseTo(0.7, 12);
  });

  it('leaves out what one leaves undecided, with its weight, and says whose the rest is', async () => {
    const critic = ensembleCritic({ members: [{ critic: a }, { critic: undecided, weight: 5 }] });
    expect(await one(critic)).toEqual({
      kind: 'isRel',
      probs: { relevant: 0.8, irrelevant: expect.closeTo(0.2, 12) },
      mass: 1,
      disagreement: 0,
      by: 'a@1',
    });
    expect(await one(ensembleCritic({ members: [{ critic: a }, { critic: undecided }, { critic: b }] }))).toMatchObject(
      {
        probs: { relevant: expect.closeTo(0.6, 12) },
        disagreement: expect.closeTo(0.4, 12),
      },
    );
  });

  it('is undecided where all are, with the widest bounds', async () => {
    const other = changed(relevances('d@1', { x: 0.3 }), () => ({ undecided: { bounds: { irrelevant: 0.2 } } })).critic;
    expect(await one(ensembleCritic({ members: [{ critic: undecided }, { critic: other }] }))).toMatchObject({
      probs: { relevant: expect.closeTo(0.2, 12) },
      undecided: { bounds: { relevant: 0.3, irrelevant: 0.2 } },
    });
  });

  it('predicts what all predict', async () => {
    const rel = relevances('rel@1', { x: 0.5 }, ['isRel']);
    const use = relevances('use@1', {}, ['isUse']);
    const critic = ensembleCritic({ members: [{ critic: a }, { critic: rel }] });
    expect(critic.kinds).toEqual(['isRel']);
    await expect(critic.critique([isUse('y')])).rejects.toMatchObject({ code: 'CRITIC_KIND_UNSUPPORTED' });
    expect(() => ensembleCritic({ members: [{ critic: rel }, { critic: use }] })).toThrow(
      'no reflection token is predicted by all of them: rel@1 predicts isRel; use@1 predicts isUse',
    );
  });

  it('says continue only where all can', () => {
    const never = scriptedCritic(undefined, { id: 'n@1', predictsContinue: false });
    expect(ensembleCritic({ members: [{ critic: a }, { critic: b }] }).predictsContinue).toBe(true);
    expect(ensembleCritic({ members: [{ critic: a }, { critic: never }] }).predictsContinue).toBe(false);
  });

  it('refuses numbers on different scales, until they are calibrated', async () => {
    const mixed = ensembleCritic({ members: [{ critic: a }, { critic: stated(b) }] });
    await expect(one(mixed)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message:
        'ensemble-a.1-b.2@1, isRel: a@1 gives probabilities, b@2 stated numbers: numbers on different scales are not put together',
      hint: expect.stringContaining('calibrated:NAME=FILE'),
    });
    const same = ensembleCritic({ members: [{ critic: stated(a) }, { critic: stated(b) }] });
    expect(await one(same)).toMatchObject({ basis: 'stated', probs: { relevant: expect.closeTo(0.6, 12) } });
    const fitted = calibratedCritic(stated(b), { isRel: { method: 'temperature', temperature: 1 } });
    const put = await one(ensembleCritic({ members: [{ critic: a }, { critic: fitted }] }));
    expect(put).toMatchObject({ probs: { relevant: expect.closeTo(0.6, 12) } });
    expect(put.basis).toBeUndefined();
  });

  it('leaves a stand-in out whose scale is another, and tells the outage', async () => {
    const { critic: out } = failing(b, 'BACKEND_TIMEOUT');
    const guarded = outageCritic(out, stated(relevances('s@1', { x: 0 })));
    expect(await one(ensembleCritic({ members: [{ critic: a }, { critic: guarded }] }))).toMatchObject({
      probs: { relevant: 0.8 },
      by: 'a@1',
      degraded: 'b@2: BACKEND_TIMEOUT',
    });
  });

  it('gives the others up when one fails', async () => {
    let seen: AbortSignal | undefined;
    const slow: Critic = {
      ...b,
      critique: (_, options) => {
        seen = options?.signal;
        return new Promise((_, reject) => seen!.addEventListener('abort', () => reject(new Error('given up'))));
      },
    };
    const { critic: out } = failing(a, 'BACKEND_FAILED');
    await expect(one(ensembleCritic({ members: [{ critic: out }, { critic: slow }] }))).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
    });
    expect(seen?.aborted).toBe(true);
  });

  it('needs two members and weights above 0', () => {
    expect(() => ensembleCritic({ members: [{ critic: a }] })).toThrow('ensemble-a.1@1 has 1 critics, and needs two');
    expect(() => ensembleCritic({ members: [{ critic: a, weight: 0 }, { critic: b }] })).toThrow('has the weight 0');
  });
});
