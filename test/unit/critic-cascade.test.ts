import { describe, expect, it } from 'vitest';
import { cascadeCritic, decidingNumber } from '../../src/backends/critic/cascade.ts';
import { outageCritic } from '../../src/backends/critic/outage.ts';
import type { Critic } from '../../src/contracts.ts';
import type { Critique } from '../../src/types.ts';
import { changed, counted, failing, isRel, isUse, relevances, UNDECIDED_REL } from './critic-composed-fixtures.ts';

const CHEAP = { low: 0.05, near: 0.4, edge: 0.5, over: 0.501, high: 0.9 };
const DEAR = { low: 1, near: 0.7, edge: 0.2, over: 1, high: 0 };
const requests = Object.keys(CHEAP).map((text) => isRel(text));
const cascade = (cheap: Critic, dear: Critic, options = {}) =>
  cascadeCritic({ cheap, dear, thresholds: { isRel: 0.3 }, band: 0.2, ...options });
const cheap = relevances('mini@1', CHEAP);
const dear = relevances('prompted-x@1', DEAR);
const relevant = (said: readonly Critique[]) => said.map(({ probs }) => (probs as { relevant: number }).relevant);

describe('cascade', () => {
  it('asks the dear critic only inside the band, its edges included, all in one call', async () => {
    const asked = counted(dear);
    const critic = cascade(cheap, asked.critic);
    expect(critic.id).toBe('cascade-mini.1-prompted-x.1@1');
    const said = await critic.critique(requests);
    expect(relevant(said)).toEqual([0.05, 0.7, 0.2, 0.501, 0.9]);
    expect(said.map(({ by }) => by)).toEqual(['mini@1', 'prompted-x@1', 'prompted-x@1', 'mini@1', 'mini@1']);
    expect(asked.batches).toEqual([[requests[1], requests[2]]]);
    expect(critic.asked).toEqual({ cheap: 5, dear: 2 });
    await critic.critique([requests[0]!, requests[1]!]);
    expect(critic.asked).toEqual({ cheap: 7, dear: 3 });
  });

  it('never asks it where nothing is close, and not of kinds without a threshold', async () => {
    const asked = counted(dear);
    const critic = cascade(cheap, asked.critic);
    await critic.critique([requests[0]!, requests[4]!, isUse('y')]);
    expect(asked.batches).toEqual([]);
    expect(critic.asked).toEqual({ cheap: 3, dear: 0 });
  });

  it('asks it what the cheap one leaves undecided; what it leaves undecided stays as the cheap one said', async () => {
    const open = (critic: Critic) => changed(critic, () => ({ undecided: { bounds: { relevant: 1 } } })).critic;
    const [high, near] = [requests[4]!, requests[1]!];
    const [first] = await cascade(open(cheap), dear).critique([high]);
    expect(first).toMatchObject({ probs: { relevant: 0 }, by: 'prompted-x@1' });
    expect(first!.undecided).toBeUndefined();
    const [second] = await cascade(cheap, open(dear)).critique([near]);
    expect(second).toMatchObject({ probs: { relevant: 0.4 }, by: 'mini@1' });
    expect(second!.undecided).toBeUndefined();
    const [third] = await cascade(open(cheap), open(dear)).critique([near]);
    expect(third).toMatchObject({ by: 'prompted-x@1', undecided: { bounds: { relevant: 1 } } });
  });

  it('an outage of the dear critic leaves what the cheap one said, and is told', async () => {
    const { critic: out } = failing(dear, 'BACKEND_UNAVAILABLE');
    const said = await cascade(cheap, outageCritic(out, 'undecided')).critique([requests[0]!, requests[1]!]);
    expect(said).toEqual([
      { kind: 'isRel', probs: { relevant: 0.05, irrelevant: 0.95 }, mass: 1, by: 'mini@1' },
      {
        kind: 'isRel',
        probs: { relevant: 0.4, irrelevant: 0.6 },
        mass: 1,
        by: 'mini@1',
        degraded: 'prompted-x@1: BACKEND_UNAVAILABLE',
      },
    ]);
    await expect(cascade(cheap, out).critique([requests[1]!])).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    const { critic: none } = failing(cheap, 'BACKEND_TIMEOUT');
    expect(
      await cascade(outageCritic(none, 'undecided'), outageCritic(out, 'undecided')).critique([requests[1]!]),
    ).toEqual([{ ...UNDECIDED_REL, by: 'prompted-x@1', degraded: 'prompted-x@1: BACKEND_UNAVAILABLE' }]);
  });

  it('refuses numbers on different scales', async () => {
    const stated = changed(dear, () => ({ basis: 'stated' })).critic;
    await expect(cascade(cheap, stated).critique([requests[1]!])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('mini@1 gives probabilities, prompted-x@1 stated numbers'),
    });
  });
});

describe('the number that a choice hangs on', () => {
  it.each([
    ['retrieve', { yes: 0.3, no: 0.1, continue: 0.6 }, 0.75],
    ['retrieve', { yes: 0, no: 0, continue: 1 }, null],
    ['isRel', { relevant: 0.3, irrelevant: 0.7 }, 0.3],
    ['isSup', { fully: 0.6, partially: 0.3, none: 0.1 }, 0.75],
    ['isUse', { '1': 0.1, '2': 0.2, '3': 0.1, '4': 0.2, '5': 0.4 }, 0.05 + 0.05 + 0.15 + 0.4],
  ] as const)('of %s %j is %s', (kind, probs, expected) => {
    const value = decidingNumber({ kind, probs } as Critique);
    if (expected === null) expect(value).toBeNull();
    else expect(value).toBeCloseTo(expected, 12);
  });
});
