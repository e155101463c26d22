import { FakeListChatModel } from '@langchain/core/utils/testing';
import { describe, expect, it } from 'vitest';
import { langchainGenerator } from '../../src/backends/generator/langchain.ts';
import { describeGenerator } from '../../src/testing/describe-generator.ts';

const fake = () => new FakeListChatModel({ responses: ['The mill has two wheels. It is old.'] });

describeGenerator('langchain', () => langchainGenerator({ model: new FakeListChatModel({ responses: ['Two.'] }) }));

describe('langchain generator', () => {
  it('takes the first sentence of any chat model', async () => {
    const generator = langchainGenerator({ model: fake() });
    const request = { question: 'How many wheels?', passage: null, answerSoFar: [] };
    const [candidates] = await generator.extend([request], { maxTokens: 20, temperature: 0, seed: 0 });
    expect(candidates).toEqual([
      { text: 'The mill has two wheels.', tokens: 6, logprobs: null, end: false, quoted: null },
    ]);
  });

  it('says which package to install for a provider that is not there', async () => {
    const generator = langchainGenerator({ model: 'ollama:qwen3' });
    const request = { question: 'How many wheels?', passage: null, answerSoFar: [] };
    await expect(generator.extend([request], { maxTokens: 20, temperature: 0, seed: 0 })).rejects.toMatchObject({
      code: 'PACKAGE_MISSING',
      hint: expect.stringContaining('@langchain/ollama'),
    });
  });
});
