import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import { context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { serverClient } from '../../src/backends/server/client.ts';
import { createRag, DiscernError, type RagOptions } from '../../src/index.ts';
import { fromChatModel } from '../../src/langchain.ts';
import { VERSION } from '../../src/telemetry/version.ts';
import { createTelemetry } from '../../src/telemetry.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { createSharedFacts } from '../../src/trace.ts';
import { listRecaller, passageOf } from './parts.ts';

const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const manager = new AsyncLocalStorageContextManager().enable();
beforeAll(() => {
  context.setGlobalContextManager(manager);
});
const emitted = new Set<string>();
afterEach(() => {
  for (const { attributes, events } of spans())
    for (const of of [attributes, ...events.map((event) => event.attributes ?? {})])
      for (const name of Object.keys(of)) emitted.add(name);
  exporter.reset();
  trace.disable();
});
afterAll(() => context.disable());

const tower = passageOf('tower', 'The tower was built in 1902. It is 31 metres high.');
const question = 'When was the tower built?';
const critic = scriptedCritic();
const CONFIG = { rerank: { backend: 'none' }, beam: { width: 1, maxSegments: 1 } } as const;

function ragOf(options: Partial<RagOptions> = {}) {
  return createRag({
    config: CONFIG,
    telemetry: { tracerProvider },
    ...options,
    parts: {
      recaller: listRecaller([tower]),
      critics: { retrieve: critic, isRel: critic, isSup: critic, isUse: critic },
      withContext: scriptedGenerator(),
      ...options.parts,
    },
  });
}

const spans = () => exporter.getFinishedSpans();
const below = (parent: ReadableSpan | undefined) =>
  spans().filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent?.spanContext().spanId);

/** Names of the spans, indented by depth; events in brackets. */
function tree(parent?: ReadableSpan, indent = ''): string[] {
  return below(parent).flatMap((span) => [
    `${indent}${span.name}${span.events.length > 0 ? ` [${span.events.map(({ name }) => name).join(' ')}]` : ''}`,
    ...tree(span, `${indent}  `),
  ]);
}
const everything = () =>
  JSON.stringify(
    spans().map(({ name, attributes, events, status, links }) => ({ name, attributes, events, status, links })),
  );

describe('spans', () => {
  it('of a question: one for the task, with its decisions, and one for each call to a model', async () => {
    const rag = await ragOf();
    const answer = await rag.ask(question, { id: 'q1' });
    await rag.close();
    expect(tree()).toEqual([
      'invoke_workflow discern.ask [discern.retrieve-decided discern.recall-end discern.rerank-end discern.relevance-decided discern.segment-scored discern.beam-pruned discern.segment-committed]',
      '  retrieval list@1',
      '  critique scripted@1',
      '  generate_content scripted@1',
      '  critique scripted@1',
    ]);
    const [root] = below(undefined);
    expect(root!.attributes).toEqual({
      'gen_ai.operation.name': 'invoke_workflow',
      'gen_ai.workflow.name': 'discern.ask',
      'gen_ai.provider.name': 'discern-rag',
      'discern.task': 'ask',
      'discern.id': 'q1',
      'discern.used_context': true,
      'discern.segments': 1,
      'discern.citations': 1,
      'discern.cost.calls': answer.cost.calls,
      'discern.cost.requests': answer.cost.requests,
      'discern.cost.tokens': answer.cost.tokens,
      'discern.cost.ms': answer.cost.ms,
    });
    expect(below(root)).toHaveLength(answer.cost.calls);
    const [recall, , write] = below(root);
    expect(recall!.attributes).toEqual({
      'gen_ai.operation.name': 'retrieval',
      'gen_ai.provider.name': 'discern-rag',
      'gen_ai.data_source.id': 'list@1',
      'gen_ai.retrieval.top_k': answer.trace.config.recall.topK,
      'discern.role': 'recall',
      'discern.backend': 'list@1',
      'discern.requests': 1,
      'discern.candidates': 1,
    });
    expect(write!.attributes).toMatchObject({
      'gen_ai.request.model': 'scripted@1',
      'discern.role': 'extend',
      'gen_ai.usage.output_tokens': answer.cost.tokens,
    });
    const relevance = root!.events.find(({ name }) => name === 'discern.relevance-decided');
    expect(relevance!.attributes).toEqual({
      'discern.level': 0,
      'discern.kept': 1,
      'discern.dropped': 0,
      'discern.value': 2 / 3,
      'discern.threshold': 0,
    });
    expect(root!.instrumentationScope).toMatchObject({ name: 'discern-rag', version: VERSION });
    expect(VERSION).toBe(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version);
  });

  it('say nothing of tokens where a sentence is quoted and none written', async () => {
    const quote = { text: 'The tower was built in 1902.', quoted: { start: 0, end: 28 } };
    const rag = await ragOf({ parts: { withContext: scriptedGenerator(() => [quote]) } });
    await rag.ask(question);
    const wrote = spans().find(({ attributes }) => attributes['discern.role'] === 'extend')!;
    expect(wrote.attributes).toMatchObject({ 'discern.candidates': 1 });
    expect(wrote.attributes).not.toHaveProperty('gen_ai.usage.output_tokens');
    await rag.close();
  });

  it('of a retrieval, a check and an ingest', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'discern-telemetry-'));
    writeFileSync(join(dir, 'a.txt'), 'Cats sleep on warm roofs.');
    const embedder = hashEmbedder();
    const rag = await createRag({
      config: {
        ...CONFIG,
        critics: { retrieve: null, isRel: null, isSup: null, isUse: null },
        check: { isSup: 0.5 },
      },
      telemetry: { tracerProvider },
      documents: dir,
      parts: { embedder, critics: { isSup: critic }, withContext: scriptedGenerator() },
    });
    await rag.retrieve('Where do cats sleep?');
    await rag.check({ question, answer: 'Built in 1902. Cats sleep.', passages: [tower.text] });
    const recaller = `${embedder.id}+hnsw@1`;
    expect(tree()).toEqual([
      'discern.ingest',
      `  embeddings ${embedder.id}`,
      'retrieval discern.retrieve [discern.retrieve-decided discern.recall-end discern.rerank-end discern.relevance-decided]',
      expect.stringContaining(`  retrieval ${recaller.split('+')[0]}+`),
      'invoke_workflow discern.check [discern.decided discern.decided]',
      '  critique scripted@1',
    ]);
    const [ingested, , checked] = below(undefined);
    expect(ingested!.attributes).toMatchObject({
      'discern.task': 'ingest',
      'discern.ingest.added': 1,
      'discern.ingest.failed': 0,
      'discern.ingest.embedded': 1,
    });
    expect(checked!.events.map(({ attributes }) => attributes)).toMatchObject([
      { 'discern.about': 'isSup', 'discern.outcome': 'supported', 'discern.threshold': 0.5, 'discern.level': 0 },
      { 'discern.about': 'isSup', 'discern.outcome': 'unsupported', 'discern.threshold': 0.5, 'discern.level': 1 },
    ]);
    await rag.close();
    rmSync(dir, { recursive: true });
  });

  it('of a stream hang below what was active when it was asked for, and end when the reader leaves', async () => {
    const rag = await ragOf();
    const outer = tracerProvider.getTracer('app').startSpan('request');
    const stream = context.with(trace.setSpan(ROOT_CONTEXT, outer), () => rag.stream(question));
    for await (const { type } of stream) if (type === 'recall-end') break;
    outer.end();
    const [root] = spans().filter(({ name }) => name === 'invoke_workflow discern.stream');
    expect(root!.parentSpanContext?.spanId).toBe(outer.spanContext().spanId);
    await rag.close();
  });

  it('of a question asked of models already are none: shared facts', async () => {
    const rag = await ragOf();
    const shared = createSharedFacts();
    await rag.ask(question, { shared });
    exporter.reset();
    await rag.ask(question, { shared });
    expect(tree().map((line) => line.replace(/ \[.*/, ''))).toEqual(['invoke_workflow discern.ask']);
    await rag.close();
  });

  it('are of the shadow too', async () => {
    const shadow = scriptedCritic(undefined, { id: 'shadow@1' });
    const rag = await ragOf({ parts: { shadow } });
    await rag.ask(question);
    expect(tree().filter((line) => line.includes('shadow@1')).length).toBeGreaterThan(0);
    await rag.close();
  });

  it('come from the registered provider where none is given, also from one registered later', async () => {
    const rag = await ragOf({ telemetry: {} });
    await rag.ask(question);
    expect(spans()).toHaveLength(0);
    trace.setGlobalTracerProvider(tracerProvider);
    await rag.ask(question);
    expect(spans()).toHaveLength(5);
    await rag.close();
  });

  it('are not made, and nothing is wrapped, without a provider and a logger', async () => {
    const options = { onEvent: () => {} };
    await createTelemetry({}).run({ name: 'ask', outcome: () => expect.fail() }, async (watch) => {
      expect(watch.options(options)).toBe(options);
    });
    const off = new BasicTracerProvider({
      sampler: new AlwaysOffSampler(),
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    });
    const rag = await ragOf({ telemetry: { tracerProvider: off } });
    await rag.ask(question);
    expect(spans()).toHaveLength(0);
    await rag.close();
  });
});

describe('failures', () => {
  it.each([
    ['a code of this package', new DiscernError('BACKEND_TIMEOUT', `no word on ${question}`), 'BACKEND_TIMEOUT'],
    ['the class of any other error', new TypeError(`no word on ${question}`), 'TypeError'],
    ['what is no error', 'secret-word', '_OTHER'],
  ])('are told by %s, on the call and on the task', async (_, thrown, code) => {
    const withContext = { ...scriptedGenerator(), extend: () => Promise.reject(thrown) };
    const rag = await ragOf({ parts: { withContext } });
    await expect(rag.ask(question)).rejects.toBe(thrown);
    const failed = spans().filter(({ status }) => status.code === SpanStatusCode.ERROR);
    expect(failed.map(({ name }) => name)).toEqual(['generate_content scripted@1', 'invoke_workflow discern.ask']);
    for (const { status, attributes } of failed) {
      expect(status.message).toBe(code);
      expect(attributes['error.type']).toBe(code);
    }
    expect(everything()).not.toMatch(/tower built|secret-word/);
    await rag.close();
  });

  it('are aborts too, and no answer is none', async () => {
    const rag = await ragOf();
    await expect(rag.ask(question, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(spans().at(-1)!.attributes['error.type']).toBe('ABORTED');
    await rag.ask(question, { config: { isRel: { threshold: 1 } } });
    const unanswered = spans().at(-1)!;
    expect(unanswered.status.code).toBe(SpanStatusCode.UNSET);
    expect(unanswered.attributes['discern.unanswered']).toBe('no-evidence');
    await rag.close();
  });
});

describe('texts and keys', () => {
  const key = 'sk-secret-0123456789abcdef';
  const passage = passageOf('p1', 'Zebrafinch passage text, built in 1902.');
  const asked = 'Which zebrafinch is asked for?';
  const told = (rag: Awaited<ReturnType<typeof ragOf>>) =>
    Promise.all([
      rag.ask(asked),
      rag.retrieve(asked),
      rag.check({ question: asked, answer: 'A zebrafinch sings.', passages: [passage.text] }),
    ]);

  it('stand in no span', async () => {
    const rag = await ragOf({ keys: { OPENAI_API_KEY: key }, parts: { recaller: listRecaller([passage]) } });
    await told(rag);
    expect(everything()).not.toMatch(/zebrafinch|secret/i);
    await rag.close();
  });

  it('with content the texts stand there in the form of the conventions, the keys nowhere', async () => {
    const rag = await ragOf({
      keys: { OPENAI_API_KEY: key },
      telemetry: { tracerProvider, content: true },
      parts: { recaller: listRecaller([passage]) },
    });
    const [answer] = await told(rag);
    const root = spans().find(({ name }) => name === 'invoke_workflow discern.ask')!;
    expect(JSON.parse(root.attributes['gen_ai.input.messages'] as string)).toEqual([
      { role: 'user', parts: [{ type: 'text', content: asked }] },
    ]);
    expect(JSON.parse(root.attributes['gen_ai.output.messages'] as string)).toEqual([
      { role: 'assistant', parts: [{ type: 'text', content: answer.text }], finish_reason: 'stop' },
    ]);
    const retrieval = spans().find(({ name }) => name === 'retrieval discern.retrieve')!;
    expect(JSON.parse(retrieval.attributes['gen_ai.retrieval.documents'] as string)).toEqual([
      { id: 'p1', score: expect.any(Number), content: passage.text },
    ]);
    expect(everything()).not.toContain('secret');
    await rag.close();
  });
});

describe('fifty questions at the same time', () => {
  const questions = Array.from({ length: 50 }, (_, i) => `When was tower ${i} built?`);
  const app = tracerProvider.getTracer('app');
  /** What an instrumented client does: a span of its own below the active one, that names the question. */
  const traced = async (text: string) => {
    const span = app.startSpan(`request ${/\d+/.exec(text)![0]}`);
    await sleep(Math.random() * 3);
    span.end();
  };
  /** Each request hangs below a call of its own question. */
  function expectOwn(count: number) {
    const byId = new Map(spans().map((span) => [span.spanContext().spanId, span]));
    const requests = spans().filter(({ name }) => name.startsWith('request '));
    expect(requests).toHaveLength(count);
    for (const { name, parentSpanContext } of requests) {
      const call = byId.get(parentSpanContext!.spanId)!;
      const root = byId.get(call.parentSpanContext!.spanId)!;
      expect(call.name).toBe('generate_content busy@1');
      expect(`request ${root.attributes['discern.id']}`).toBe(name);
    }
    const roots = below(undefined);
    expect(roots).toHaveLength(50);
    expect(new Set(roots.map((root) => root.spanContext().traceId)).size).toBe(50);
    for (const root of roots) expect(below(root)).toHaveLength(Number(root.attributes['discern.cost.calls']));
  }
  async function askAll(withContext: ReturnType<typeof scriptedGenerator>) {
    const rag = await ragOf({ parts: { withContext } });
    await Promise.all(questions.map((one, i) => rag.ask(one, { id: String(i) })));
    await rag.close();
  }

  it('each call hangs below its own question, and what happens in it below the call', async () => {
    const writer = scriptedGenerator(undefined, { id: 'busy@1' });
    await askAll({
      ...writer,
      async extend(requests, options) {
        await traced(requests[0]!.question);
        return writer.extend(requests, options);
      },
    });
    expectOwn(50);
  });

  it('also where a server is asked a few at a time', async () => {
    const server = createServer((_, response) => {
      setTimeout(() => response.setHeader('content-type', 'application/json').end('{}'), 1);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    let text = '';
    const client = serverClient({
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      concurrency: 2,
      fetch: async (...args) => {
        text = String((args[1] as { body: string }).body);
        await traced(text);
        return fetch(...args);
      },
    });
    const writer = scriptedGenerator(undefined, { id: 'busy@1' });
    await askAll({
      ...writer,
      async extend(requests, options) {
        await client.ask({ path: '/x', body: requests[0]!.question, schema: z.looseObject({}) }, options);
        return writer.extend(requests, options);
      },
    });
    await client.close();
    server.close();
    expect(text).toMatch(/tower/);
    expectOwn(50);
  });

  it('also where a model of LangChain is', async () => {
    class Traced extends FakeListChatModel {
      override async _generate(...args: Parameters<FakeListChatModel['_generate']>) {
        // The prompt has more numbers than that of the question.
        await traced(/tower (\d+) built/.exec(args[0].map(({ text }) => text).join(' '))![0]);
        return super._generate(...args);
      }
    }
    await askAll(fromChatModel(new Traced({ responses: ['It was built in 1902.'] }), { id: 'busy@1', concurrency: 2 }));
    expectOwn(50);
  });
});

it('every attribute stands in the docs', () => {
  const docs = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8');
  expect(emitted.size).toBeGreaterThan(40);
  const missing = [...emitted].filter((name) => !name.startsWith('discern.ingest.') && !docs.includes(`\`${name}\``));
  expect(missing).toEqual([]);
});
