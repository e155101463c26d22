import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logprobsCritic } from '../../src/backends/critic/logprobs.ts';
import { serverClient } from '../../src/backends/server/client.ts';
import type { RouteName } from '../../src/backends/server/route-find.ts';
import { DiscernError } from '../../src/errors.ts';
import { describeCritic, EASY_PAIRS, passageOf } from '../../src/testing/describe-critic.ts';
import {
  type Fault,
  type LlmServer,
  type LlmServerOptions,
  llmServer,
  type ScriptedModel,
} from '../../src/testing/llm-server.ts';
import { overlapOracle } from '../../src/testing/scripted-critic.ts';
import type { CritiqueRequest } from '../../src/types.ts';

/** By the text of the prompt: what is asked, and the words of its labels. */
const ASKED: readonly [RegExp, Readonly<Record<string, string>>, (...values: string[]) => CritiqueRequest][] = [
  [
    /Question: ([\s\S]*)\n\nPassage: ([\s\S]*)\n\nDoes the passage/,
    { Yes: 'relevant', No: 'irrelevant' },
    (question, text) => ({ kind: 'isRel', question: question!, passage: passageOf(text!) }),
  ],
  [
    /Question: ([\s\S]*)\n\nPassage: ([\s\S]*)\n\nStatement: ([\s\S]*)\n\nA: /,
    { A: 'fully', B: 'partially', C: 'none' },
    (question, text, segment) => ({
      kind: 'isSup',
      question: question!,
      passage: passageOf(text!),
      segment: segment!,
    }),
  ],
  [
    /Question: ([\s\S]*)\n\nAnswer: ([\s\S]*)\n\n5: /,
    { '1': '1', '2': '2', '3': '3', '4': '4', '5': '5' },
    (question, answer) => ({ kind: 'isUse', question: question!, answer: answer! }),
  ],
  [
    /Question: ([\s\S]*)\n\nAnswer so far: ([\s\S]*)\n\nMust facts/,
    { Yes: 'yes', No: 'no' },
    (question, answerSoFar) => ({ kind: 'retrieve', question: question!, answerSoFar: answerSoFar! }),
  ],
];

/** Judges by shared words, with nine tenths of its probability on the labels; behind "Answer:" a word has a space. */
const judge: ScriptedModel = (prompt) => {
  for (const [pattern, labels, make] of ASKED) {
    const found = pattern.exec(prompt);
    if (!found) continue;
    const weights = overlapOracle(make(...found.slice(1)));
    const words = Object.keys(labels);
    const total = Object.values(labels).reduce((sum, label) => sum + weights[label]!, 0);
    const p = (word: string) => 0.9 * ((0.98 * weights[labels[word]!]!) / total + 0.02 / words.length);
    const space = prompt.endsWith('Answer:') ? ' ' : '';
    return { next: Object.fromEntries(words.map((word) => [`${space}${word}`, p(word)])) };
  }
  throw new Error(`an unknown prompt: ${prompt}`);
};

const servers = new Map<string, LlmServer>();
const kinds = ['openai', 'vllm', 'llama', 'ollama'] as const;
beforeAll(async () => {
  for (const kind of kinds) servers.set(kind, await llmServer({ kind, model: judge }));
});
afterAll(() => Promise.all([...servers.values()].map((server) => server.close())));

/** The first and the last two of each kind. */
const PAIRS = EASY_PAIRS.filter((_, i) => [0, 3, 4].includes(i % 5));

const WAYS: readonly [(typeof kinds)[number], RouteName][] = [
  ['openai', 'chat'],
  ['openai', 'completions'],
  ['vllm', 'chat'],
  ['vllm', 'completions'],
  ['llama', 'auto'],
  ['llama', 'chat'],
  ['llama', 'completions'],
  ['ollama', 'auto'],
  ['ollama', 'chat'],
];
for (const [kind, route] of WAYS)
  describeCritic(
    `logprobs of ${kind} through ${route}`,
    () => logprobsCritic({ client: serverClient({ baseUrl: servers.get(kind)!.url, concurrency: 16 }), route }),
    { pairs: PAIRS },
  );

const REQUEST: CritiqueRequest = {
  kind: 'isRel',
  question: 'Who painted the Mona Lisa?',
  passage: passageOf('The Mona Lisa was painted by Leonardo da Vinci.'),
};
const USE: CritiqueRequest = { kind: 'isUse', question: 'Who painted the Mona Lisa?', answer: 'Leonardo da Vinci.' };

interface Made {
  readonly server: LlmServer;
  readonly critic: ReturnType<typeof logprobsCritic>;
}

async function using<T>(
  options: LlmServerOptions & { readonly route?: RouteName; readonly top?: number; readonly asked?: string },
  test: (made: Made) => Promise<T>,
): Promise<T> {
  const { route = 'auto', top = 20, asked, ...rest } = options;
  const server = await llmServer({ model: judge, ...rest });
  const client = serverClient({ baseUrl: server.url, retries: 0 });
  const critic = logprobsCritic({ client, route, top, ...(asked !== undefined && { model: asked }) });
  try {
    return await test({ server, critic });
  } finally {
    await critic.close();
    await server.close();
  }
}

const failing =
  (kind: Fault) =>
  ({ method }: { readonly method: string }) =>
    method === 'POST' ? kind : null;
const refuses =
  (code: 'BACKEND_FAILED' | 'CONFIG_INVALID' | 'LABELS_NOT_SINGLE_TOKENS', words: RegExp) => (e: unknown) =>
    DiscernError.is(e, code) && words.test(`${(e as Error).message} ${e.hint}`);
const pathsOf = (server: LlmServer) => server.requests.map(({ method, path }) => `${method} ${path}`);

describe('logprobs', () => {
  it.each([
    ['openai', 'chat', { logprobs: 'unknown', tokenIds: false, singleTokenLabels: null, prefill: null }],
    ['vllm', 'chat', { logprobs: 'raw', tokenIds: true, singleTokenLabels: true, prefill: true }],
    ['llama', 'llama', { logprobs: 'raw', tokenIds: true, singleTokenLabels: true, prefill: true }],
    ['ollama', 'ollama', { logprobs: 'raw', tokenIds: false, singleTokenLabels: null, prefill: true }],
  ] as const)('finds what %s gives', (kind, way, abilities) =>
    using({ kind }, async ({ critic }) => {
      const { notes, ...found } = await critic.probe!();
      expect(found).toEqual({ ...abilities, top: 20, thinksFirst: false });
      expect(notes).toContain(`asked through ${way}`);
    }),
  );

  it('asks once what a server gives, whoever waits, and then one request for each different critique', () =>
    using({ kind: 'openai' }, async ({ critic, server }) => {
      await Promise.all([critic.prepare!(), critic.probe!(), critic.critique([REQUEST, USE, REQUEST])]);
      expect(pathsOf(server)).toEqual([
        'GET /v1/models',
        'GET /props',
        ...Array<string>(3).fill('POST /v1/chat/completions'),
      ]);
    }));

  it('sends one token at temperature 0 and no field that OpenAI does not know', () =>
    using({ kind: 'openai' }, async ({ critic, server }) => {
      await critic.critique([REQUEST]);
      const { messages, ...rest } = server.requests.at(-1)!.body as { messages: { role: string; content: string }[] };
      expect(messages.map(({ role }) => role)).toEqual(['system', 'user']);
      expect(rest).toEqual({ model: 'test-model', max_tokens: 1, temperature: 0, logprobs: true, top_logprobs: 20 });
    }));

  it('asks vLLM for its labels by id, so none is ever out of sight', () =>
    using({ kind: 'vllm', top: 2 }, async ({ critic, server }) => {
      const [critique] = await critic.critique([USE]);
      const labels = ['1', '2', '3', '4', '5'].map((word) => server.idOf(word));
      expect(server.requests.at(-1)!.body).toMatchObject({
        logprob_token_ids: labels,
        return_tokens_as_token_ids: true,
        chat_template_kwargs: { enable_thinking: false },
      });
      expect(critique!.undecided).toBeUndefined();
      expect(critique!.mass).toBeCloseTo(0.9, 12);
    }));

  it('bounds labels where a version of vLLM does not know ids', () =>
    using({ kind: 'vllm', top: 2, labelIds: false }, async ({ critic }) => {
      expect(await critic.probe!()).toMatchObject({ tokenIds: false, top: 2, singleTokenLabels: true });
      const [critique] = await critic.critique([USE]);
      expect(Object.keys(critique!.undecided!.bounds)).toHaveLength(3);
    }));

  it('asks llama.cpp by tokens, for raw probabilities, and draws a label', () =>
    using({ kind: 'llama' }, async ({ critic, server }) => {
      await critic.critique([REQUEST]);
      const { prompt, ...rest } = server.requests.at(-1)!.body as { prompt: number[] };
      expect(prompt.every((token) => Number.isInteger(token))).toBe(true);
      expect(rest).toEqual({
        ...{ n_predict: 1, n_probs: 20, post_sampling_probs: false, temperature: 0, cache_prompt: false },
        logit_bias: [
          [server.idOf('Yes'), 100],
          [server.idOf('No'), 100],
        ],
      });
    }));

  it('takes what a server gives where it caps the alternatives, and bounds the rest', () =>
    using({ kind: 'openai', faults: failing({ kind: 'cap', top: 2 }) }, async ({ critic }) => {
      expect((await critic.probe!()).top).toBe(2);
      const [critique] = await critic.critique([USE]);
      const bounds = Object.values(critique!.undecided!.bounds);
      expect(bounds).toHaveLength(3);
      expect(new Set(bounds).size).toBe(1);
    }));

  it('asks for fewer where a server refuses as many', () =>
    using({ kind: 'openai', top: 500 }, async ({ critic, server }) => {
      expect((await critic.probe!()).top).toBe(20);
      expect(server.requests.map(({ body }) => body.top_logprobs)).toEqual([undefined, undefined, 500, 20]);
      await critic.critique([REQUEST]);
      expect(server.requests.at(-1)!.body.top_logprobs).toBe(20);
    }));

  it('goes on to completions where the chat gives none', () =>
    using(
      { kind: 'openai', faults: ({ path }) => (path.endsWith('chat/completions') ? { kind: 'no-logprobs' } : null) },
      async ({ critic }) => {
        expect(await critic.probe!()).toMatchObject({ logprobs: 'unknown', top: 5, prefill: true });
        expect((await critic.critique([REQUEST]))[0]!.mass).toBeCloseTo(0.9, 12);
      },
    ));

  it('refuses a server without log-probabilities and says what else there is', () =>
    using({ kind: 'openai', faults: failing({ kind: 'no-logprobs' }) }, async ({ critic }) => {
      expect(await critic.probe!()).toMatchObject({ logprobs: 'none', top: null });
      for (const call of [() => critic.prepare!(), () => critic.critique([REQUEST])]) {
        const error = await call().then(String, (e: unknown) => e);
        expect(refuses('BACKEND_FAILED', /no log-probabilities.*critics\.degrade/)(error)).toBe(true);
        expect((error as DiscernError).details).toEqual({ lacks: 'logprobs' });
      }
    }));

  it.each([
    ['openai', 'chat'],
    ['openai', 'completions'],
    ['vllm', 'chat'],
    ['llama', 'llama'],
    ['llama', 'chat'],
    ['ollama', 'ollama'],
  ] as const)('refuses a model of %s through %s that thinks whatever it is told', (kind, route) =>
    using({ kind, route, faults: failing({ kind: 'thinking', always: true }) }, async ({ critic }) => {
      expect((await critic.probe!()).thinksFirst).toBe(true);
      await expect(critic.critique([REQUEST])).rejects.toSatisfy(
        refuses('BACKEND_FAILED', /thinks before it answers.*enable_thinking/),
      );
    }),
  );

  it.each([
    ['vllm', 'chat'],
    ['llama', 'chat'],
    ['ollama', 'ollama'],
  ] as const)('tells a model of %s through %s not to think', (kind, route) =>
    using({ kind, route, faults: failing({ kind: 'thinking' }) }, async ({ critic }) => {
      expect((await critic.critique([REQUEST]))[0]!.mass).toBeCloseTo(0.9, 12);
    }),
  );

  it('leaves a single thought undecided, and never reads it', () =>
    using(
      {
        kind: 'openai',
        faults: ({ body }) => (JSON.stringify(body).includes('Leonardo') ? { kind: 'thinking', always: true } : null),
      },
      async ({ critic }) => {
        const [thought] = await critic.critique([REQUEST]);
        expect(thought!.undecided).toEqual({ bounds: { relevant: 1, irrelevant: 1 } });
      },
    ));

  it('asks at temperature 1 where a server reports what drawing at temperature 0 left over', () =>
    using({ kind: 'openai', model: () => ({ next: { Yes: 1 } }) }, async ({ critic, server }) => {
      expect(await critic.probe!()).toMatchObject({ logprobs: 'sampled', top: 1 });
      await critic.critique([REQUEST]);
      const settings = server.requests.map(({ body }) => [body.temperature, body.top_p]).slice(2);
      expect(settings).toEqual([
        [0, undefined],
        [1, 1],
        [1, 1],
      ]);
    }));

  it('asks a llama.cpp of which only the OpenAI interfaces can be reached as any other server', () =>
    using(
      {
        kind: 'llama',
        faults: ({ path }) => (path.startsWith('/v1/') ? null : { kind: 'status', status: 404 }),
      },
      async ({ critic, server }) => {
        expect(await critic.probe!()).toMatchObject({ logprobs: 'unknown', tokenIds: true, singleTokenLabels: null });
        expect((await critic.critique([REQUEST]))[0]!.mass).toBeCloseTo(0.9, 12);
        expect(Object.keys(server.requests.at(-1)!.body)).not.toContain('cache_prompt');
      },
    ));

  it('names the models of a server that has several', async () => {
    const data = ['one', 'two'].map((id) => ({ id }));
    const fetched: string[] = [];
    const client = serverClient({
      baseUrl: 'http://host:81',
      fetch: async (url) => {
        fetched.push(String(url));
        return new Response(JSON.stringify({ data }), { headers: { 'content-type': 'application/json' } });
      },
    });
    const critic = logprobsCritic({ client });
    await expect(critic.prepare!()).rejects.toSatisfy(
      refuses('CONFIG_INVALID', /host:81 has 2 models: one, two .*critics\.serverModel/),
    );
    expect(fetched).toEqual(['http://host:81/v1/models']);
    await critic.close();
  });

  it('refuses labels of more than one token', () =>
    using({ kind: 'vllm', split: (text) => [...text] }, async ({ critic }) => {
      expect((await critic.probe!()).singleTokenLabels).toBe(false);
      await expect(critic.prepare!()).rejects.toSatisfy(refuses('LABELS_NOT_SINGLE_TOKENS', /Yes \(3\), No \(2\)/));
    }));

  it('finds out anew after a failure', () =>
    using(
      { kind: 'openai', faults: ({ number }) => (number === 0 ? { kind: 'status', status: 503 } : null) },
      async ({ critic }) => {
        await expect(critic.prepare!()).rejects.toSatisfy((e) => DiscernError.is(e));
        await critic.prepare!();
      },
    ));

  it('fails as a whole with one of a batch, and tells an error from a lack', () =>
    using(
      {
        kind: 'openai',
        faults: ({ body }) => (JSON.stringify(body).includes('Leonardo da') ? { kind: 'other-shape' } : null),
      },
      async ({ critic }) => {
        await expect(critic.critique([USE, REQUEST])).rejects.toSatisfy(refuses('BACKEND_FAILED', /than documented/));
      },
    ));

  it('shows a wrong key as a refusal, without the key', () =>
    using({ kind: 'openai', key: 'sk-right' }, async ({ critic }) => {
      await expect(critic.probe!()).rejects.toSatisfy(refuses('BACKEND_FAILED', /401/));
    }));

  it('is named after its model, or after the server', async () => {
    const at = (model: string | null) => logprobsCritic({ client: serverClient({ baseUrl: 'http://host:81' }), model });
    expect([at('Org/Model-7B').id, at(null).id]).toEqual(['logprobs-org-model-7b@1', 'logprobs-host-81@1']);
  });

  it('cuts texts that are too long for the server', () =>
    using(
      {
        kind: 'openai',
        faults: ({ body }) =>
          JSON.stringify(body).length > 3000
            ? { kind: 'status', status: 400, message: 'maximum context length is 512 tokens' }
            : null,
      },
      async ({ critic, server }) => {
        const long = { ...REQUEST, passage: passageOf(`The Mona Lisa was painted. ${'So it was. '.repeat(1000)}`) };
        expect((await critic.critique([long]))[0]!.probs.relevant).toBeGreaterThan(0.9);
        const sizes = server.requests.map(({ body }) => JSON.stringify(body).length).slice(3);
        expect(sizes.length).toBe(4);
        expect(sizes.at(-1)).toBeLessThan(3000);
      },
    ));
});
