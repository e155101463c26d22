import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptedCritic } from '../../src/backends/critic/prompted.ts';
import { parseConfig } from '../../src/config.ts';
import type { Critic } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import type { ResolvedModel } from '../../src/models/manifest.ts';
import { createModelStore } from '../../src/models/store.ts';
import { getPrompt } from '../../src/prompts.ts';
import { describeCritic, passageOf } from '../../src/testing/describe-critic.ts';

let model: ResolvedModel;
beforeAll(async () => {
  model = await createModelStore(parseConfig().models).resolve('smollm2-135m-instruct');
});

// A small context keeps the long hostile texts short.
describeCritic('prompted', () => promptedCritic({ model, contextSize: 384 }), {
  skip: [
    { test: 'gets easy pairs right', reason: 'SmolLM2-135M judges relevance near chance: AUROC 0.51 on 200 rows' },
  ],
});

describe('prompted critic', () => {
  let critic: Critic;
  beforeAll(() => {
    critic = promptedCritic({ model });
  });
  afterAll(() => critic.close());

  const isRel = (question: string, text: string) => ({ kind: 'isRel' as const, question, passage: passageOf(text) });

  it('names the prompts it uses', () => {
    expect(critic.id).toBe('prompted-smollm2-135m-instruct@1');
    expect(critic.prompts).toMatchObject({ isRel: getPrompt('is-rel@1').hash, isUse: getPrompt('is-use@1').hash });
  });

  it('gives nothing to continue, which its prompt does not offer', async () => {
    const [critique] = await critic.critique([{ kind: 'retrieve', question: 'Who?', answerSoFar: '' }]);
    expect(critic.predictsContinue).toBe(false);
    expect(critique!.probs.continue).toBe(0);
  });

  it('gives a mass that says how much the model thought of the labels at all', async () => {
    const [critique] = await critic.critique([isRel('Who was Rollo?', 'Rollo was a Viking.')]);
    expect(critique!.mass).toBeGreaterThan(0.3);
    expect(critique!.mass).toBeLessThan(1);
  });

  it('is the same to the last bit whatever was asked before', async () => {
    const requests = ['Rollo was a Viking.', 'Bread is baked.', 'The sea is deep.'].map((text) =>
      isRel('Who was Rollo?', text),
    );
    const whole = await critic.critique(requests);
    await critic.critique([{ kind: 'isUse', question: 'Who was Rollo?', answer: 'A Viking.' }]);
    expect((await critic.critique([...requests].reverse())).reverse()).toEqual(whole);
  });

  it('refuses labels that are not one token each', async () => {
    const prompt = { ...getPrompt('is-rel@1'), labels: { Yes: 'relevant', 'Certainly not at all': 'irrelevant' } };
    const wordy = promptedCritic({ model, prompts: { isRel: prompt } });
    await expect(wordy.critique([isRel('a', 'b')])).rejects.toSatisfy(
      (error) =>
        DiscernError.is(error, 'LABELS_NOT_SINGLE_TOKENS') &&
        (error as Error).message.includes('Certainly not at all (4)'),
    );
    await wordy.close();
  });
});
