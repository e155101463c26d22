import { afterAll, describe, expect, it } from 'vitest';
import { logprobsCritic } from '../../src/backends/critic/logprobs.ts';
import { describeCritic, EASY_PAIRS, passageOf } from '../../src/testing/describe-critic.ts';
import type { CritiqueRequest } from '../../src/types.ts';
import { llamaClient } from './server.ts';

/** The first and the last of each kind. */
const PAIRS = EASY_PAIRS.filter((_, i) => i % 5 === 0 || i % 5 === 4);
const CHANCE = {
  test: 'gets easy pairs right',
  reason: 'SmolLM2-135M judges relevance near chance: AUROC 0.51 on 200 rows',
};

const SAME = { test: 'survives hostile texts', reason: 'its prompts are the tokens that go through llama' };

for (const route of ['llama', 'chat', 'completions'] as const)
  describeCritic(`logprobs through ${route} of llama.cpp`, () => logprobsCritic({ client: llamaClient(), route }), {
    skip: route === 'completions' ? [CHANCE, SAME] : [CHANCE],
    pairs: PAIRS,
  });

describe('logprobs critic on llama.cpp', () => {
  const made = [llamaClient(), llamaClient()].map((client) => logprobsCritic({ client }));
  const [critic, other] = made as [(typeof made)[0], (typeof made)[0]];
  afterAll(() => Promise.all(made.map((one) => one.close())));
  const isRel = (text: string): CritiqueRequest => ({
    kind: 'isRel',
    question: 'Who kept the lamp?',
    passage: passageOf(text),
  });

  it('finds its own interface and says what it gives', async () => {
    expect(await critic.probe!()).toMatchObject({
      logprobs: 'raw',
      top: 20,
      tokenIds: true,
      singleTokenLabels: true,
      thinksFirst: false,
      prefill: true,
    });
  });

  it('is the same to the last bit whatever was asked before, one request at a time', async () => {
    const requests = ['Ada Holm kept the lamp.', 'Rye bread keeps for a week.'].map(isRel);
    const whole = await critic.critique(requests);
    await critic.critique([{ kind: 'isUse', question: 'Who kept the lamp?', answer: 'Ada Holm.' }]);
    expect((await critic.critique([...requests].reverse())).reverse()).toEqual(whole);
    expect(await other.critique(requests)).toEqual(whole);
  });

  it('bounds labels that are not among the returned ones, and sees them among more', async () => {
    const request: CritiqueRequest = { kind: 'isUse', question: 'Who kept the lamp?', answer: 'Ada Holm.' };
    const [all, few] = [500, 2].map((top) => logprobsCritic({ client: llamaClient(), top }));
    const [[whole], [cut]] = await Promise.all([all!.critique([request]), few!.critique([request])]);
    await Promise.all([all!.close(), few!.close()]);
    expect(whole!.undecided).toBeUndefined();
    const bounds = Object.entries(cut!.undecided!.bounds);
    expect(bounds.length).toBeGreaterThanOrEqual(2);
    // Requests beside each other differ a little.
    for (const [label, bound] of bounds)
      expect(whole!.mass * (whole!.probs as Record<string, number>)[label]!).toBeLessThan(bound! * 1.3);
  });
});
