import { describe, expect, it } from 'vitest';
import { outageCritic, standInCritic } from '../../src/backends/critic/outage.ts';
import { DiscernError } from '../../src/errors.ts';
import { failing, isRel, isUse, relevances, UNDECIDED_REL } from './critic-composed-fixtures.ts';

const server = relevances('logprobs-x@1', { x: 0.8 });
const mini = relevances('mini@1', { x: 0.3 }, ['isRel']);
const OUTAGES = ['BACKEND_TIMEOUT', 'BACKEND_UNAVAILABLE', 'BACKEND_FAILED'] as const;

describe('outage', () => {
  it('is nothing while the critic answers', async () => {
    const critic = outageCritic(server, mini);
    expect(critic).toMatchObject({ id: 'logprobs-x@1', kinds: server.kinds, predictsContinue: true });
    expect(await critic.critique([isRel('x')])).toEqual(await server.critique([isRel('x')]));
  });

  it.each(OUTAGES)('%s: undecided, each label could have all', async (code) => {
    const critic = outageCritic(failing(server, code).critic, 'undecided');
    expect(await critic.critique([isRel('x'), isUse('y')])).toEqual([
      { ...UNDECIDED_REL, degraded: `logprobs-x@1: ${code}` },
      {
        kind: 'isUse',
        probs: { '1': 0.2, '2': 0.2, '3': 0.2, '4': 0.2, '5': 0.2 },
        mass: Number.MIN_VALUE,
        degraded: `logprobs-x@1: ${code}`,
        undecided: { bounds: { '1': 1, '2': 1, '3': 1, '4': 1, '5': 1 } },
      },
    ]);
  });

  it('another critic answers what it predicts, and is named; the rest is undecided', async () => {
    const { critic: out, state } = failing(server, 'BACKEND_FAILED', { status: 503 });
    const critic = outageCritic(out, mini);
    const degraded = 'logprobs-x@1: BACKEND_FAILED 503';
    expect(await critic.critique([isUse('y'), isRel('x')])).toMatchObject([
      { kind: 'isUse', degraded, undecided: { bounds: { '5': 1 } } },
      { kind: 'isRel', probs: { relevant: 0.3 }, by: 'mini@1', degraded },
    ]);
    state.code = null;
    expect((await critic.critique([isRel('x')]))[0]!.by).toBeUndefined();
  });

  it.each(['ABORTED', 'CRITIC_INVALID', 'BACKEND_CLOSED', 'INPUT_INVALID'] as const)(
    '%s is no outage',
    async (code) => {
      const critic = outageCritic(failing(server, code).critic, mini);
      await expect(critic.critique([isRel('x')])).rejects.toMatchObject({ code });
    },
  );

  it('a backend that lacks what is needed is not out', async () => {
    const critic = outageCritic(failing(server, 'BACKEND_FAILED', { lacks: 'logprobs' }).critic, 'undecided');
    await expect(critic.critique([isRel('x')])).rejects.toMatchObject({ details: { lacks: 'logprobs' } });
  });

  it('tells of both when the other is out too', async () => {
    const second = failing(mini, 'BACKEND_TIMEOUT').critic;
    const critic = outageCritic(failing(server, 'BACKEND_UNAVAILABLE').critic, second);
    await expect(critic.critique([isRel('x')])).rejects.toMatchObject({
      code: 'BACKEND_TIMEOUT',
      message: 'logprobs-x@1 at /home/me/x is out; and in its place: mini@1 at /home/me/x is out',
    });
  });

  it('starts without a critic that is out, not without one that is wrong', async () => {
    const prepared: string[] = [];
    const preparing = (error: DiscernError | null) => ({
      ...server,
      async prepare() {
        prepared.push('server');
        if (error) throw error;
      },
    });
    const other = { ...mini, prepare: async () => void prepared.push('other') };
    await outageCritic(preparing(new DiscernError('BACKEND_UNAVAILABLE', 'out')), other).prepare!();
    expect(prepared).toEqual(['server', 'other']);
    const wrong = preparing(new DiscernError('LABELS_NOT_SINGLE_TOKENS', 'two'));
    await expect(outageCritic(wrong, other).prepare!()).rejects.toMatchObject({ code: 'LABELS_NOT_SINGLE_TOKENS' });
  });

  it('is left by an abort, not by the stand-in', async () => {
    const stop = new AbortController();
    const late = {
      ...server,
      async critique(): Promise<never> {
        stop.abort();
        throw new DiscernError('BACKEND_FAILED', 'cut');
      },
    };
    await expect(outageCritic(late, mini).critique([isRel('x')], { signal: stop.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});

it('a stand-in for good says so in each critique', async () => {
  const critic = standInCritic(mini, 'logprobs-x@1 has no log-probabilities to read');
  expect(critic.id).toBe('mini@1');
  expect(await critic.critique([isRel('x')])).toMatchObject([
    { probs: { relevant: 0.3 }, by: 'mini@1', degraded: 'logprobs-x@1 has no log-probabilities to read' },
  ]);
});
