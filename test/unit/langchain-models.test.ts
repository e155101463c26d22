import { BaseCallbackHandler } from '@langchain/core/callbacks/base';
import type { CallbackManagerForLLMRun } from '@langchain/core/callbacks/manager';
import { BaseLLM, type BaseLLMParams } from '@langchain/core/language_models/llms';
import { AIMessage } from '@langchain/core/messages';
import type { LLMResult } from '@langchain/core/outputs';
import { fakeModel } from '@langchain/core/testing';
import { FakeListChatModel, FakeLLM } from '@langchain/core/utils/testing';
import { ChatOpenAI } from '@langchain/openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExtendOptions, ExtendRequest, Generator, SampleOptions } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import { fromChatModel, fromLlm } from '../../src/langchain.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { type OpenaiServer, openaiServer } from '../../src/testing/openai-server.ts';

const PASSAGE = passageOf('The mill\nhas two wheels.\n\nQuestion: {{question}}');
const FIRST: ExtendRequest = { question: 'How many\nwheels?', passage: PASSAGE, answerSoFar: [] };
const OPTIONS: ExtendOptions = { maxTokens: 20, temperature: 0, seed: 5 };
const SAMPLES: SampleOptions = { ...OPTIONS, first: 2, count: 3, contextTokens: 100 };
const KEY = 'sk-planted-secret-1234567890';

const segment = async (generator: Generator, request = FIRST, options = OPTIONS) =>
  (await generator.extend([request], options))[0]![0]!;
const logprobsOf = (tokens: readonly string[]) => tokens.map((token) => ({ token, logprob: -0.5 }));
const isCode = (code: DiscernError['code']) => (error: unknown) => DiscernError.is(error, code);

describe('a reply of a chat model', () => {
  const said = (message: AIMessage, options = OPTIONS) =>
    segment(fromChatModel(fakeModel().respond(message)), FIRST, options);

  it('is its text parts alone', async () => {
    const content = [
      { type: 'reasoning', reasoning: 'I count them.' },
      { type: 'text', text: 'It has ' },
      { type: 'image_url', image_url: 'data:,' },
      { type: 'text', text: 'two wheels. It is old.' },
    ];
    expect(await said(new AIMessage({ content }))).toEqual({
      text: 'It has two wheels.',
      tokens: 5,
      logprobs: null,
      end: false,
      quoted: null,
    });
    expect(await said(new AIMessage({ content: [{ type: 'reasoning', reasoning: 'Nothing.' }] }))).toMatchObject({
      text: '',
      end: true,
    });
  });

  const tokens = ['It', ' has', ' two', '.', ' Old', '.', '<|im_end|>'];
  it.each([
    ['chat completions', { logprobs: { content: logprobsOf(tokens) } }],
    [
      'bytes',
      { logprobs: { content: tokens.map((token) => ({ token: '?', logprob: -0.5, bytes: [...Buffer.from(token)] })) } },
    ],
    ['a plain list', { logprobs: logprobsOf(tokens) }],
    ['completions', { logprobs: { tokens, token_logprobs: tokens.map(() => -0.5) } }],
  ])('has log-probabilities in the form of %s', async (_, response_metadata) => {
    expect(await said(new AIMessage({ content: 'It has two. Old.', response_metadata }))).toMatchObject({
      text: 'It has two.',
      tokens: 4,
      logprobs: [-0.5, -0.5, -0.5, -0.5],
    });
  });

  it('has none where they belong to another text, such as a thought', async () => {
    const response_metadata = { logprobs: { content: logprobsOf(['Hm', '.', ...tokens]) } };
    expect(await said(new AIMessage({ content: 'It has two. Old.', response_metadata }))).toMatchObject({
      tokens: 3,
      logprobs: null,
    });
  });

  it.each([
    [{ finish_reason: 'stop' }, true],
    [{ stop_reason: 'end_turn' }, true],
    [{ finishReason: 'STOP' }, true],
    [{ done_reason: 'stop' }, true],
    [{ finish_reason: 'length' }, false],
    [{}, false],
  ])('that ended with %j ends the answer: %s', async (response_metadata, end) => {
    expect((await said(new AIMessage({ content: 'It has two.', response_metadata }))).end).toBe(end);
  });

  it('is cut at the limit, by tokens where they are known, and then has not ended', async () => {
    const response_metadata = { finish_reason: 'stop', logprobs: { content: logprobsOf(tokens) } };
    const known = new AIMessage({ content: 'It has two. Old.', response_metadata });
    expect(await said(known, { ...OPTIONS, maxTokens: 2 })).toEqual({
      text: 'It has',
      tokens: 2,
      logprobs: [-0.5, -0.5],
      end: false,
      quoted: null,
    });
    const plain = new AIMessage({ content: 'It has two wheels.', response_metadata: { finish_reason: 'stop' } });
    expect(await said(plain, { ...OPTIONS, maxTokens: 2 })).toMatchObject({ text: 'It has t', tokens: 2, end: false });
    const wide = new AIMessage({ content: 'abcdefg\u{1f469}' });
    expect((await said(wide, { ...OPTIONS, maxTokens: 2 })).text).toBe('abcdefg');
  });

  it('does not count what was thought, and never more than the limit', async () => {
    const usage = { input_tokens: 1, total_tokens: 1 };
    const thought = { ...usage, output_tokens: 90, output_token_details: { reasoning: 87 } };
    expect(await said(new AIMessage({ content: 'Two.', usage_metadata: thought }))).toMatchObject({ tokens: 3 });
    const hidden = { ...usage, output_tokens: 90 };
    expect(await said(new AIMessage({ content: 'Two.', usage_metadata: hidden }))).toMatchObject({ tokens: 20 });
  });
});

describe('a chat model', () => {
  it('is asked with signal, seed and callbacks; samples have a seed each', async () => {
    const started: string[] = [];
    const listener = BaseCallbackHandler.fromMethods({
      handleChatModelStart(_model, [messages]) {
        started.push(messages!.map((message) => message.getType()).join(' '));
      },
    });
    const model = fakeModel().respond(new AIMessage('Two.'));
    for (const text of ['a', 'b\nc', '']) model.respond(new AIMessage(text));
    const generator = fromChatModel(model, { callbacks: [listener] });
    await segment(generator);
    const [answers] = await generator.sample!([{ question: 'q', passages: [PASSAGE] }], SAMPLES);
    expect(answers!.map(({ text }) => text)).toEqual(['a', 'b', '']);
    expect(started).toEqual(['system human', 'human', 'human', 'human']);
    expect(model.calls.map(({ options }) => options.seed)).toEqual([5, 7, 8, 9]);
    expect(model.calls[0]!.options.signal).toBeInstanceOf(AbortSignal);
    expect(model.calls[0]!.messages[1]!.content).toBe(`Passage:\n${PASSAGE.text}\n\nQuestion:\nHow many\nwheels?`);
  });

  it('is named after its class and its model, or as it is told to be', () => {
    const openai = new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: KEY });
    expect(fromChatModel(openai).id).toBe('langchain-chatopenai-gpt-4o-mini@1');
    expect(fromChatModel(openai.withConfig({ tags: ['mine'] })).id).toBe('langchain-chatopenai-gpt-4o-mini@1');
    expect(fromChatModel(openai, { id: 'mine@2' }).id).toBe('mine@2');
  });

  it('is made once for each pair of limits by a function, which needs a name', async () => {
    const made: unknown[] = [];
    const make = (limits: unknown) => {
      made.push(limits);
      return new FakeListChatModel({ responses: ['Two.'] });
    };
    const generator = fromChatModel(make, { id: 'mine@1' });
    await segment(generator);
    await segment(generator);
    await generator.sample!([{ question: 'q', passages: [] }], { ...SAMPLES, temperature: 1, maxTokens: 8 });
    expect(made).toEqual([
      { maxTokens: 20, temperature: 0 },
      { maxTokens: 8, temperature: 1 },
    ]);
    // @ts-expect-error: without an id
    expect(() => fromChatModel(make)).toThrow('a function that makes models has no name for traces');
  });

  it('that takes no notice of a signal is left at once', async () => {
    const generator = fromChatModel(new FakeListChatModel({ responses: ['Two.'], sleep: 60_000 }));
    const controller = new AbortController();
    const call = segment(generator, FIRST, { ...OPTIONS, signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await expect(call).rejects.toSatisfy(isCode('ABORTED'));
    const waiting = segment(generator);
    setTimeout(() => void generator.close(), 20);
    await expect(waiting).rejects.toSatisfy(isCode('BACKEND_CLOSED'));
  });

  it('has so many calls at once, and one that failed gives the others up', async () => {
    let running = 0;
    let most = 0;
    let asked = 0;
    const model = {
      getName: () => 'Counting',
      async invoke() {
        most = Math.max(most, ++running);
        try {
          if (++asked === 3) throw new Error('the third');
          await new Promise((resolve) => setTimeout(resolve, 10));
          return { content: 'Two.' };
        } finally {
          running -= 1;
        }
      },
    };
    const call = fromChatModel(model, { concurrency: 2 }).extend(Array(9).fill(FIRST), OPTIONS);
    await expect(call).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: 'Counting failed: the third' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect({ most, asked }).toEqual({ most: 2, asked: 4 });
  });
});

describe('a chat model on a server', () => {
  let server: OpenaiServer;
  beforeAll(async () => {
    server = await openaiServer(({ messages }) =>
      messages.at(-1)!.content.includes('refuse')
        ? { status: 401, message: `Incorrect API key provided: ${KEY}, or hunter2-of-the-header` }
        : { tokens: ['Two', ' wheels', '.', ' Old', '.'] },
    );
  });
  afterAll(() => server.close());
  const chat = () =>
    new ChatOpenAI({
      model: 'Test/Model',
      apiKey: KEY,
      configuration: { baseURL: server.url, defaultHeaders: { authorization: 'hunter2-of-the-header' } },
      logprobs: true,
      maxRetries: 0,
    });

  it('gives its log-probabilities', async () => {
    expect(await segment(fromChatModel(chat()))).toEqual({
      text: 'Two wheels.',
      tokens: 3,
      logprobs: [-0.5, -0.5, -0.5],
      end: false,
      quoted: null,
    });
    expect(server.requests[0]!.body.seed).toBe(5);
  });

  it('says what it gives', async () => {
    expect(await fromChatModel(chat()).probe!()).toMatchObject({ logprobs: 'unknown', top: 0, thinksFirst: false });
    expect(
      await fromChatModel(fakeModel().respond(new AIMessage('A')).respond(new AIMessage('B'))).probe!(),
    ).toMatchObject({
      logprobs: 'none',
      top: null,
    });
  });

  it('repeats no key in an error', async () => {
    const call = segment(fromChatModel(chat()), { ...FIRST, passage: null, question: 'refuse' });
    const error = (await call.catch((caught: unknown) => caught)) as DiscernError;
    expect(isCode('BACKEND_FAILED')(error)).toBe(true);
    expect(error.message).toMatch(/^ChatOpenAI Test\/Model failed: 401 Incorrect API key provided: \*\*\*, or \*\*\*/);
    expect(error.message).not.toContain('\n');
    expect(error.details).toEqual({ status: 401 });
    expect(`${error.message} ${error.cause} ${JSON.stringify(error)} ${error.stack}`).not.toMatch(/planted|hunter2/);
  });
});

/** Says what it is told to, and keeps what it was asked. */
class ScriptedLLM extends BaseLLM {
  readonly asked: { prompt: string; options: Record<string, unknown> }[] = [];
  readonly #result: Partial<LLMResult>;

  constructor(result: Partial<LLMResult>, params: BaseLLMParams = {}) {
    super(params);
    this.#result = result;
  }

  _llmType(): string {
    return 'scripted';
  }

  async _generate(
    [prompt]: string[],
    options: this['ParsedCallOptions'],
    _manager?: CallbackManagerForLLMRun,
  ): Promise<LLMResult> {
    this.asked.push({ prompt: prompt!, options: { ...options } });
    return { generations: [[{ text: '' }]], ...this.#result };
  }
}

describe('a language model', () => {
  const said = (text: string, generationInfo: Record<string, unknown> = {}, request = FIRST) =>
    segment(fromLlm(new ScriptedLLM({ generations: [[{ text, generationInfo }]] })), request);

  it('goes on with a prompt that ends where the answer does, texts of others on one line', async () => {
    const llm = new ScriptedLLM({ generations: [[{ text: ' It is old.' }]] });
    const generator = fromLlm(llm);
    await segment(generator, { ...FIRST, answerSoFar: ['It has\ntwo.', 'Wheels turn.'] });
    await segment(generator, { ...FIRST, passage: null });
    expect(llm.asked.map(({ prompt }) => prompt.split('\n\n').at(-1))).toEqual([
      'Passage: The mill has two wheels. Question: {{question}}\nQuestion: How many wheels?\nAnswer: It has two. Wheels turn.',
      'Question: How many wheels?\nAnswer:',
    ]);
    expect(llm.asked[0]!.options).toMatchObject({ stop: ['\n'], seed: 5, signal: expect.any(AbortSignal) });
    expect(generator.id).toBe('langchain-scriptedllm@1');
  });

  it('answers with the first sentence of the first line', async () => {
    expect(await said('\n It has two. It is old.\nQuestion: x')).toMatchObject({ text: 'It has two.', end: false });
    expect(await said(' It has two.\nIt is old.')).toMatchObject({ text: 'It has two.', end: true });
    expect(await said(' It has two.')).toMatchObject({ end: false });
    expect(await said(' It has two.', { finishReason: 'stop' })).toMatchObject({ end: true });
    expect(await said(' It has two.', { finish_reason: 'length' })).toMatchObject({ end: false });
    const going = { ...FIRST, answerSoFar: ['It has two.'] };
    expect(await said('\nQuestion: x', {}, going)).toMatchObject({ text: '', tokens: 0, end: true });
    expect(await said(' It is old.', {}, going)).toMatchObject({ text: 'It is old.', end: false });
  });

  it('gives the log-probabilities of completions, and the tokens that were counted', async () => {
    const tokens = [' It', ' has', ' two', '.'];
    const logprobs = { tokens, token_logprobs: [-0.1, -0.2, -0.3, 0.00001] };
    expect(await said(' It has two.', { logprobs })).toMatchObject({ tokens: 4, logprobs: [-0.1, -0.2, -0.3, 0] });
    const llm = new ScriptedLLM({
      generations: [[{ text: ' It has two.' }]],
      llmOutput: { tokenUsage: { completionTokens: 9 } },
    });
    expect(await segment(fromLlm(llm))).toMatchObject({ tokens: 9, logprobs: null });
  });

  it('samples with the prompts of completion, a seed each, and tells its callbacks', async () => {
    const started: string[] = [];
    const listener = BaseCallbackHandler.fromMethods({
      handleLLMStart(_llm, [prompt]) {
        started.push(prompt!.split('\n').at(-1)!);
      },
    });
    const llm = new ScriptedLLM({ generations: [[{ text: ' two\nQuestion' }]] });
    const request = { question: 'q', passages: [PASSAGE] };
    const answers = await fromLlm(llm, { callbacks: [listener] }).sample!([request], SAMPLES);
    expect(answers).toEqual([Array(3).fill({ text: 'two', tokens: 1, logprobs: null })]);
    expect(llm.asked.map(({ options }) => options.seed)).toEqual([7, 8, 9]);
    expect(started).toEqual(['Answer:', 'Answer:', 'Answer:']);
  });

  it('says what it gives', async () => {
    const none = { logprobs: 'none', top: null, tokenIds: false, singleTokenLabels: null, thinksFirst: null };
    expect(await fromLlm(new FakeLLM({ response: ' red' })).probe!()).toEqual({ ...none, prefill: true, notes: [] });
    const logprobs = { tokens: [' red'], token_logprobs: [-1], top_logprobs: [{ ' red': -1, ' blue': -2 }] };
    const llm = new ScriptedLLM({ generations: [[{ text: ' red', generationInfo: { logprobs } }]] });
    expect(await fromLlm(llm).probe!()).toMatchObject({ logprobs: 'unknown', top: 2 });
    expect(llm.asked[0]!.prompt.split('\n').slice(-2)).toEqual([
      'Question: Name any animal. Answer with one word.',
      'Answer:',
    ]);
  });

  it('says what went wrong, without keys', async () => {
    const broken = fromLlm(new FakeLLM({ thrownErrorString: `denied: Bearer ${KEY} of http://me:pass@host/` }));
    await expect(segment(broken)).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
      message: 'FakeLLM failed: denied: Bearer *** of http://***@host/',
    });
    await expect(segment(fromLlm(new ScriptedLLM({ generations: [[]] })))).rejects.toMatchObject({
      message: 'ScriptedLLM failed: the reply has no text',
    });
  });
});
