import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cachedEmbedder } from '../../src/backends/embedder/cached.ts';
import { createRag, type Rag, type StreamEvent } from '../../src/index.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { overlapOracle, scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedEntailment } from '../../src/testing/scripted-entailment.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { scriptedRewriter } from '../../src/testing/scripted-rewriter.ts';
import type { Trace, TraceEvent } from '../../src/types.ts';

/** Longest time of a call, in milliseconds; alone there is nothing to wait for. */
let most = 0;
/** Every call takes another time than the last one, so that in no two runs the same things happen first. */
const slow =
  <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
  async (...args: A): Promise<R> => {
    if (most > 0) await sleep(Math.random() * most);
    return call(...args);
  };
async function atOnce<T>(work: readonly (() => Promise<T>)[]): Promise<T[]> {
  most = 5;
  try {
    return await Promise.all(work.map((one) => one()));
  } finally {
    most = 0;
  }
}

const documents = Array.from({ length: 24 }, (_, i) => ({
  id: `tower-${i}.md`,
  text: `Tower number ${i} was built in ${1800 + i}. It is ${20 + i} metres high. The keeper of tower ${i} is called Anna${i}.`,
}));
const QUESTIONS = Array.from({ length: 50 }, (_, i) =>
  i % 5 === 4 ? `Which whale swims near reef ${i}?` : `When was tower number ${i % 24} built, and how high is it?`,
);

function slowCritic(id: string) {
  const critic = scriptedCritic(overlapOracle, { id });
  return { ...critic, critique: slow(critic.critique) as typeof critic.critique };
}

let rag: Rag;
beforeAll(async () => {
  const bare = hashEmbedder();
  // A small cache: the vectors of one question push those of others out.
  const embedder = cachedEmbedder({ ...bare, embed: slow(bare.embed) }, { max: 8 });
  const folder = mkdtempSync(join(tmpdir(), 'discern-concurrency-'));
  for (const { id, text } of documents) writeFileSync(join(folder, id), text);
  const writer = scriptedGenerator();
  const entailment = scriptedEntailment();
  const rewriter = scriptedRewriter();
  rag = await createRag({
    documents: folder,
    config: {
      retrieve: { mode: 'adaptive' },
      recall: { topK: 8 },
      rerank: { topN: 3 },
      beam: { width: 2, maxSegments: 3 },
      gate: { when: 'always', measure: 'disagreement', equivalence: 'head' },
      generate: { closedBook: 'own' },
    },
    parts: {
      embedder,
      rewriter: { ...rewriter, rewrite: slow(rewriter.rewrite) },
      reranker: {
        id: 'length@1',
        score: slow(async (asked: string, candidates: readonly { readonly passage: { readonly text: string } }[]) =>
          candidates.map(({ passage }) => (passage.text.includes(/\d+/.exec(asked)?.[0] ?? '') ? 1 : 0)),
        ),
        close: async () => {},
      },
      critics: {
        retrieve: slowCritic('retrieve@1'),
        isRel: slowCritic('rel@1'),
        isSup: slowCritic('sup@1'),
        isUse: slowCritic('use@1'),
      },
      shadow: slowCritic('shadow@1'),
      withContext: { ...writer, id: 'writer@1', extend: slow(writer.extend), sample: slow(writer.sample!) },
      closedBook: { ...writer, id: 'alone@1', extend: slow(writer.extend) },
      entailment: { ...entailment, equivalent: slow(entailment.equivalent) },
    },
  });
  rmSync(folder, { recursive: true });
});
afterAll(() => rag.close());

/** All of it but the times. */
function timeless<R extends { readonly cost: { readonly ms: number }; readonly trace: Trace }>(result: R) {
  const { cost, trace, ...rest } = result;
  const facts = trace.facts.map(({ ms: _, ...fact }) => fact);
  return JSON.parse(JSON.stringify({ ...rest, cost: { ...cost, ms: 0 }, trace: { ...trace, facts } }));
}

async function asked(question: string, i: number, signal?: AbortSignal) {
  const events: TraceEvent[] = [];
  const onEvent = (event: TraceEvent) => events.push(event);
  const answer = await rag.ask(question, { id: `q${i}`, onEvent, ...(signal && { signal }) });
  return { events, ...timeless(answer) };
}

describe('fifty questions at the same time', () => {
  it('have the answers, decisions, events and traces that they have one by one', async () => {
    const together = await atOnce(QUESTIONS.map((question, i) => () => asked(question, i)));
    expect(together.filter(({ unanswered }) => unanswered === null).length).toBeGreaterThan(30);
    expect(new Set(together.map(({ text }) => text)).size).toBeGreaterThan(20);
    for (const [i, question] of QUESTIONS.entries()) expect(together[i]).toEqual(await asked(question, i));
  }, 60_000);

  it('of every kind: answers, streams, retrievals and checks', async () => {
    const streamed = async (question: string) => {
      const events: StreamEvent[] = [];
      for await (const event of rag.stream(question)) events.push(event);
      return events.map((event) => (event.type === 'answer' ? timeless(event.answer) : event));
    };
    const kinds = [
      async (question: string) => timeless(await rag.ask(question)),
      async (question: string) => timeless(await rag.retrieve(question)),
      async (question: string) =>
        timeless(
          await rag.check({
            question,
            answer: 'Tower number 3 was built in 1803. It sinks.',
            passages: [documents[3]!.text],
          }),
        ),
      streamed,
    ];
    const work = QUESTIONS.map((question, i) => () => kinds[i % kinds.length]!(question));
    const together = await atOnce(work);
    for (const [i, one] of work.entries()) expect(together[i]).toEqual(await one());
  }, 60_000);

  it('are not disturbed where some of them are aborted or fail', async () => {
    const calm = await Promise.all(QUESTIONS.map((question, i) => asked(question, i)));
    most = 5;
    const aborts = QUESTIONS.map((_, i) => (i % 3 === 0 ? new AbortController() : null));
    const settled = Promise.allSettled(
      QUESTIONS.map((question, i) => asked(i % 7 === 1 ? ' ' : question, i, aborts[i]?.signal)),
    );
    for (const abort of aborts) {
      if (abort === null) continue;
      await sleep(Math.random() * 2);
      abort.abort();
    }
    const results = await settled;
    most = 0;
    let stopped = 0;
    for (const [i, result] of results.entries()) {
      if (result.status === 'fulfilled') expect(result.value).toEqual(calm[i]);
      else {
        stopped += 1;
        expect(result.reason).toMatchObject({ code: i % 7 === 1 ? 'INPUT_INVALID' : 'ABORTED' });
        expect(i % 3 === 0 || i % 7 === 1).toBe(true);
      }
    }
    expect(stopped).toBeGreaterThan(10);
  }, 60_000);

  it('may share one signal, whose abort ends them all', async () => {
    const abort = new AbortController();
    const settled = Promise.allSettled(QUESTIONS.map((question, i) => asked(question, i, abort.signal)));
    await sleep(5);
    abort.abort();
    for (const result of await settled) expect(result).toMatchObject({ reason: { code: 'ABORTED' } });
    expect((await rag.ask(QUESTIONS[0]!)).unanswered).toBeNull();
  });
});
