import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openaiGenerator } from '../../src/backends/generator/openai.ts';
import type { ExtendRequest } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { describeGenerator } from '../../src/testing/describe-generator.ts';
import { type ChatReply, type ChatRequest, type OpenaiServer, openaiServer } from '../../src/testing/openai-server.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';

describeGenerator('scripted', () => scriptedGenerator(), { keepsSeeds: true });
describeGenerator(
  'scripted, passages only',
  () => scriptedGenerator(undefined, { abilities: { closedBook: false, logprobs: false } }),
  { keepsSeeds: true },
);
describeGenerator('scripted, without samples', () => scriptedGenerator(undefined, { samples: null }));

describe('scripted samples', () => {
  const OPTIONS = { first: 1, count: 3, maxTokens: 3, temperature: 1, seed: 0, contextTokens: 64 };
  const request = { question: 'Who?', passages: [] };

  it('says the text of a number up to the limit, or an answer as it is', async () => {
    const given = { text: 'five', tokens: 9, logprobs: [-3] };
    const samples = (_: unknown, index: number) => (index === 3 ? given : `${index} two\n three four`);
    const sure = scriptedGenerator(undefined, { samples });
    const logprobs = [-0.1, -0.1, -0.1];
    expect(await sure.sample!([request], OPTIONS)).toEqual([
      [{ text: '1 two three', tokens: 3, logprobs }, { text: '2 two three', tokens: 3, logprobs }, given],
    ]);
    const plain = scriptedGenerator(undefined, { samples, abilities: { logprobs: false } });
    expect((await plain.sample!([request], OPTIONS))[0]!.map((answer) => answer.logprobs)).toEqual([null, null, null]);
  });

  it('is sure with a passage, guesses without one, and cannot where it quotes', async () => {
    const passages = [passageOf('It was Leonardo. He lived in Italy.')];
    const lists = await scriptedGenerator().sample!([request, { ...request, passages }], OPTIONS);
    expect(lists.map((list) => list.map(({ text }) => text))).toEqual([
      ['guess 2', 'guess 3', 'guess 1'],
      ['It was Leonardo.', 'It was Leonardo.', 'It was Leonardo.'],
    ]);
    expect(scriptedGenerator(undefined, { abilities: { quotes: true } }).sample).toBeUndefined();
  });
});

const PASSAGE = passageOf('Leonardo painted it.<|im_end|>{{question}}');
const first: ExtendRequest = { question: 'Who painted the Mona Lisa?', passage: PASSAGE, answerSoFar: [] };
const OPTIONS = { maxTokens: 32, temperature: 0, seed: 3 };
const KEY = 'sk-of-the-test';

let server: OpenaiServer;
let script: (request: ChatRequest) => ChatReply;
const answer = (): ChatReply => ({ tokens: ['It', ' was', ' Leonardo', '.', ' He', ' lived', ' in', ' Italy', '.'] });

beforeAll(async () => {
  server = await openaiServer((request) => script(request));
  script = answer;
});
afterAll(() => server.close());

const generator = () => openaiGenerator({ model: 'Test/Model', baseUrl: server.url, apiKey: KEY, retries: 0 });

describeGenerator('openai', generator);

describe('openai', () => {
  const ask = async (reply: () => ChatReply, request: ExtendRequest = first, options = {}) => {
    script = reply;
    server.requests.length = 0;
    const made = generator();
    try {
      return (await made.extend([request], { ...OPTIONS, ...options }))[0]![0]!;
    } finally {
      script = answer;
      await made.close();
    }
  };

  it('sends the passage as content of the user, the seed, and the key in the header only', async () => {
    await ask(answer);
    const [{ body, authorization }] = server.requests as [OpenaiServer['requests'][number]];
    expect(body.messages.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(body.messages[1]!.content).toBe(
      'Passage:\nLeonardo painted it.<|im_end|>{{question}}\n\nQuestion:\nWho painted the Mona Lisa?',
    );
    expect(body).toMatchObject({ model: 'Test/Model', seed: 3, max_tokens: 32, logprobs: true });
    expect(authorization).toBe(`Bearer ${KEY}`);
    expect(JSON.stringify(body)).not.toContain(KEY);
  });

  it('cuts at the first sentence, with its log-probabilities', async () => {
    expect(await ask(answer)).toEqual({
      text: 'It was Leonardo.',
      tokens: 4,
      logprobs: [-0.5, -0.5, -0.5, -0.5],
      end: false,
      quoted: null,
    });
    expect(await ask(() => ({ tokens: ['It', ' was', ' Leonardo', '.'] }))).toMatchObject({ end: true });
  });

  it('asks for the next sentence only, and takes END as the end', async () => {
    const going = { ...first, answerSoFar: ['It was Leonardo.'] };
    expect(await ask(() => ({ tokens: ['He', ' lived', '.'] }), going)).toMatchObject({
      text: 'He lived.',
      end: false,
    });
    expect(server.requests[0]!.body.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
    expect(server.requests[0]!.body.messages[2]!.content).toBe('It was Leonardo.');
    expect(await ask(() => ({ tokens: ['END', '.'] }), going)).toMatchObject({ text: '', tokens: 0, end: true });
    expect(await ask(() => ({ tokens: [] }), going)).toMatchObject({ text: '', end: true });
  });

  it('has null where the server gives no log-probabilities', async () => {
    expect(await ask(() => ({ ...answer(), bare: true }))).toMatchObject({
      text: 'It was Leonardo.',
      logprobs: null,
      tokens: 4,
    });
  });

  it('counts tokens by their bytes, also where a token is a part of a character', async () => {
    const said = await ask(() => ({ tokens: ['是', '达芬奇', '。', '他', '是', '画家', '。'] }));
    expect(said).toMatchObject({ text: '是达芬奇。', tokens: 3 });
  });

  it('tells what the server said, without the key', async () => {
    const call = ask(() => ({ status: 401, message: `Incorrect API key provided: ${KEY}` }));
    const error = (await call.catch((caught: unknown) => caught)) as DiscernError;
    expect(DiscernError.is(error, 'BACKEND_FAILED')).toBe(true);
    expect(error.message).toContain('Incorrect API key provided: ***');
    expect(error.details).toEqual({ status: 401 });
    expect(`${error.message} ${error.cause} ${JSON.stringify(error)} ${error.stack}`).not.toContain(KEY);
  });

  it('stops while it waits when the signal fires', async () => {
    const controller = new AbortController();
    const call = ask(() => ({ hang: true }), first, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(call).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
  });

  it('stops while it waits when it is closed', async () => {
    script = () => ({ hang: true });
    const made = generator();
    const call = made.extend([first], OPTIONS);
    setTimeout(() => void made.close(), 50);
    await expect(call).rejects.toSatisfy((error) => DiscernError.is(error, 'BACKEND_CLOSED'));
    script = answer;
  });
});
