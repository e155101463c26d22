import { AIMessage } from '@langchain/core/messages';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { probeChat } from '../../src/backends/generator/chat-probe.ts';
import { langchainGenerator } from '../../src/backends/generator/langchain.ts';
import { openaiGenerator } from '../../src/backends/generator/openai.ts';
import type { Capabilities } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import {
  type Fault,
  type LlmServer,
  type LlmServerOptions,
  llmServer,
  type ModelReply,
  type ScriptedModel,
} from '../../src/testing/llm-server.ts';
import { type ChatReply, type ChatRequest, openaiServer } from '../../src/testing/openai-server.ts';

const KEY = 'sk-planted-0123456789';

/** Goes on with a begun answer where its server leaves that open. */
const animals: ScriptedModel = (prompt): ModelReply => {
  if (prompt.includes('animal')) return { next: { cat: 0.6, dog: 0.3, owl: 0.1 } };
  if (prompt.endsWith('red green')) return { next: { ' blue': 1 }, text: ' blue yellow' };
  return { next: { red: 1 }, text: 'red green blue yellow' };
};

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function probe(url: string, signal?: AbortSignal): Promise<Capabilities> {
  const generator = openaiGenerator({ model: 'test-model', baseUrl: url, apiKey: KEY, retries: 2 });
  try {
    return await generator.probe!({ signal });
  } finally {
    await generator.close();
  }
}

async function served(options: Omit<LlmServerOptions, 'model'>): Promise<LlmServer> {
  const server = await llmServer({ ...options, model: animals });
  servers.push(server);
  return server;
}
const probed = async (kind: LlmServerOptions['kind'], fault?: Fault) =>
  probe(`${(await served({ kind, faults: () => fault ?? null })).url}/v1`);

describe('probe of a server', () => {
  const all = { logprobs: 'raw', top: 3, singleTokenLabels: null, thinksFirst: false, notes: [] };

  it.each([
    ['openai', false, false],
    ['vllm', false, false],
    ['llama', true, true],
    ['ollama', false, true],
  ] as const)('%s: token ids %s, goes on with a begun answer %s', async (kind, tokenIds, prefill) => {
    expect(await probed(kind)).toEqual({ ...all, tokenIds, prefill });
  });

  it('needs three requests, the last two with another temperature and a begun answer', async () => {
    const server = await served({ kind: 'openai' });
    await probe(`${server.url}/v1`);
    const asked = server.requests.map(({ body }) => body);
    expect(asked.map(({ temperature, top_logprobs, max_tokens }) => [temperature, top_logprobs, max_tokens])).toEqual([
      [1, 20, 16],
      [2, 20, 16],
      [1, undefined, 16],
    ]);
    expect(asked[2]!.messages).toEqual([
      { role: 'user', content: 'Write these words in this order, and nothing else: red green blue yellow' },
      { role: 'assistant', content: 'red green' },
    ]);
  });

  it('without log-probabilities', async () => {
    expect(await probed('openai', { kind: 'no-logprobs' })).toMatchObject({
      logprobs: 'none',
      top: null,
      tokenIds: false,
      notes: [],
    });
  });

  it('with few alternatives', async () => {
    expect(await probed('llama', { kind: 'cap', top: 2 })).toMatchObject({ logprobs: 'raw', top: 2 });
    expect(await probed('llama', { kind: 'cap', top: 1 })).toMatchObject({ logprobs: 'unknown', top: 1 });
  });

  it.each(['openai', 'llama', 'ollama'] as const)('%s: a thought in the text or beside it', async (kind) => {
    expect(await probed(kind, { kind: 'thinking' })).toMatchObject({ thinksFirst: true, notes: [] });
  });

  it('that is down, refuses the key, or sends something else', async () => {
    await expect(probe('http://127.0.0.1:1/v1')).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
    const refusing = await served({ kind: 'openai', key: 'another' });
    const refused = probe(`${refusing.url}/v1`);
    await expect(refused).rejects.toMatchObject({ code: 'BACKEND_FAILED', details: { status: 401 } });
    await expect(refused).rejects.toSatisfy((error: Error) => !`${error.stack} ${error.cause}`.includes(KEY));
    expect(refusing.requests).toHaveLength(1);
    await expect(probed('openai', { kind: 'other-shape' })).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
  });

  it('that is busy is asked once', async () => {
    const server = await served({ kind: 'openai', faults: () => ({ kind: 'status', status: 503 }) });
    await expect(probe(`${server.url}/v1`)).rejects.toMatchObject({ details: { status: 503 } });
    expect(server.requests).toHaveLength(1);
  });

  it('that hangs is left when the signal fires', async () => {
    const server = await served({ kind: 'openai', faults: () => ({ kind: 'hang' }) });
    const started = performance.now();
    await expect(probe(`${server.url}/v1`, AbortSignal.timeout(200))).rejects.toMatchObject({ code: 'ABORTED' });
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('probe of a server that refuses', () => {
  async function scripted(script: (request: ChatRequest & { top_logprobs?: number }) => ChatReply) {
    const server = await openaiServer(script);
    servers.push(server);
    return server;
  }

  it('more alternatives than it gives: fewer are asked for', async () => {
    const { url, requests } = await scripted(({ top_logprobs = 0 }) =>
      top_logprobs > 5 ? { status: 400, message: 'at most 5' } : { tokens: ['cat'] },
    );
    expect(await probe(url)).toMatchObject({ logprobs: 'unknown', top: 0, notes: [] });
    expect(requests).toHaveLength(3);
  });

  it.each([400, 403])('log-probabilities with %i: the generator goes on without', async (status) => {
    const { url, requests } = await scripted(({ logprobs }) =>
      logprobs
        ? { status, message: "'logprobs' is not supported with this model" }
        : { tokens: ['A ', 'cat.'], bare: true },
    );
    expect(await probe(url)).toMatchObject({
      logprobs: 'none',
      top: null,
      notes: ['it refuses requests that ask for log-probabilities'],
    });
    requests.splice(0);
    const generator = openaiGenerator({ model: 'test-model', baseUrl: url, retries: 0 });
    const request = { question: 'Which animal?', passage: null, answerSoFar: [] };
    const options = { maxTokens: 20, temperature: 0, seed: 0 };
    const said = [[expect.objectContaining({ text: 'A cat.', logprobs: null })]];
    expect(await generator.extend([request], options)).toEqual(said);
    expect(await generator.extend([request], options)).toEqual(said);
    expect(requests.map(({ body }) => body.logprobs)).toEqual([true, undefined, undefined]);
    await generator.close();
  });

  it('an answer that is begun for it', async () => {
    const { url } = await scripted(({ messages }) =>
      messages.at(-1)!.role === 'assistant'
        ? { status: 400, message: 'the last message must be a user’s' }
        : { tokens: ['cat'] },
    );
    expect(await probe(url)).toMatchObject({ prefill: false, notes: ['it refuses an answer that is begun for it'] });
  });

  it('everything: its words are the error', async () => {
    const { url } = await scripted(() => ({ status: 400, message: 'no such model' }));
    await expect(probe(url)).rejects.toThrow(/no such model/);
  });
});

describe('raw or sampled', () => {
  /** Alternatives whose distances are those of the first list times the share. */
  const asking = (share: number, logprobs = [-0.4, -1.6, -3.4]) =>
    probeChat(
      {
        adjustable: true,
        ask: async ({ temperature }) =>
          new AIMessage({
            content: 'cat',
            response_metadata: {
              logprobs: {
                content: [
                  {
                    token: 'cat',
                    logprob: -1,
                    top_logprobs: ['cat', 'dog', 'owl'].map((token, i) => ({
                      token,
                      logprob: temperature === 1 ? logprobs[i]! : logprobs[i]! * share,
                    })),
                  },
                ],
              },
            },
          }),
      },
      new AbortController().signal,
    );

  it.each([
    [1, 'raw'],
    [0.95, 'raw'],
    [0.5, 'sampled'],
    [0.45, 'sampled'],
    [0.75, 'unknown'],
    [0.1, 'unknown'],
  ])('%f of the distance at twice the temperature: %s', async (share, said) => {
    expect((await asking(share)).logprobs).toBe(said);
  });

  it('is unknown where the alternatives are too near, or impossible', async () => {
    expect((await asking(0.5, [-1, -1.1, -1.2])).logprobs).toBe('unknown');
    expect((await asking(0.5, [-0.01, -9999, -9999])).logprobs).toBe('unknown');
  });
});

describe('probe of a LangChain model', () => {
  const model = (...responses: string[]) => langchainGenerator({ model: new FakeListChatModel({ responses }) });

  it('takes it as it is', async () => {
    expect(await model('Cat', 'blue yellow').probe!()).toEqual({
      logprobs: 'none',
      top: null,
      tokenIds: false,
      singleTokenLabels: null,
      thinksFirst: false,
      prefill: true,
      notes: [],
    });
  });

  it('sees a thought', async () => {
    expect(await model('<think>\nAn animal', 'red green').probe!()).toMatchObject({
      thinksFirst: true,
      prefill: false,
    });
  });

  it('says which package is missing', async () => {
    const failed = langchainGenerator({ model: 'ollama:qwen3' }).probe!();
    await expect(failed).rejects.toSatisfy((error) => DiscernError.is(error, 'PACKAGE_MISSING'));
  });
});
