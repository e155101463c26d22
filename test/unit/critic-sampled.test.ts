import { FakeListChatModel } from '@langchain/core/utils/testing';
import { describe, expect, it } from 'vitest';
import { labelOfAnswer, sampledCritic } from '../../src/backends/critic/sampled.ts';
import { getPrompt } from '../../src/prompts.ts';
import { wilson } from '../../src/text/math.ts';
import { scriptedChat } from './chat-fixtures.ts';
import { isRel, UNDECIDED_REL } from './critic-composed-fixtures.ts';

const saying = (replies: readonly string[], samples = replies.length) => {
  const chat = scriptedChat(({ seed }) => replies[(seed! - 7) % replies.length]);
  return { ...chat, critic: sampledCritic({ model: chat.words, name: 'test', samples, seed: 7 }) };
};

describe('sampled', () => {
  it('gives the shares of the labels and their intervals; other answers lower the mass', async () => {
    const { critic, asked } = saying(['Yes', 'no.', 'Perhaps', 'YES', ' Yes\n', 'I cannot say']);
    expect(critic.id).toBe('sampled-test.6@1');
    expect(critic.prompts).toMatchObject({ isRel: getPrompt('is-rel@1').hash });
    expect(await critic.critique([isRel('x')])).toEqual([
      {
        kind: 'isRel',
        probs: { relevant: 0.75, irrelevant: 0.25 },
        mass: 4 / 6,
        basis: 'sampled',
        interval: { relevant: wilson(3, 4), irrelevant: wilson(1, 4) },
      },
    ]);
    expect(asked.map(({ seed }) => seed)).toEqual([7, 8, 9, 10, 11, 12]);
  });

  it('is undecided where no answer is a label', async () => {
    expect(await saying(['<think>', 'Well']).critic.critique([isRel('x')])).toEqual([UNDECIDED_REL]);
  });

  it('draws for identical requests once', async () => {
    const { critic, asked } = saying(['Yes', 'No']);
    await critic.critique([isRel('x'), isRel('x'), isRel('y')]);
    expect(asked).toHaveLength(4);
  });

  it('takes any chat model', async () => {
    const critic = sampledCritic({ model: new FakeListChatModel({ responses: ['Yes', 'No'] }), samples: 4 });
    expect((await critic.critique([isRel('x')]))[0]!.probs).toEqual({ relevant: 0.5, irrelevant: 0.5 });
  });
});

describe('the 95% interval of a share', () => {
  // Newcombe 1998, table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
    [29, 29, 0.883, 1],
  ])('%i of %i is %f..%f', (k, n, low, high) => {
    expect(wilson(k, n)[0]).toBeCloseTo(low, 4);
    expect(wilson(k, n)[1]).toBeCloseTo(high, 4);
  });
});

describe('the label of an answer', () => {
  const labels = getPrompt('is-sup@1').labels;
  it.each([
    ['A', 'fully'],
    [' b. ', 'partially'],
    ['**C**', 'none'],
    ['A: the passage says so', 'fully'],
    ['A) because', 'fully'],
    ['C\nbecause it does not', 'none'],
    ['A passage that says so', null],
    ['AB', null],
    ['D', null],
    ['', null],
    ['Answer: A', null],
  ])('%j is %s', (text, label) => {
    expect(labelOfAnswer(text, labels)).toBe(label);
  });
});
