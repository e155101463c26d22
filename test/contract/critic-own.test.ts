import { describe, expect, it } from 'vitest';
import { keywordCritic } from '../../examples/03-own-critic.ts';
import { defineCritic } from '../../src/own-critic.ts';
import { describeCritic, passageOf } from '../../src/testing/describe-critic.ts';

describeCritic('of examples/03-own-critic.ts', async () => keywordCritic());

describe('defineCritic', () => {
  const request = { kind: 'isRel', question: 'Why?', passage: passageOf('Because.') } as const;

  it('scales weights, and keeps requests of several kinds in order', async () => {
    const critic = defineCritic({
      id: 'two@1',
      judges: {
        retrieve: (requests) => requests.map(() => ({ yes: 2, no: 1, continue: 1 })),
        isRel: (requests) => requests.map(() => ({ relevant: 3, irrelevant: 1 })),
      },
    });
    expect(critic.kinds).toEqual(['retrieve', 'isRel']);
    const said = await critic.critique([request, { kind: 'retrieve', question: 'Why?', answerSoFar: '' }, request]);
    expect(said.map(({ kind, probs }) => [kind, probs])).toEqual([
      ['isRel', { relevant: 0.75, irrelevant: 0.25 }],
      ['retrieve', { yes: 0.5, no: 0.25, continue: 0.25 }],
      ['isRel', { relevant: 0.75, irrelevant: 0.25 }],
    ]);
  });

  it.each([
    ['a negative weight', [{ relevant: -1, irrelevant: 2 }], 'expected a number from 0'],
    ['no weight at all', [{ relevant: 0, irrelevant: 0 }], 'expected a number from 0'],
    ['a number that is none', [{ relevant: Number.NaN, irrelevant: 1 }], 'expected a number from 0'],
    ['too few answers', [], 'answered 0 of 1'],
  ])('refuses %s', async (_what, answers, message) => {
    const critic = defineCritic({ id: 'wrong@1', judges: { isRel: () => answers } });
    await expect(critic.critique([request])).rejects.toMatchObject({ code: 'CRITIC_INVALID' });
    await expect(critic.critique([request])).rejects.toThrow(message);
  });

  it('closes what it holds once', async () => {
    let closed = 0;
    const critic = defineCritic({
      id: 'held@1',
      judges: {},
      close: () => {
        closed += 1;
      },
    });
    await Promise.all([critic.close(), critic.close()]);
    expect(closed).toBe(1);
  });
});
