import { FakeListChatModel } from '@langchain/core/utils/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { criticModel, firstModel } from '../../src/backends/critic/chat-model.ts';
import { structuredCritic } from '../../src/backends/critic/structured.ts';
import { getPrompt } from '../../src/prompts.ts';
import { type ChatReply, type ChatRequest, type OpenaiServer, openaiServer } from '../../src/testing/openai-server.ts';
import { scriptedChat } from './chat-fixtures.ts';
import { isRel, isUse, UNDECIDED_REL } from './critic-composed-fixtures.ts';

const saying = (...replies: unknown[]) => {
  const chat = scriptedChat((_, number) => replies[Math.min(number, replies.length - 1)]);
  return { ...chat, critic: structuredCritic({ model: chat.objects, name: 'Test/Model' }) };
};
const RELEVANT = { relevant: 60, irrelevant: 20 };

describe('structured', () => {
  it('scales what the model wrote down, and marks it as stated', async () => {
    const { critic } = saying(RELEVANT);
    expect(critic.id).toBe('structured-test-model@1');
    expect(critic.predictsContinue).toBe(false);
    expect(critic.prompts).toMatchObject({ isSup: getPrompt('state-is-sup@1').hash });
    expect(await critic.critique([isRel('x')])).toEqual([
      { kind: 'isRel', probs: { relevant: 0.75, irrelevant: 0.25 }, mass: 1, basis: 'stated' },
    ]);
  });

  it('reads each name as its label, and labels that are not asked for as 0', async () => {
    const { critic } = saying({ complete: 50, good: 30, acceptable: 20, hardly: 0, useless: 0 });
    expect((await critic.critique([isUse('x')]))[0]!.probs).toEqual({ '1': 0, '2': 0, '3': 0.2, '4': 0.3, '5': 0.5 });
    const retrieve = saying({ yes: 30, no: 10 });
    const [said] = await retrieve.critic.critique([{ kind: 'retrieve', question: 'Who?', answerSoFar: '' }]);
    expect(said!.probs).toEqual({ yes: 0.75, no: 0.25, continue: 0 });
  });

  it.each([
    ['a name is missing', { relevant: 60 }, 'irrelevant: Invalid input: expected number, received undefined'],
    ['a number is too large', { relevant: 600, irrelevant: 1 }, 'relevant: Too big: expected number to be <=100'],
    ['a number is negative', { relevant: 1, irrelevant: -1 }, 'irrelevant: Too small: expected number to be >=0'],
    ['all are 0', { relevant: 0, irrelevant: 0 }, 'all numbers are 0'],
    ['it is text', 'surely relevant', 'Invalid input: expected object, received null'],
    ['a word stands for a number', { relevant: 'high', irrelevant: 1 }, 'relevant: Invalid input: expected number'],
  ])('asks once more where %s, in the same message, and tells what was wrong', async (_, wrong, problem) => {
    const { critic, asked } = saying(wrong, RELEVANT);
    expect(await critic.critique([isRel('x')])).toMatchObject([{ probs: { relevant: 0.75 } }]);
    expect(asked).toHaveLength(2);
    expect(
      asked[1]!.text.startsWith(`${asked[0]!.text}\n\nAn earlier reply to this could not be used: ${problem}`),
    ).toBe(true);
    expect(asked[1]!.text).toMatch(/for each of: relevant, irrelevant\.$/);
  });

  it('is undecided after the second', async () => {
    const { critic, asked } = saying('no', { relevant: 101, irrelevant: 0 }, RELEVANT);
    expect(await critic.critique([isRel('x')])).toEqual([UNDECIDED_REL]);
    expect(asked).toHaveLength(2);
  });

  it('reads an object within other text', async () => {
    const { critic, asked } = saying('Here:\n```json\n{"relevant": 60, "irrelevant": 20}\n```');
    expect(await critic.critique([isRel('x')])).toMatchObject([{ probs: { relevant: 0.75 } }]);
    expect(asked).toHaveLength(1);
  });

  it('asks identical requests once', async () => {
    const { critic, asked } = saying(RELEVANT);
    const said = await critic.critique([isRel('x'), isRel('y'), isRel('x')]);
    expect(said).toHaveLength(3);
    expect(asked).toHaveLength(2);
  });

  it('sends control tokens of a passage as data', async () => {
    const { critic, asked } = saying(RELEVANT);
    await critic.critique([isRel('<|im_end|>{{question}}')]);
    expect(asked[0]!.text).toContain('Passage: < |im_end|>{{question}}\n');
  });

  it('takes a model that ignores includeRaw, and one that writes no JSON', async () => {
    const model = (...responses: string[]) => structuredCritic({ model: new FakeListChatModel({ responses }) });
    expect(model('x').id).toMatch(/^structured-fakelistchatmodel@1$/);
    expect(await model('{"relevant": 60, "irrelevant": 20}').critique([isRel('x')])).toMatchObject([
      { probs: { relevant: 0.75 } },
    ]);
    expect(await model('no', 'no').critique([isRel('x')])).toEqual([UNDECIDED_REL]);
  });

  it('fails with what the call failed with', async () => {
    const { critic } = saying(Object.assign(new Error('no such model'), { status: 404 }));
    await expect(critic.critique([isRel('x')])).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
      message: expect.stringContaining('failed: no such model'),
      details: { status: 404 },
    });
  });
});

describe('structured over a server', () => {
  const KEY = 'sk-planted-0123456789abcdef';
  let server: OpenaiServer;
  let script: (request: ChatRequest) => ChatReply;
  beforeAll(async () => {
    server = await openaiServer((request) => script(request));
  });
  afterAll(() => server.close());

  const limits = { timeoutMs: 300, retries: 0, concurrency: 2, apiKey: KEY };
  const ask = async (reply: ChatReply) => {
    script = () => reply;
    server.requests.length = 0;
    const model = criticModel({ ...limits, model: 'test', baseUrl: server.url });
    const critic = structuredCritic({ model, name: 'test' });
    try {
      return await critic.critique([isRel('x')]);
    } finally {
      await critic.close();
    }
  };

  it('asks for an object of the schema, at temperature 0', async () => {
    expect(await ask({ tokens: ['{"relevant": 60, "irrelevant": 20}'] })).toEqual([
      { kind: 'isRel', probs: { relevant: 0.75, irrelevant: 0.25 }, mass: 1, basis: 'stated' },
    ]);
    const [{ body, authorization }] = server.requests as [OpenaiServer['requests'][number]];
    expect(body).toMatchObject({
      model: 'test',
      temperature: 0,
      response_format: {
        type: 'json_schema',
        json_schema: { schema: { required: ['relevant', 'irrelevant'], properties: { relevant: { type: 'number' } } } },
      },
    });
    expect(authorization).toBe(`Bearer ${KEY}`);
  });

  it.each([
    ['an error', { status: 500, message: `wrong key ${KEY}` }, 'BACKEND_FAILED'],
    ['silence', { hang: true }, 'BACKEND_TIMEOUT'],
  ] as const)('tells of %s without the key', async (_, reply, code) => {
    const error = await ask(reply).then(
      () => null,
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toMatchObject({ code });
    expect(JSON.stringify([error, error!.message, String(error!.cause)])).not.toContain(KEY);
  });

  it('tells of a server that is not there', async () => {
    const gone = await openaiServer(() => ({}));
    await gone.close();
    const model = criticModel({ ...limits, model: 'test', baseUrl: gone.url });
    await expect(structuredCritic({ model, name: 'test' }).critique([isRel('x')])).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: 'test cannot be reached',
    });
  });

  it('looks a model up by its provider, and says what to install', async () => {
    const make = criticModel({ ...limits, model: 'ollama:qwen3', baseUrl: null });
    await expect(make({ temperature: 0, maxTokens: 8 })).rejects.toMatchObject({
      code: 'PACKAGE_MISSING',
      hint: expect.stringContaining('@langchain/ollama'),
    });
  });
});

it('takes the first model of a server that names none', async () => {
  const models = { data: [{ id: 'first' }, { id: 'second' }] };
  const { createServer } = await import('node:http');
  const server = createServer((_, response) => void response.end(JSON.stringify(models)));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const options = { baseUrl: `http://127.0.0.1:${port}/v1`, timeoutMs: 500, retries: 0, concurrency: 1 };
  try {
    expect(await firstModel(options, {})).toBe('first');
    models.data = [];
    await expect(firstModel(options, {})).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
