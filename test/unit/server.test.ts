import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChatOpenAI } from '@langchain/openai';
import OpenAI from 'openai';
import { afterAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { type Answer, createRag, type Rag } from '../../src/index.ts';
import { createServer } from '../../src/server/app.ts';
import { listen } from '../../src/server/listen.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import {
  AnswerBody,
  ChatBody,
  DocumentListBody,
  IngestBody,
  RerankBody,
  SystemOneBody,
  TraceBody,
  TraceListBody,
} from '../../src/server/schemas.ts';
import { openTraceStore } from '../../src/server/trace-store.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { QUESTION, tower, towerRag } from './langchain-dropin-fixtures.ts';

const rag = await towerRag();
const open = await listen({ rag, version: '1.2.3', port: 0 });
afterAll(async () => {
  await open.close();
  await rag.close();
});
const TEXT = 'The tower was built in 1902. [1] It is 31 metres high. [2]';

const serverOf = (options: Partial<ServerOptions> = {}) => createServer({ rag, version: '1.2.3', ...options });
const post = (path: string, body: unknown, headers: Record<string, string> = {}, server = serverOf()) =>
  server.app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
/** The body of a response, which has the form that is promised. */
const read = async <S extends z.ZodType>(schema: S, response: Response | Promise<Response>): Promise<z.infer<S>> =>
  schema.parse(await (await response).json());

const failure = async (response: Response | Promise<Response>) => {
  const { status, headers } = await response;
  const { error } = (await (await response).json()) as { error: { code: string; message: string; hint: string } };
  return { status, code: error.code, message: error.message, retryAfter: headers.get('retry-after') };
};

/** A rag whose questions wait until they are let go. */
function slowRag() {
  const waiting: (() => void)[] = [];
  const signals: AbortSignal[] = [];
  const slow: Rag = {
    ...rag,
    ask: async (question, options) => {
      signals.push(options!.signal!);
      await new Promise<void>((resolve, reject) => {
        waiting.push(resolve);
        options!.signal!.addEventListener('abort', () => reject(options!.signal!.reason));
      });
      return rag.ask(question);
    },
  };
  return {
    slow,
    signals,
    letGo: () => {
      for (const go of waiting.splice(0)) go();
    },
  };
}

describe('POST /v1/ask', () => {
  it('answers with citations and decisions', async () => {
    const response = await post('/v1/ask', { question: QUESTION });
    expect(response.status).toBe(200);
    const body = await read(AnswerBody, response);
    expect(body).toMatchObject({ text: TEXT, unanswered: null, citations: [{ docId: 'tower' }, { docId: 'tower' }] });
    expect(body.decisions[0]).toMatchObject({ about: 'retrieve', outcome: 'retrieve' });
    expect(body.trace).toBeUndefined();
    const traced = await read(AnswerBody, post('/v1/ask', { question: QUESTION, trace: true }));
    expect(traced.trace).toMatchObject({ version: 1, id: traced.id, question: QUESTION });
  });

  it('takes thresholds and weights, and no models or servers', async () => {
    const strict = await post('/v1/ask', { question: QUESTION, config: { isRel: { threshold: 0.95 } } });
    expect((await read(AnswerBody, strict)).unanswered).toMatchObject({ reason: 'no-evidence' });
    for (const config of [
      { models: { hub: 'http://evil.example' } },
      { critics: { baseUrl: 'http://evil.example' } },
      { generate: { baseUrl: 'http://evil.example' } },
      { rerank: { model: '../../etc' } },
      { gate: { estimator: '/etc' } },
    ])
      expect(await failure(post('/v1/ask', { question: QUESTION, config }))).toMatchObject({
        status: 400,
        code: 'CONFIG_INVALID',
      });
    expect(await failure(post('/v1/ask', { question: QUESTION, config: { isRel: { threshold: 7 } } }))).toMatchObject({
      status: 400,
      code: 'CONFIG_INVALID',
    });
  });

  it('streams events, and the answer at last', async () => {
    const response = await post('/v1/ask', { question: QUESTION, stream: true });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = (await response.text())
      .trim()
      .split('\n\n')
      .map((block) => {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/s.exec(block)!;
        return { event, data: JSON.parse(data!) };
      });
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['retrieve-decided', 'recall-end', 'rerank-end', 'segment-committed', 'answer']),
    );
    expect(events.at(-1)).toMatchObject({ event: 'answer', data: { text: TEXT } });
    const broken = serverOf({
      rag: {
        ...rag,
        async *stream(question) {
          yield* rag.stream(question);
          throw new Error('a secret path');
        },
      },
    });
    const failed = await (await post('/v1/ask', { question: QUESTION, stream: true }, {}, broken)).text();
    expect(failed).toContain('event: error');
    expect(failed).not.toContain('secret');
  });

  it('says what is wrong with a request', async () => {
    expect(await failure(post('/v1/ask', '{'))).toMatchObject({ status: 400 });
    expect(await failure(post('/v1/ask', {}))).toMatchObject({ status: 400, code: 'INPUT_INVALID' });
    expect(await failure(post('/v1/ask', { question: QUESTION, more: 1 }))).toMatchObject({ status: 400 });
    expect(await failure(post('/v1/ask', { question: 'x'.repeat(9000) }))).toMatchObject({
      status: 413,
      code: 'TOO_LARGE',
    });
    expect(await failure(post('/v1/ask', { question: 'x'.repeat(2_000_000) }))).toMatchObject({ status: 413 });
    expect(await failure(serverOf().app.request('/v1/nothing'))).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });
});

describe('POST /v1/chat/completions', () => {
  const client = new OpenAI({ baseURL: `${open.url}/v1`, apiKey: 'none' });

  it('serves the client of OpenAI, with citations as annotations', async () => {
    const completion = await client.chat.completions.create({
      model: 'discern',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: QUESTION },
      ],
    });
    const { content, annotations } = completion.choices[0]!.message;
    expect(content).toBe(TEXT);
    expect(
      annotations!.map(({ url_citation: { start_index, end_index, url } }) => [
        content!.slice(start_index, end_index),
        url,
      ]),
    ).toEqual([
      ['[1]', 'discern:tower#char=0,28'],
      ['[2]', 'discern:tower#char=29,50'],
    ]);
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['discern']);
  });

  it('takes no words of a passage for a mark', async () => {
    const cited = { ...rag, ask: () => rag.ask(QUESTION).then((answer) => ({ ...answer, ...withMark(answer) })) };
    const withMark = ({ segments }: Answer) => ({
      text: 'See [1] there. [1]',
      segments: [{ ...segments[0]!, text: 'See [1] there.', citation: 1 }],
    });
    const messages = [{ role: 'user', content: QUESTION }];
    const said = await read(ChatBody, post('/v1/chat/completions', { messages }, {}, serverOf({ rag: cited })));
    expect(said.choices[0]!.message.annotations).toMatchObject([{ url_citation: { start_index: 15, end_index: 18 } }]);
  });

  it('streams to it', async () => {
    const stream = await client.chat.completions.create({
      model: 'discern',
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: [{ type: 'text', text: QUESTION }] }],
    });
    const pieces: string[] = [];
    let finish: string | null = null;
    let tokens: number | undefined;
    for await (const { choices, usage } of stream) {
      if (choices[0]?.delta.content) pieces.push(choices[0].delta.content);
      finish = choices[0]?.finish_reason ?? finish;
      tokens = usage?.completion_tokens ?? tokens;
    }
    expect(pieces).toEqual(['The tower was built in 1902. [1]', ' It is 31 metres high. [2]']);
    expect(finish).toBe('stop');
    expect(tokens).toBeGreaterThan(0);
  });

  it('serves ChatOpenAI of LangChain, invoked and streamed', async () => {
    const model = new ChatOpenAI({ model: 'discern', apiKey: 'none', configuration: { baseURL: `${open.url}/v1` } });
    expect((await model.invoke(QUESTION)).text).toBe(TEXT);
    let text = '';
    for await (const chunk of await model.stream(QUESTION)) text += chunk.text;
    expect(text).toBe(TEXT);
  });

  it('says in words that there is no answer, and refuses what it cannot do', async () => {
    const strict = { ...rag, ask: (question: string) => rag.ask(question, { config: { isRel: { threshold: 0.95 } } }) };
    const said = await post(
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: QUESTION }] },
      {},
      serverOf({ rag: strict }),
    );
    expect((await read(ChatBody, said)).choices[0]!.message).toMatchObject({
      content: 'I cannot answer that from the documents: no passage was relevant enough.',
      annotations: [],
    });
    expect(
      await failure(post('/v1/chat/completions', { messages: [{ role: 'assistant', content: 'Hello' }] })),
    ).toMatchObject({ status: 400 });
    expect(
      await failure(post('/v1/chat/completions', { n: 2, messages: [{ role: 'user', content: 'Hi' }] })),
    ).toMatchObject({ status: 400 });
  });
});

describe('POST /v1/rerank', () => {
  it('orders by P(relevant); every document has its index, blank and equal ones too', async () => {
    const documents = ['The mill.', ' ', { text: tower.text }, tower.text];
    const { results } = await read(
      RerankBody,
      post('/v1/rerank', { query: QUESTION, documents, return_documents: true }),
    );
    expect(results).toEqual([
      { index: 2, relevance_score: 0.9, document: { text: tower.text } },
      { index: 3, relevance_score: 0.9, document: { text: tower.text } },
      { index: 0, relevance_score: 0.2, document: { text: 'The mill.' } },
      { index: 1, relevance_score: 0, document: { text: ' ' } },
    ]);
    const top = await read(RerankBody, post('/v1/rerank', { query: QUESTION, documents, top_n: 1, model: 'any' }));
    expect(top.results).toEqual([{ index: 2, relevance_score: 0.9 }]);
    const small = serverOf({ limits: { documents: 2 } });
    expect(await failure(post('/v1/rerank', { query: QUESTION, documents }, {}, small))).toMatchObject({ status: 413 });
    expect(await failure(post('/v1/rerank', { query: QUESTION, documents: [] }))).toMatchObject({ status: 400 });
  });
});

describe('POST /v1/systemone', () => {
  const state = { question: QUESTION, passage: tower.text, statement: 'From 1902.', answer: 'From 1902.' };
  const questions = {
    relevance: { type: 'noul', instructions: 'Is it relevant?' },
    support: { type: 'choice', instructions: 'Is it?', criteria: { fully: 'all', partially: 'some', none: null } },
    usefulness: { type: 'score', instructions: 'How useful?', criteria: ['1', '2', '3', '4', '5'] },
    retrieve: { type: 'choice' },
  };

  it('answers with the distributions of the critics', async () => {
    const { answers } = await read(SystemOneBody, post('/v1/systemone', { state, questions }));
    expect(answers.relevance).toEqual({ type: 'noul', noul: 0.9, label_mass: 1 });
    expect(answers.support).toMatchObject({ choice: 'fully', probabilities: { fully: 0.9, partially: 0, none: 0.1 } });
    // 0.9 of three options: (0.9 - 1/3) / (1 - 1/3).
    expect(answers.support).toMatchObject({ confidence: expect.closeTo(0.85, 10) });
    expect(answers.usefulness).toMatchObject({ score: 4, probabilities: { 0: 0, 4: 1 }, confidence: 1 });
    expect(answers.retrieve).toMatchObject({ choice: 'yes' });
  });

  it('is a decision model to the critic of another Discern', async () => {
    const critics = { isRel: 'decision', isSup: 'decision', isUse: 'decision', baseUrl: `${open.url}/v1` };
    const other = await createRag({ config: { critics: { retrieve: null, ...critics } } });
    const requests = [
      { kind: 'isRel' as const, question: QUESTION, passage: tower },
      { kind: 'isSup' as const, question: QUESTION, passage: tower, segment: 'From 1902.' },
      { kind: 'isUse' as const, question: QUESTION, answer: 'From 1902.' },
    ];
    const [near, far] = [await rag.critique(requests), await other.critique(requests)];
    for (const [i, { probs }] of far.entries())
      for (const [label, value] of Object.entries(near[i]!.probs))
        expect((probs as Readonly<Record<string, number>>)[label]).toBeCloseTo(value, 12);
    await expect(other.critique([{ kind: 'retrieve', question: QUESTION, answerSoFar: '' }])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await other.close();
  });

  it('refuses what it has no critic for', async () => {
    const ask = (given: object, about: object = state) =>
      failure(post('/v1/systemone', { state: about, questions: given }));
    expect(await ask({ mood: { type: 'noul' } })).toMatchObject({
      status: 400,
      message: expect.stringContaining('"mood"'),
    });
    expect(await ask({ support: { type: 'noul' } })).toMatchObject({ status: 400 });
    expect(await ask({ support: { type: 'choice', criteria: { good: null, bad: null } } })).toMatchObject({
      status: 400,
    });
    expect(await ask(questions, { question: QUESTION })).toMatchObject({
      status: 400,
      message: expect.stringContaining('"passage"'),
    });
  });
});

describe('/v1/traces', () => {
  const dir = mkdtempSync(join(tmpdir(), 'discern-traces-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it('keeps the newest, lists, fetches, replays and removes them, also after a restart', async () => {
    let time = 1000;
    const server = serverOf({ traces: await openTraceStore(dir, 2, () => time++) });
    const ids: string[] = [];
    for (let i = 0; i < 3; i++)
      ids.push((await read(AnswerBody, post('/v1/ask', { question: QUESTION }, {}, server))).id);
    const again = serverOf({ traces: await openTraceStore(dir, 2) });
    const list = async (path: string) => read(TraceListBody, again.app.request(path));
    expect(await list('/v1/traces')).toEqual({
      traces: [
        { id: ids[2], at: '1970-01-01T00:00:01.002Z' },
        { id: ids[1], at: '1970-01-01T00:00:01.001Z' },
      ],
    });
    expect((await list(`/v1/traces?before=${ids[2]}`)).traces).toHaveLength(1);
    expect(await read(TraceBody, again.app.request(`/v1/traces/${ids[2]}`))).toMatchObject({
      version: 1,
      id: ids[2],
      question: QUESTION,
    });
    const replayed = (config: object) => post(`/v1/traces/${ids[2]}/replay`, { config }, {}, again);
    expect((await read(AnswerBody, replayed({}))).text).toBe(TEXT);
    expect((await read(AnswerBody, replayed({ isRel: { threshold: 0.95 } }))).unanswered).toMatchObject({
      reason: 'no-evidence',
    });
    expect(await failure(replayed({ gate: { when: 'always' } }))).toMatchObject({
      status: 409,
      code: 'REPLAY_FACT_MISSING',
    });
    expect(await failure(replayed({ models: {} }))).toMatchObject({ status: 400 });
    expect((await again.app.request(`/v1/traces/${ids[2]}`, { method: 'DELETE' })).status).toBe(204);
    expect(await failure(again.app.request(`/v1/traces/${ids[2]}`))).toMatchObject({ status: 404 });
    expect(await failure(again.app.request('/v1/traces/..%2F..%2Fetc%2Fpasswd'))).toMatchObject({ status: 400 });
    expect(readdirSync(dir)).toHaveLength(1);
  });

  it('is for admins, and not there without a folder', async () => {
    const tokens = [{ name: 'reader', token: 'r'.repeat(16), scopes: ['ask' as const] }];
    const server = serverOf({ tokens, traces: await openTraceStore(dir, 2) });
    const headers = { authorization: `Bearer ${'r'.repeat(16)}` };
    expect(await failure(server.app.request('/v1/traces', { headers }))).toMatchObject({ status: 403 });
    expect(await failure(serverOf().app.request('/v1/traces'))).toMatchObject({ status: 404 });
  });
});

describe('/v1/documents', () => {
  const CONFIG = {
    critics: { retrieve: null, isRel: null, isSup: null, isUse: null },
    rerank: { backend: 'none', topN: 1 },
  };

  it('brings, lists, replaces and removes documents, with progress', async () => {
    const own = await createRag({
      config: CONFIG,
      parts: { embedder: hashEmbedder(), withContext: scriptedGenerator() },
    });
    const server = serverOf({ rag: own });
    const put = (documents: object[], headers = {}) => post('/v1/documents', { documents }, headers, server);
    const list = async (query = '') => read(DocumentListBody, server.app.request(`/v1/documents${query}`));
    const towers = { id: 'tower', text: tower.text };
    expect(await failure(post('/v1/ask', { question: QUESTION }, {}, server))).toMatchObject({ status: 409 });
    expect(await read(IngestBody, put([towers, { id: 'mill', text: 'The mill grinds rye.', title: 'Mill' }]))).toEqual({
      ...{ added: 2, changed: 0, unchanged: 0, passages: 2, embedded: 2 },
    });
    expect(await read(IngestBody, put([towers]))).toMatchObject({ unchanged: 1, embedded: 0 });
    expect(await list()).toEqual({
      documents: [
        { id: 'mill', passages: 1 },
        { id: 'tower', passages: 1 },
      ],
      total: 2,
    });
    expect((await list('?limit=1&after=mill')).documents).toEqual([{ id: 'tower', passages: 1 }]);
    const asked = await read(
      AnswerBody,
      post('/v1/ask', { question: 'The tower was built in 1902. It is 31 metres high.' }, {}, server),
    );
    expect(asked.citations[0]).toMatchObject({ docId: 'tower' });
    const events = await (await put([{ id: 'cat', text: 'Cats sleep.' }], { accept: 'text/event-stream' })).text();
    expect(events).toMatch(/event: progress[\s\S]*event: report\ndata: \{"added":1/);
    const remove = (id: string) => server.app.request(`/v1/documents?id=${id}`, { method: 'DELETE' });
    expect((await remove('tower')).status).toBe(204);
    expect(await failure(remove('tower'))).toMatchObject({ status: 404 });
    expect((await list()).documents.map(({ id }) => id)).toEqual(['cat', 'mill']);
    expect(
      await failure(
        put([
          { id: 'a', text: 'x' },
          { id: 'a', text: 'y' },
        ]),
      ),
    ).toMatchObject({ status: 400 });
    await own.close();
  });

  it('is for those who may ingest', async () => {
    const tokens = [{ name: 'reader', token: 'r'.repeat(16), scopes: ['ask' as const] }];
    const headers = { authorization: `Bearer ${'r'.repeat(16)}` };
    expect(await failure(serverOf({ tokens }).app.request('/v1/documents', { headers }))).toMatchObject({
      status: 403,
    });
  });
});

describe('who may ask', () => {
  const tokens = [
    { name: 'reader', token: 'r'.repeat(16), scopes: ['ask' as const] },
    { name: 'loader', token: 'l'.repeat(16), scopes: ['ingest' as const] },
    { name: 'chief', token: 'c'.repeat(16), scopes: ['admin' as const] },
  ];
  const server = serverOf({ tokens });
  const ask = (token?: string) =>
    post('/v1/ask', { question: QUESTION }, token ? { authorization: `Bearer ${token}` } : {}, server);

  it('401 without a known token, 403 without the scope', async () => {
    expect(await failure(ask())).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    expect(await failure(ask('x'.repeat(16)))).toMatchObject({ status: 401 });
    expect(await failure(ask('l'.repeat(16)))).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    expect((await ask('r'.repeat(16))).status).toBe(200);
    expect((await ask('c'.repeat(16))).status).toBe(200);
    const metrics = await server.app.request('/metrics', { headers: { authorization: `Bearer ${'r'.repeat(16)}` } });
    expect(metrics.status).toBe(403);
    expect((await server.app.request('/healthz')).status).toBe(200);
  });

  it('listens on loopback only where there are no tokens', async () => {
    await expect(listen({ rag, version: '1', host: '0.0.0.0', port: 0 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    const port = Number(new URL(open.url).port);
    await expect(listen({ rag, version: '1', port })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `port ${port} of 127.0.0.1 is taken`,
    });
  });
});

describe('limits', () => {
  it('turns away what neither works nor waits, and says when to come back', async () => {
    const { slow, letGo } = slowRag();
    const server = serverOf({ rag: slow, limits: { concurrent: 1, waiting: 1 } });
    const ask = () => post('/v1/ask', { question: QUESTION }, {}, server);
    const [first, second] = [ask(), ask()];
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await failure(ask())).toMatchObject({ status: 429, code: 'TOO_MANY_REQUESTS', retryAfter: '1' });
    const streamed = post('/v1/ask', { question: QUESTION, stream: true }, {}, server);
    expect(await failure(streamed)).toMatchObject({ status: 429, retryAfter: '1' });
    expect(server.busy()).toBe(2);
    const health = await server.app.request('/healthz');
    expect(health.status).toBe(200);
    letGo();
    expect((await first).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 20));
    letGo();
    expect((await second).status).toBe(200);
    expect(server.busy()).toBe(0);
  });

  it('counts the requests of a minute, by bearer', async () => {
    const server = serverOf({ limits: { perMinute: 2 } });
    const ask = () => post('/v1/ask', { question: QUESTION }, {}, server);
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
    const { status, retryAfter } = await failure(ask());
    expect(status).toBe(429);
    expect(Number(retryAfter)).toBeGreaterThan(0);
  });

  it('gives up after its time, and when the client goes', async () => {
    const { slow, signals } = slowRag();
    const server = serverOf({ rag: slow, limits: { timeoutMs: 100 } });
    expect(await failure(post('/v1/ask', { question: QUESTION }, {}, server))).toMatchObject({
      status: 504,
      code: 'BACKEND_TIMEOUT',
    });
    expect(signals[0]!.aborted).toBe(true);
    const listening = await listen({ rag: slow, version: '1', port: 0 });
    const client = new AbortController();
    const asked = fetch(`${listening.url}/v1/ask`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question: QUESTION }),
      signal: client.signal,
    });
    await expect.poll(() => signals.length).toBe(2);
    client.abort();
    await expect(asked).rejects.toThrow();
    await expect.poll(() => signals[1]!.aborted).toBe(true);
    await listening.close();
  });
});

describe('operation', () => {
  it('describes itself, tells health, readiness and metrics', async () => {
    const get = async (path: string) => (await fetch(`${open.url}${path}`)).text();
    const api = JSON.parse(await get('/openapi.json'));
    expect(api).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } });
    expect(Object.keys(api.paths)).toEqual([
      '/v1/ask',
      '/v1/chat/completions',
      '/v1/rerank',
      '/v1/systemone',
      '/v1/documents',
    ]);
    expect(JSON.parse(await get('/healthz'))).toEqual({ status: 'ok' });
    expect(await get('/metrics')).toMatch(
      /discern_request_seconds_count\{method="GET",route="\/healthz",status="200"\} 1/,
    );
  });

  it('lets what works end, and takes nothing more', async () => {
    const { slow, letGo } = slowRag();
    const listening = await listen({ rag: slow, version: '1', port: 0 });
    const asked = fetch(`${listening.url}/v1/ask`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ question: QUESTION }),
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = listening.close();
    await expect(fetch(`${listening.url}/healthz`)).rejects.toThrow();
    letGo();
    expect((await asked).status).toBe(200);
    await closed;
  });

  it('gives up what does not end within the grace', async () => {
    const { slow, signals } = slowRag();
    const listening = await listen({ rag: slow, version: '1', port: 0, graceMs: 50 });
    const asked = fetch(`${listening.url}/v1/ask`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question: QUESTION }),
    });
    await expect.poll(() => signals.length).toBe(1);
    await listening.close();
    expect(signals[0]!.aborted).toBe(true);
    expect((await asked).status).toBe(499);
  });

  it('logs requests without texts', async () => {
    const lines: unknown[] = [];
    const note = (...line: unknown[]) => void lines.push(line);
    const server = serverOf({ logger: { debug: note, info: note, warn: note, error: note } });
    await post('/v1/ask', { question: QUESTION }, {}, server);
    expect(JSON.stringify(lines)).toContain('/v1/ask');
    expect(JSON.stringify(lines)).not.toContain('tower');
  });
});
