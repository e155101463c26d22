import { afterAll, describe, expect, it } from 'vitest';
import { openaiGenerator } from '../../src/backends/generator/openai.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { describeGenerator } from '../../src/testing/describe-generator.ts';
import { llamaUrl } from './server.ts';

const generator = () =>
  openaiGenerator({ model: 'smollm2', baseUrl: `${llamaUrl()}/v1`, concurrency: 1, retries: 0, timeoutMs: 300_000 });

describeGenerator('openai on llama.cpp', generator);

describe('openai generator on llama.cpp', () => {
  const made = generator();
  afterAll(() => made.close());

  it('answers from the passage with a log-probability for each token', async () => {
    const request = {
      question: 'Who kept the lamp at Skarn Point?',
      passage: passageOf('The lamp at Skarn Point was kept by Ada Holm for thirty years.'),
      answerSoFar: [],
    };
    const [[segment]] = (await made.extend([request], { maxTokens: 32, temperature: 0, seed: 1 })) as [
      Awaited<ReturnType<typeof made.extend>>[number],
    ];
    expect(segment!.text).toContain('Ada Holm');
    expect(segment!.logprobs!.length).toBe(segment!.tokens);
  });
});
