import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import {
  inOrder,
  type LlmServer,
  type LlmServerOptions,
  llmServer,
  type ModelReply,
} from '../../src/testing/llm-server.ts';

let servers: LlmServer[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
});

async function start(options: LlmServerOptions): Promise<LlmServer> {
  const server = await llmServer(options);
  servers.push(server);
  return server;
}

/** Sure of a yes for what holds `sun`, else doubtful. */
const model = (prompt: string): ModelReply =>
  prompt.includes('sun') ? { next: { yes: 1 }, text: 'yes, it is.' } : { next: { yes: 0.5, no: 0.3, maybe: 0.1 } };

/** Keeps what it is asked. */
const recorded = (prompts: string[]) => (prompt: string) => {
  prompts.push(prompt);
  return { next: { a: 1 } };
};

const CHAT = { model: 'test-model', messages: [{ role: 'user', content: 'moon' }], max_tokens: 1, temperature: 0 };

interface Entry {
  readonly id?: number;
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
  readonly prob: number;
  readonly top_logprobs: readonly Entry[];
  readonly top_probs: readonly Entry[];
}

interface Choice {
  readonly message: { readonly content: string; readonly reasoning_content?: string };
  readonly logprobs: {
    readonly content: readonly [Entry, ...Entry[]];
    readonly tokens: readonly string[];
    readonly text_offset: readonly number[];
    readonly top_logprobs: readonly [Record<string, number>];
  };
}

/** What the tests read of an answer, of whichever dialect. */
interface Answer {
  readonly choices: readonly [Choice, ...Choice[]];
  readonly completion_probabilities: readonly [Entry];
  readonly logprobs: readonly [Entry];
  readonly content: string;
  readonly index: number;
  readonly prompt: string;
  readonly tokens: readonly unknown[];
  readonly message: unknown;
  readonly answers: Readonly<Record<string, unknown>>;
  readonly usage: { readonly output_tokens: number };
  readonly error: { readonly type: string; readonly message: string };
}

async function post<T = Answer>(url: string, body: unknown): Promise<{ status: number; body: T }> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, body: /^[{[]/.test(text) ? JSON.parse(text) : text };
}

const pairs = (entries: readonly { token: string; logprob: number }[]) =>
  entries.map(({ token, logprob }) => [token, Number(Math.exp(logprob).toFixed(6))]);

/** The share of what is in no label: 0.1 on 40 other tokens. */
const OTHER = ['<other-0>', 0.0025];

describe('openai', () => {
  it('gives log-probabilities of the chosen token and at most 20 others in a chat', async () => {
    const { url } = await start({ kind: 'openai', model });
    const { body } = await post(`${url}/v1/chat/completions`, { ...CHAT, logprobs: true, top_logprobs: 4 });
    expect(body.choices[0]).toMatchObject({ index: 0, finish_reason: 'length', message: { content: 'yes' } });
    const [first] = body.choices[0].logprobs.content;
    expect([first.token, first.bytes, pairs(first.top_logprobs)]).toEqual([
      'yes',
      [121, 101, 115],
      [['yes', 0.5], ['no', 0.3], ['maybe', 0.1], OTHER],
    ]);
    expect(Object.keys(first)).toEqual(['token', 'logprob', 'bytes', 'top_logprobs']);
    const most = await post(`${url}/v1/chat/completions`, { ...CHAT, logprobs: true, top_logprobs: 20 });
    expect(most.body.choices[0].logprobs.content[0].top_logprobs).toHaveLength(20);
    const over = await post(`${url}/v1/chat/completions`, { ...CHAT, logprobs: true, top_logprobs: 21 });
    expect([over.status, over.body.error.type]).toEqual([400, 'invalid_request_error']);
    const without = await post(`${url}/v1/chat/completions`, { ...CHAT, top_logprobs: 5 });
    expect(without.status).toBe(400);
    expect((await post(`${url}/v1/chat/completions`, CHAT)).body.choices[0].logprobs).toBe(null);
  });

  it('gives at most 5 in a completion, by text', async () => {
    const { url } = await start({ kind: 'openai', model });
    const asked = { prompt: 'the sun', max_tokens: 2, temperature: 0, logprobs: 2 };
    const { body } = await post(`${url}/v1/completions`, asked);
    expect(body.choices[0]).toMatchObject({ text: 'yes,', finish_reason: 'length' });
    expect(body.choices[0].logprobs.tokens).toEqual(['yes', ',']);
    expect(body.choices[0].logprobs.text_offset).toEqual([0, 3]);
    expect(body.choices[0].logprobs.top_logprobs[0]).toEqual({ yes: 0 });
    expect((await post(`${url}/v1/completions`, { ...asked, logprobs: 6 })).status).toBe(400);
  });

  it('draws single tokens by the seed, and gives scripted choices in order', async () => {
    const { url } = await start({ kind: 'openai', model });
    const draw = { ...CHAT, temperature: 1, n: 200, seed: 1 };
    const said = (await post(`${url}/v1/chat/completions`, draw)).body.choices.map((choice) => choice.message.content);
    expect(said.filter((text) => text === 'yes').length / 200).toBeCloseTo(0.5, 1);
    expect(
      (await post(`${url}/v1/chat/completions`, draw)).body.choices.map((choice) => choice.message.content),
    ).toEqual(said);
    const choices = ['one', 'two'];
    const scripted = await start({ kind: 'openai', model: () => ({ next: { one: 1 }, choices }) });
    const three = await post(`${scripted.url}/v1/chat/completions`, { ...CHAT, max_tokens: 9, n: 3 });
    expect(three.body.choices.map((choice) => choice.message.content)).toEqual(['one', 'two', 'two']);
  });

  it('cuts at a stop word, and says what it was asked', async () => {
    const { url, requests } = await start({ kind: 'openai', model });
    const asked = { ...CHAT, messages: [{ role: 'user', content: 'sun' }], max_tokens: 50, stop: [' is'] };
    const { body } = await post(`${url}/v1/chat/completions`, asked);
    expect(body.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'yes, it' } });
    expect(requests).toMatchObject([{ number: 0, method: 'POST', path: '/v1/chat/completions', body: asked }]);
    expect((await post(`${url}/v1/nothing`, {})).status).toBe(404);
    expect((await post(`${url}/v1/chat/completions`, { model: 'x' })).status).toBe(400);
  });
});

describe('vllm', () => {
  it('gives exactly the ids that are asked for, beside the chosen token', async () => {
    const { url, idOf } = await start({ kind: 'vllm', model });
    const tokens = await post(`${url}/tokenize`, { prompt: 'no maybe', return_token_strs: true });
    expect(tokens.body).toMatchObject({ count: 2, tokens: [100, 101], token_strs: ['no', ' maybe'] });
    const ids = [idOf('no'), idOf('never')];
    const labels = { logprob_token_ids: ids, return_tokens_as_token_ids: true };
    const chat = await post(`${url}/v1/chat/completions`, { ...CHAT, ...labels, logprobs: true });
    expect(pairs(chat.body.choices[0].logprobs.content[0].top_logprobs)).toEqual([
      [`token_id:${idOf('yes')}`, 0.5],
      [`token_id:${idOf('no')}`, 0.3],
      [`token_id:${idOf('never')}`, 0],
    ]);
    const asked = { prompt: 'moon', max_tokens: 1, temperature: 0, logprobs: 1, ...labels };
    const { body } = await post(`${url}/v1/completions`, asked);
    expect(Object.keys(body.choices[0].logprobs.top_logprobs[0])).toEqual(
      ['yes', 'no', 'never'].map((token) => `token_id:${idOf(token)}`),
    );
    const over = { ...asked, logprob_token_ids: Array.from({ length: 129 }, (_, i) => i) };
    expect((await post(`${url}/v1/completions`, over)).status).toBe(400);
    expect((await post(`${url}/v1/completions`, { ...asked, logprobs: 21 })).body.error).toMatchObject({ code: 400 });
  });

  it('knows no ids where it is old', async () => {
    const { url } = await start({ kind: 'vllm', model, labelIds: false });
    const labels = { logprob_token_ids: [100], return_tokens_as_token_ids: true };
    const { body } = await post(`${url}/v1/chat/completions`, { ...CHAT, ...labels, logprobs: true, top_logprobs: 2 });
    expect(pairs(body.choices[0].logprobs.content[0].top_logprobs)).toEqual([
      ['yes', 0.5],
      ['no', 0.3],
    ]);
  });

  it('goes on with the last message where it is told to', async () => {
    const prompts: string[] = [];
    const { url } = await start({ kind: 'vllm', model: recorded(prompts) });
    const messages = [...CHAT.messages, { role: 'assistant', content: 'Answer:' }];
    const flags = { add_generation_prompt: false, continue_final_message: true };
    await post(`${url}/v1/chat/completions`, { ...CHAT, messages, ...flags });
    await post(`${url}/v1/chat/completions`, { ...CHAT, messages });
    const turn = '<|im_start|>user\nmoon<|im_end|>\n<|im_start|>assistant\nAnswer:';
    expect(prompts).toEqual([turn, `${turn}<|im_end|>\n<|im_start|>assistant\n`]);
  });
});

describe('llama-server', () => {
  const COMPLETION = { prompt: 'moon', n_predict: 1, n_probs: 4, temperature: 0, cache_prompt: true };

  it('gives ids and raw probabilities of any number of tokens', async () => {
    const { url, idOf } = await start({ kind: 'llama', model });
    const { body } = await post(`${url}/completion`, { ...COMPLETION, return_tokens: true });
    expect(body).toMatchObject({ content: 'yes', stop: true, stop_type: 'limit', tokens: [idOf('yes')] });
    const [first] = body.completion_probabilities;
    expect(first.id).toBe(idOf('yes'));
    expect(first.top_logprobs.map(({ id }) => id)).toEqual(['yes', 'no', 'maybe', '<other-0>'].map(idOf));
    expect(pairs(first.top_logprobs)).toEqual([['yes', 0.5], ['no', 0.3], ['maybe', 0.1], OTHER]);
    const many = await post(`${url}/completion`, { ...COMPLETION, n_probs: 5000 });
    expect(many.body.completion_probabilities[0].top_logprobs).toHaveLength(43);
    expect(
      (await post(`${url}/completion`, { ...COMPLETION, n_probs: 0 })).body.completion_probabilities,
    ).toBeUndefined();
  });

  it('gives what sampling leaves, in other fields', async () => {
    const { url } = await start({ kind: 'llama', model });
    const asked = { ...COMPLETION, post_sampling_probs: true, temperature: 1, top_k: 2, top_p: 1, min_p: 0, seed: 4 };
    const [first] = (await post(`${url}/completion`, asked)).body.completion_probabilities;
    expect(first.top_probs.map(({ token, prob }) => [token, Number(prob.toFixed(6))])).toEqual([
      ['yes', 0.625],
      ['no', 0.375],
    ]);
    expect([first.logprob, first.top_logprobs]).toEqual([undefined, undefined]);
    const greedy = await post(`${url}/completion`, { ...asked, temperature: 0 });
    expect(greedy.body.completion_probabilities[0].top_probs).toMatchObject([{ token: 'yes', prob: 1 }]);
  });

  it('takes texts, ids, both, and several prompts', async () => {
    const prompts: string[] = [];
    const { url } = await start({ kind: 'llama', model: recorded(prompts) });
    const { tokens } = (await post(`${url}/tokenize`, { content: 'two words', with_pieces: true })).body;
    expect(tokens).toEqual([
      { id: 100, piece: 'two' },
      { id: 101, piece: ' words' },
    ]);
    expect((await post(`${url}/tokenize`, { content: 'two' })).body).toEqual({ tokens: [100] });
    const one = await post(`${url}/completion`, { ...COMPLETION, prompt: [100, ' and', 101] });
    expect([one.body.content, one.body.index]).toEqual(['a', 0]);
    const several = await post<Answer[]>(`${url}/completion`, { ...COMPLETION, prompt: ['x', 'y'] });
    expect(several.body.map(({ index }) => index)).toEqual([0, 1]);
    expect(prompts).toEqual(['two and words', 'x', 'y']);
    expect((await post(`${url}/detokenize`, { tokens: [101, 100] })).body).toEqual({ content: ' wordstwo' });
  });

  it('has ids on the OpenAI routes too, and one form for both', async () => {
    const { url, idOf } = await start({ kind: 'llama', model });
    const chat = await post(`${url}/v1/chat/completions`, { ...CHAT, logprobs: true, top_logprobs: 1 });
    expect(chat.body.choices[0].logprobs.content[0]).toMatchObject({
      id: idOf('yes'),
      top_logprobs: [{ token: 'yes' }],
    });
    const text = await post(`${url}/v1/completions`, { ...CHAT, prompt: 'moon', logprobs: 2 });
    expect(text.body.choices[0].logprobs.content[0].top_logprobs.map(({ id }) => id)).toEqual([
      idOf('yes'),
      idOf('no'),
    ]);
    const rendered = await post(`${url}/apply-template`, { messages: CHAT.messages });
    expect(rendered.body.prompt).toBe('<|im_start|>user\nmoon<|im_end|>\n<|im_start|>assistant\n');
    const props = await fetch(`${url}/props`);
    expect(await props.json()).toMatchObject({ total_slots: 1, model_path: '/models/test-model.gguf' });
  });
});

describe('ollama', () => {
  const NATIVE = { model: 'test-model', stream: false, logprobs: true, options: { temperature: 0, num_predict: 1 } };

  it('has its own routes, with texts only and 20 alternatives at most', async () => {
    const { url } = await start({ kind: 'ollama', model });
    const made = await post(`${url}/api/generate`, { ...NATIVE, prompt: 'moon', top_logprobs: 2 });
    expect(made.body).toMatchObject({ response: 'yes', done: true, done_reason: 'length', eval_count: 1 });
    expect(Object.keys(made.body.logprobs[0])).toEqual(['token', 'logprob', 'bytes', 'top_logprobs']);
    expect(pairs(made.body.logprobs[0].top_logprobs)).toEqual([
      ['yes', 0.5],
      ['no', 0.3],
    ]);
    const chat = await post(`${url}/api/chat`, { ...NATIVE, messages: CHAT.messages });
    expect(chat.body.message).toEqual({ role: 'assistant', content: 'yes' });
    const over = await post(`${url}/api/chat`, { ...NATIVE, messages: CHAT.messages, top_logprobs: 21 });
    expect(over).toEqual({ status: 400, body: { error: 'top_logprobs must be between 0 and 20' } });
    const unknown = await post(`${url}/api/chat`, { ...NATIVE, model: 'other' });
    expect(unknown).toEqual({ status: 404, body: { error: "model 'other' not found" } });
  });

  it('answers in lines unless it is told not to', async () => {
    const { url } = await start({ kind: 'ollama', model });
    const response = await fetch(`${url}/api/generate`, {
      method: 'POST',
      body: JSON.stringify({ ...NATIVE, stream: undefined, prompt: 'moon' }),
    });
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).done)).toEqual([false, true]);
  });

  it('speaks as OpenAI does in a chat, and gives no log-probabilities of a completion', async () => {
    const { url } = await start({ kind: 'ollama', model });
    const chat = await post(`${url}/v1/chat/completions`, { ...CHAT, logprobs: true, top_logprobs: 1 });
    expect(pairs(chat.body.choices[0].logprobs.content[0].top_logprobs)).toEqual([['yes', 0.5]]);
    const text = await post(`${url}/v1/completions`, { ...CHAT, prompt: 'moon', logprobs: 3 });
    expect(text.body.choices[0]).toMatchObject({ text: 'yes', logprobs: null });
    const over = await post(`${url}/v1/chat/completions`, { ...CHAT, logprobs: true, top_logprobs: 21 });
    expect([over.status, over.body.error.message]).toEqual([400, 'top_logprobs must be between 0 and 20']);
  });
});

describe('decision models', () => {
  const decide: LlmServerOptions['decide'] = ({ id, options }) =>
    id === 'refused' ? 'refused' : options.map((_, i) => (i === 1 ? 0.7 : 0.3 / (options.length - 1)));

  it('answers System One questions with the confidence of the documented example', async () => {
    const documented = [0.0023, 0.116, 0.6753, 0.2064];
    const { url } = await start({ kind: 'llama', decide: ({ options }) => documented.slice(0, options.length) });
    const criteria = ['can wait', 'this week', 'today', 'right now'];
    const questions = { urgency: { type: 'score', instructions: 'How urgent?', criteria } };
    const { answers, usage } = (await post(`${url}/v1/systemone`, { state: { text: 'x' }, questions })).body;
    expect(answers.urgency).toEqual({
      ...{ type: 'score', score: expect.closeTo(2.0858, 4), confidence: expect.closeTo(0.673, 4) },
      legend: { '0': 'can wait', '1': 'this week', '2': 'today', '3': 'right now' },
      probabilities: { '0': 0.0023, '1': 0.116, '2': 0.6753, '3': 0.2064 },
    });
    expect(usage.output_tokens).toBe(0);
  });

  it('leaves a refused answer out in one dialect, and names it in the other', async () => {
    const { url } = await start({ kind: 'decisions', decide });
    const questions = {
      sure: { type: 'noul', instructions: 'Sure?' },
      refused: { type: 'noul', instructions: 'Sure?' },
      which: { type: 'choice', instructions: 'Which?', criteria: { a: null, b: 'the second', c: null } },
    };
    const one = await post(`${url}/v1/systemone`, { state: 'x', questions });
    expect(one.body.answers).toEqual({
      sure: { type: 'noul', noul: 0.3 },
      which: {
        ...{ type: 'choice', choice: 'b', probabilities: { a: 0.15, b: 0.7, c: 0.15 } },
        confidence: expect.closeTo(0.55, 6),
      },
    });
    const list = [
      { type: 'predicate', name: 'refused', instructions: 'Sure?' },
      { type: 'predicate', instructions: 'Sure?' },
      { type: 'choice', name: 'which', instructions: 'Which?', choices: [{ value: true }, { value: 'b' }] },
      { type: 'score', name: 'how', instructions: 'How?', levels: [{ label: 'bad' }, { label: 'good' }] },
    ];
    const input = [{ role: 'user', content: [{ type: 'input_text', text: 'x' }] }];
    const two = await post(`${url}/v1/decisions`, { model: 'test-model', input, questions: list });
    expect(two.body.answers).toEqual([
      { type: 'refusal', name: 'refused' },
      { type: 'predicate', name: null, probability: 0.3 },
      {
        ...{ type: 'choice', name: 'which', choice: 'b', confidence: expect.closeTo(0.4, 6) },
        probabilities: [
          { value: true, probability: 0.3 },
          { value: 'b', probability: 0.7 },
        ],
      },
      {
        ...{ type: 'score', name: 'how', score: 0.7, confidence: expect.closeTo(0.4, 6) },
        probabilities: [
          { value: 0, label: 'bad', probability: 0.3 },
          { value: 1, label: 'good', probability: 0.7 },
        ],
      },
    ]);
  });

  it('turns down what the documentation rules out', async () => {
    const { url } = await start({ kind: 'decisions', decide });
    const statusOf = async (path: string, body: object) => (await post(`${url}${path}`, body)).status;
    const ask = (question: object) => statusOf('/v1/systemone', { state: 'x', questions: { q: question } });
    expect(await statusOf('/v1/systemone', { questions: {} })).toBe(400);
    expect(await ask({ type: 'box', instructions: 'Where?' })).toBe(400);
    expect(await ask({ type: 'choice', instructions: 'Which?', criteria: ['a', 'b'] })).toBe(400);
    expect(await ask({ type: 'score', instructions: 'How?', criteria: ['only'] })).toBe(400);
    expect(await ask({ type: 'noul' })).toBe(400);
    const list = (questions: object) => statusOf('/v1/decisions', { model: 'm', input: 'x', questions });
    expect(await list([])).toBe(400);
    expect(await list([{ type: 'noul', instructions: 'x' }])).toBe(400);
    expect(await list([{ type: 'choice', instructions: 'x', choices: [{ value: 'a' }] }])).toBe(400);
  });

  it.each(['llama', 'vllm', 'decisions'] as const)('%s says 501 where it is none', async (kind) => {
    const { url } = await start({ kind });
    const questions = { q: { type: 'noul', instructions: 'x' } };
    expect((await post(`${url}/v1/systemone`, { state: 'x', questions })).status).toBe(501);
  });
});

describe('faults', () => {
  const ask = (url: string) => post(`${url}/v1/chat/completions`, { ...CHAT, logprobs: true, top_logprobs: 20 });
  const failure = (call: Promise<unknown>) =>
    call.then(
      () => 'answered',
      () => 'broke',
    );

  it('come in order, one for each request', async () => {
    const { url } = await start({
      ...{ kind: 'openai', model },
      faults: inOrder(
        { kind: 'cut-before-headers' },
        { kind: 'cut-in-body' },
        { kind: 'status', status: 429, retryAfter: '7' },
        { kind: 'not-json' },
        { kind: 'other-shape' },
        { kind: 'no-logprobs' },
        { kind: 'cap', top: 5 },
      ),
    });
    expect(await failure(ask(url))).toBe('broke');
    expect(await failure(ask(url))).toBe('broke');
    const limited = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(CHAT) });
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7']);
    expect((await ask(url)).body).toBe('<!doctype html><title>Sign in</title>');
    expect((await ask(url)).body).toEqual({ ok: true, service: 'another one' });
    expect((await ask(url)).body.choices[0].logprobs).toBe(null);
    expect((await ask(url)).body.choices[0].logprobs.content[0].top_logprobs).toHaveLength(5);
    expect((await ask(url)).body.choices[0].logprobs.content[0].top_logprobs).toHaveLength(20);
  });

  it('a model that thinks first can be told not to, unless it always does', async () => {
    const { url, requests } = await start({
      ...{ kind: 'llama', model },
      faults: ({ number }) => ({ kind: 'thinking', always: number > 1 }),
    });
    const first = async (extra: object) => {
      const asked = { ...CHAT, logprobs: true, max_tokens: 30, ...extra };
      const { message, logprobs } = (await post(`${url}/v1/chat/completions`, asked)).body.choices[0];
      return [logprobs.content[0].token, message.content, message.reasoning_content?.slice(0, 7)];
    };
    const none = { chat_template_kwargs: { enable_thinking: false } };
    expect(await first({})).toEqual(['<think>', 'yes', '<think>']);
    expect(await first(none)).toEqual(['yes', 'yes', undefined]);
    expect(await first(none)).toEqual(['<think>', 'yes', '<think>']);
    expect(requests).toHaveLength(3);
  });

  it('a slow body comes in pieces, a large one whole', async () => {
    const huge = { kind: 'huge', bytes: 200_000 } as const;
    const { url } = await start({
      ...{ kind: 'openai', model },
      faults: inOrder({ kind: 'slow', ms: 60 }, huge, { ...huge, declared: true }),
    });
    const begun = performance.now();
    expect((await ask(url)).body.choices[0].message.content).toBe('yes');
    expect(performance.now() - begun).toBeGreaterThan(45);
    const sizes = [];
    for (let i = 0; i < 2; i++) {
      const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(CHAT) });
      const text = await response.text();
      expect(text.length - text.trimEnd().length).toBe(200_000);
      sizes.push(response.headers.get('content-length'));
    }
    expect(sizes).toEqual([null, expect.stringMatching(/^200\d{3}$/)]);
  });

  it('records who leaves early, and how many ask at once', async () => {
    const server = await start({ kind: 'openai', model, faults: inOrder({ kind: 'hang' }, { kind: 'hang' }) });
    const controller = new AbortController();
    const options = { method: 'POST', body: '{}', signal: controller.signal };
    const calls = [fetch(server.url, options), fetch(server.url, options)].map(failure);
    await expect.poll(() => server.requests.length, { timeout: 10_000 }).toBe(2);
    controller.abort();
    expect(await Promise.all(calls)).toEqual(['broke', 'broke']);
    await expect
      .poll(() => server.requests.map(({ leftEarly }) => leftEarly), { timeout: 10_000 })
      .toEqual([true, true]);
    expect(server.peak).toBe(2);
  });

  it('turns a request without its key down, and a redirect leads elsewhere', async () => {
    const to = 'http://127.0.0.1:1/';
    const { url } = await start({ kind: 'openai', key: 'k', faults: inOrder(null, { kind: 'redirect', to }) });
    expect((await ask(url)).status).toBe(401);
    const moved = await new Promise<unknown[]>((resolve) => {
      request(url, (response) => resolve([response.statusCode, response.headers.location])).end();
    });
    expect(moved).toEqual([307, to]);
  });
});
