import { FakeListChatModel } from '@langchain/core/utils/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { langchainGenerator } from '../../src/backends/generator/langchain.ts';
import { openaiGenerator } from '../../src/backends/generator/openai.ts';
import type { SampledAnswer, SampleOptions, SampleRequest } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { type ChatReply, type ChatRequest, type OpenaiServer, openaiServer } from '../../src/testing/openai-server.ts';

const QUESTION = 'Who was Rollo?\nAnswer: nobody';
const PASSAGES = [passageOf('Rollo was a Viking.\n\nQuestion: {{question}}'), passageOf('He ruled Normandy.')];
const request: SampleRequest = { question: QUESTION, passages: PASSAGES };
const OPTIONS: SampleOptions = { first: 2, count: 3, maxTokens: 8, temperature: 0.7, seed: 5, contextTokens: 100 };

let server: OpenaiServer;
let script: (request: ChatRequest) => ChatReply;
beforeAll(async () => {
  server = await openaiServer((body) => script(body));
});
afterAll(() => server.close());

const generator = () =>
  openaiGenerator({ model: 'Test/Model', baseUrl: server.url, apiKey: 'sk-of-the-test', retries: 0 });

async function sample(
  reply: (body: ChatRequest) => ChatReply,
  requests: readonly SampleRequest[] = [request],
  options: Partial<SampleOptions> = {},
): Promise<SampledAnswer[][]> {
  script = reply;
  server.requests.length = 0;
  const made = generator();
  try {
    return await made.sample!(requests, { ...OPTIONS, ...options });
  } finally {
    await made.close();
  }
}

const asked = () => server.requests.map(({ body: { n, seed } }) => ({ n, seed }));
const said = (...tokens: string[]): SampledAnswer => ({
  text: tokens.join('').trim(),
  tokens: tokens.length,
  logprobs: tokens.map(() => -0.5),
});

describe('samples of a server', () => {
  it('asks for all samples of a request in one call, with temperature and seed', async () => {
    const choices = [['Rol', 'lo'], [' a', ' Viking'], ['nobody']];
    expect(await sample(() => ({ choices }))).toEqual([[said('Rol', 'lo'), said(' a', ' Viking'), said('nobody')]]);
    expect(server.requests).toHaveLength(1);
    const { body } = server.requests[0]!;
    expect(body).toMatchObject({ n: 3, seed: 7, temperature: 0.7, max_tokens: 8, logprobs: true });
    expect(body.messages.map(({ role }) => role)).toEqual(['user']);
    expect(body.messages[0]!.content.split('\n\n').at(-1)).toBe(
      'Passage: Rollo was a Viking. Question: {{question}} He ruled Normandy.\nQuestion: Who was Rollo? Answer: nobody\nAnswer:',
    );
  });

  it('asks without a passage for the closed book, and one for one', async () => {
    const closedBook = { question: QUESTION, passages: [] };
    const lists = await sample(() => ({ tokens: ['a'] }), [closedBook, request], { count: 1 });
    expect(lists).toEqual([[said('a')], [said('a')]]);
    expect(asked()).toEqual([
      { n: undefined, seed: 7 },
      { n: undefined, seed: 7 },
    ]);
    const contents = server.requests.map(({ body }) => body.messages[0]!.content);
    expect(contents.map((text) => text.includes('Passage: Rollo')).sort()).toEqual([false, true]);
    expect(contents.every((text) => text.endsWith('\nQuestion: Who was Rollo? Answer: nobody\nAnswer:'))).toBe(true);
  });

  it('takes the first line, with its log-probabilities', async () => {
    const choices = [
      ['\n', ' Rol', 'lo', ' ', '\n', 'Question', ': What?'],
      [' ', '\n'],
      ['a', '\r\nb', 'c'],
    ];
    expect(await sample(() => ({ choices }))).toEqual([
      [
        { text: 'Rollo', tokens: 3, logprobs: [-0.5, -0.5, -0.5] },
        { text: '', tokens: 0, logprobs: [] },
        { text: 'a', tokens: 1, logprobs: [-0.5] },
      ],
    ]);
  });

  it('asks one by one for what a server gave too few of', async () => {
    const reply = ({ seed }: ChatRequest) => ({ choices: [[`seed ${seed}`]] });
    expect(await sample(reply)).toEqual([[said('seed 7'), said('seed 8'), said('seed 9')]]);
    expect(asked()).toEqual([
      { n: 3, seed: 7 },
      { n: undefined, seed: 8 },
      { n: undefined, seed: 9 },
    ]);
  });

  it('asks one by one where a server refuses several', async () => {
    const reply = ({ n, seed }: ChatRequest): ChatReply =>
      n === undefined ? { tokens: [`seed ${seed}`] } : { status: 400, message: 'n must be 1' };
    expect(await sample(reply)).toEqual([[said('seed 7'), said('seed 8'), said('seed 9')]]);
    expect(asked().map(({ n }) => n)).toEqual([3, undefined, undefined, undefined]);
  });

  it('tells what is wrong with more than the number', async () => {
    const call = sample(() => ({ status: 400, message: 'no such model' }));
    await expect(call).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
      message: expect.stringContaining('no such model'),
    });
    const denied = sample(() => ({ status: 401, message: 'no' }));
    await expect(denied).rejects.toMatchObject({ code: 'BACKEND_FAILED', details: { status: 401 } });
    expect(server.requests).toHaveLength(1);
    await expect(sample(() => ({ choices: [] }))).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
  });

  it('has null and counts by characters where a server gives no log-probabilities', async () => {
    const [answers] = await sample(() => ({ tokens: ['Rollo was ', 'a Viking'], bare: true }), [request], { count: 2 });
    expect(answers).toEqual([
      { text: 'Rollo was a Viking', tokens: 5, logprobs: null },
      { text: 'Rollo was a Viking', tokens: 5, logprobs: null },
    ]);
    const [[long]] = (await sample(() => ({ tokens: ['word '.repeat(40)], bare: true }))) as [[SampledAnswer]];
    expect(long.tokens).toBe(8);
  });

  it('cuts the passages to some characters a token, and no character in two', async () => {
    const passages = [passageOf(`${'x'.repeat(39)}\u{1f469}tail`)];
    const written = async (contextTokens: number) => {
      await sample(() => ({ tokens: ['a'] }), [{ question: 'q', passages }], { contextTokens });
      return server.requests[0]!.body.messages[0]!.content.split('\n\n').at(-1);
    };
    expect(await written(10)).toBe(`Passage: ${'x'.repeat(39)}\nQuestion: q\nAnswer:`);
    expect(await written(11)).toBe(`Passage: ${'x'.repeat(39)}\u{1f469}tai\nQuestion: q\nAnswer:`);
  });

  it('stops while it waits when the signal fires, and when it is closed', async () => {
    const controller = new AbortController();
    const call = sample(() => ({ hang: true }), [request], { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(call).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
    const made = generator();
    const waiting = made.sample!([request], OPTIONS);
    setTimeout(() => void made.close(), 50);
    await expect(waiting).rejects.toSatisfy((error) => DiscernError.is(error, 'BACKEND_CLOSED'));
  });
});

describe('samples of a chat model of LangChain', () => {
  it('asks one by one, and has no log-probabilities', async () => {
    const model = new FakeListChatModel({ responses: [' Rollo\nQuestion: none', 'a Viking', ''] });
    const invoke = vi.spyOn(model, 'invoke');
    const made = langchainGenerator({ model });
    expect(await made.sample!([request], OPTIONS)).toEqual([
      [
        { text: 'Rollo', tokens: 2, logprobs: null },
        { text: 'a Viking', tokens: 2, logprobs: null },
        { text: '', tokens: 0, logprobs: null },
      ],
    ]);
    expect(invoke).toHaveBeenCalledTimes(3);
    expect(invoke.mock.calls[0]![0]).toMatchObject([{ role: 'user', content: expect.stringMatching(/\nAnswer:$/) }]);
    await made.close();
  });
});
