import { describe, expect, it } from 'vitest';
import { ChatSchema, CompletionSchema, readChat, readCompletion } from '../../src/backends/server/route-openai.ts';
import { asData, askFitting, beginsThought, endsInThought, textOf } from '../../src/backends/server/route-text.ts';
import { serverAddress } from '../../src/backends/server/route-types.ts';
import { DiscernError } from '../../src/errors.ts';
import { getPrompt, parsePrompt } from '../../src/prompts.ts';

const chat = (logprobs: unknown, message: object = {}) =>
  readChat(ChatSchema.parse({ choices: [{ message: { role: 'assistant', content: 'Yes', ...message }, logprobs }] }));
const completion = (logprobs: unknown, asked = 2) =>
  readCompletion(CompletionSchema.parse({ choices: [{ text: 'Yes', logprobs }] }), asked);
const bytes = (text: string) => [...Buffer.from(text)];

describe('answers of chats', () => {
  it('of OpenAI have texts', () => {
    const entry = { token: 'Yes', logprob: -0.1, bytes: bytes('Yes') };
    const other = { token: ' No', logprob: -2.5, bytes: null };
    expect(chat({ content: [{ ...entry, top_logprobs: [entry, other] }], refusal: null })).toEqual({
      top: [
        { text: 'Yes', id: null, logprob: -0.1 },
        { text: ' No', id: null, logprob: -2.5 },
      ],
      drawn: { text: 'Yes', id: null, logprob: -0.1 },
      thinks: false,
    });
  });

  it('of llama.cpp have ids, those of vLLM in the name of the token', () => {
    const llama = { id: 7, token: '', bytes: [], logprob: -0.5, top_logprobs: [{ id: 9, token: 'No', logprob: -1 }] };
    expect(chat({ content: [llama] })).toMatchObject({ drawn: { text: '', id: 7 }, top: [{ text: 'No', id: 9 }] });
    const vllm = { token: 'token_id:12', bytes: bytes('Yes'), logprob: 1e-7, top_logprobs: [] };
    expect(chat({ content: [vllm] }).drawn).toEqual({ text: 'Yes', id: 12, logprob: 0 });
  });

  it.each([
    ['no log-probabilities', null],
    ['no content', { content: null }],
    ['an empty content', { content: [] }],
  ])('with %s say nothing', (_, logprobs) => {
    expect(chat(logprobs)).toEqual({ top: [], drawn: null, thinks: false });
  });

  it('that begin with a thought are known by its mark, or by what stands beside the text', () => {
    const yes = { token: 'Yes', logprob: -2 };
    const think = { token: '<think>', logprob: -0.1 };
    expect(chat({ content: [{ ...think, top_logprobs: [think, yes] }] }).thinks).toBe(true);
    expect(chat({ content: [{ ...yes, top_logprobs: [think, yes] }] }).thinks).toBe(true);
    expect(chat({ content: [{ token: 'Yes', logprob: -0.05, top_logprobs: [think] }] }).thinks).toBe(false);
    expect(chat({ content: [] }, { reasoning_content: 'Let me' }).thinks).toBe(true);
    expect(chat({ content: [] }, { reasoning: 'Let me', reasoning_content: null }).thinks).toBe(true);
    expect(chat({ content: [] }, { reasoning: '' }).thinks).toBe(false);
  });
});

describe('answers of completions', () => {
  it('have a table of alternatives, with the drawn token beside them where it is none of the likeliest', () => {
    const table = { ' Yes': -0.5, ' No': -1.5, ' So': -9 };
    const said = completion({ tokens: [' So'], token_logprobs: [-9], top_logprobs: [table], text_offset: [0] });
    expect(said.top).toEqual([
      { text: ' Yes', id: null, logprob: -0.5 },
      { text: ' No', id: null, logprob: -1.5 },
    ]);
    expect(said.drawn).toEqual({ text: ' So', id: null, logprob: -9 });
    const usual = completion({
      tokens: [' No'],
      token_logprobs: [-1.5],
      top_logprobs: [{ ' Yes': -0.5, ' No': -1.5 }],
    });
    expect(usual.top).toHaveLength(2);
  });

  it('of llama.cpp are shaped as those of chats', () => {
    const entry = { id: 3, token: 'Yes', logprob: -0.25 };
    expect(completion({ content: [{ ...entry, top_logprobs: [entry] }] }).top).toEqual([
      { text: 'Yes', id: 3, logprob: -0.25 },
    ]);
  });

  it('without log-probabilities say nothing', () => {
    expect(completion(null)).toEqual({ top: [], drawn: null, thinks: false });
    expect(completion({ tokens: [], token_logprobs: [], top_logprobs: [null] }).top).toEqual([]);
  });
});

describe('texts for servers with a template of their own', () => {
  it.each([
    ['<|im_end|>', '< |im_end|>'],
    ['</s>[/INST] <S>', '< /s>[ /INST] < S>'],
    ['<\uFF5Cend\u2581of\u2581sentence\uFF5C>', '< \uFF5Cend\u2581of\u2581sentence\uFF5C>'],
    ['<start_of_turn><<SYS>></think>', '< start_of_turn>< <SYS>>< /think>'],
    ['a < b <b>bold</b> x[0] [1] <span>', 'a < b <b>bold</b> x[0] [1] <span>'],
    ['a\0b \uD800 \u{1F600}', 'a\uFFFDb \uFFFD \u{1F600}'],
  ])('%j becomes %j', (text, data) => {
    expect(asData(text)).toBe(data);
  });

  it('are plain for one without a template', () => {
    const text = textOf(getPrompt('is-rel@1'), { question: 'Who?', passage: 'It was <|im_end|>{{question}}.' });
    expect(text).toBe(
      'You judge whether a passage helps to answer a question. Reply with Yes or No.\n\n' +
        'Question: Who?\n\nPassage: It was < |im_end|>{{question}}.\n\n' +
        'Does the passage contain the answer to the question? Reply with Yes or No.\n\nAnswer:',
    );
    const head = 'id: p@1\nversion: 1\nvariables: x\nfor: x\n';
    expect(textOf(parsePrompt(`${head}--- user\nSay {{x}}\n--- assistant\nIt is`), { x: 'a' })).toBe(
      'Say a\n\nAnswer: It is',
    );
    expect(textOf(parsePrompt(`${head}--- text\nSay {{x}}:`), { x: 'a' })).toBe('Say a:');
  });

  it('know a thought where it begins', () => {
    expect(['<think>', ' <think>\n', '<|channel|>', '<', 'think', ''].map(beginsThought)).toEqual([
      ...[true, true, true, false, false, false],
    ]);
    expect(endsInThought('<|assistant|>\n<think>\n')).toBe(true);
    expect(endsInThought('<|assistant|>\n<think>\n\n</think>\n\n')).toBe(false);
  });
});

describe('asking with texts that are too long', () => {
  const refusal = (message: string, status = 400) =>
    new DiscernError('BACKEND_FAILED', message, { details: { status } });
  const values = { question: 'Who?', answerSoFar: `${'a'.repeat(6)}zz`, passage: `yy${'b'.repeat(14)}` };

  it('halves the longest until the server takes them', async () => {
    const asked: Readonly<Record<string, string>>[] = [];
    const said = await askFitting(values, async (fitted) => {
      asked.push(fitted);
      if (asked.length < 4) throw refusal('request (99 tokens) exceeds the available context size');
      return 'taken';
    });
    expect(said).toBe('taken');
    expect(asked.slice(1)).toEqual([
      { question: 'Who?', answerSoFar: 'aaaaaazz', passage: 'yybbbbbb' },
      { question: 'Who?', answerSoFar: 'aazz', passage: 'yybb' },
      { question: 'Wh', answerSoFar: 'zz', passage: 'yy' },
    ]);
  });

  it.each([
    ['another refusal', refusal('this model does not exist')],
    ['an overloaded server', refusal('maximum of requests', 429)],
    ['an error without a status', new DiscernError('BACKEND_TIMEOUT', 'exceeded')],
  ])('gives up at %s', async (_, error) => {
    let asked = 0;
    const call = askFitting(values, async () => {
      asked++;
      throw error;
    });
    await expect(call).rejects.toBe(error);
    expect(asked).toBe(1);
  });

  it('gives up at nothing left to cut', async () => {
    const error = refusal('too long', 413);
    await expect(askFitting({ question: 'Who?' }, () => Promise.reject(error))).rejects.toBe(error);
  });
});

describe('the address of a server', () => {
  it.each([
    ['http://localhost:8080', 'http://localhost:8080', '/v1'],
    ['http://localhost:8080/', 'http://localhost:8080', '/v1'],
    ['http://localhost:8080/v1/', 'http://localhost:8080', '/v1'],
    ['https://host.example/openai/v1', 'https://host.example/openai', '/v1'],
    ['https://host.example/v1beta/openai/', 'https://host.example/v1beta/openai', ''],
  ])('%s', (baseUrl, root, api) => {
    expect(serverAddress(baseUrl)).toEqual({ root, api });
  });
});
