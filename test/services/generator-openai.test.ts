import { afterAll, describe, expect, it } from 'vitest';
import { openaiGenerator } from '../../src/backends/generator/openai.ts';
import { DiscernError } from '../../src/errors.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { describeGenerator } from '../../src/testing/describe-generator.ts';
import { quietLlamaUrl } from './server.ts';

const generator = () =>
  openaiGenerator({
    model: 'smollm2',
    baseUrl: `${quietLlamaUrl()}/v1`,
    concurrency: 1,
    retries: 0,
    timeoutMs: 300_000,
  });

const reason = 'a server refuses a prompt beyond its context, and JSON with a lone surrogate; the generator sends both';
describeGenerator('openai on llama.cpp', generator, {
  skip: [
    { test: 'survives hostile texts', reason },
    { test: 'samples despite hostile texts', reason },
  ],
});

describe('openai generator on llama.cpp', () => {
  const made = generator();
  afterAll(() => made.close());

  it('names the server and its words where it refuses a prompt', async () => {
    const request = { question: 'word '.repeat(1000), passage: null, answerSoFar: [] };
    await expect(made.extend([request], { maxTokens: 4, temperature: 0, seed: 1 })).rejects.toSatisfy(
      (error) => DiscernError.is(error, 'BACKEND_FAILED') && /smollm2 at .*context size/.test((error as Error).message),
    );
  });

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
