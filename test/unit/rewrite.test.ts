import { describe, expect, it } from 'vitest';
import { createAssembly, type OwnParts } from '../../src/assembly.ts';
import { whyLines } from '../../src/cli/why.ts';
import { type ConfigInput, parseConfig } from '../../src/config.ts';
import type { Reranker } from '../../src/contracts.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { replay } from '../../src/replay.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { memoryIndex } from '../../src/testing/memory-index.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { scriptedRewriter } from '../../src/testing/scripted-rewriter.ts';
import { parseTrace } from '../../src/trace.ts';
import { configOf, listRecaller, partsOf, passageOf } from './parts.ts';

const question = 'Hello, could you tell me when the tower was built?';
const query = 'year the tower was built';
const tower = passageOf('tower', 'The tower was built in 1902. It is 31 metres high.');

/** Everything that recall, rerank and the critics are asked, and how often the rewriter is. */
function listening(supported = true) {
  const asked = { rewritten: [] as string[], recall: [] as string[], rerank: [] as string[], isRel: [] as string[] };
  const script = scriptedRewriter(
    (text) => {
      asked.rewritten.push(text);
      return query;
    },
    { id: 'rewrite-test@1' },
  );
  const reranker: Reranker = {
    id: 'test@1',
    async score(text, candidates) {
      asked.rerank.push(text);
      return candidates.map(() => 1);
    },
    async close() {},
  };
  const critic = scriptedCritic((request): Record<string, number> => {
    if (request.kind !== 'isRel') return supported ? { fully: 1 } : { none: 1 };
    asked.isRel.push(request.question);
    return { relevant: 1 };
  });
  const parts = partsOf({
    rewriter: { ...script, prompts: { rewriteQuery: 'rewrite-query@1#test' } },
    recaller: listRecaller([tower], asked.recall),
    reranker,
    critics: { isRel: critic, isSup: critic },
    withContext: scriptedGenerator(),
  });
  return { asked, parts };
}

describe('a rewritten question', () => {
  it('is what recall searches with; rerank, IsREL and the answer are about the question itself', async () => {
    const { asked, parts } = listening();
    const { text, trace } = await answerQuestion(question, parts, configOf());
    expect(asked).toEqual({ rewritten: [question], recall: [query], rerank: [question], isRel: [question] });
    expect(text).toBe('The tower was built in 1902. [1] It is 31 metres high. [2]');
    expect(trace.question).toBe(question);
    expect(trace.events.find(({ type }) => type === 'recall-end')).toMatchObject({ level: 0, query });
  });

  it('stands in the trace: its fact first, the backend, and the prompt', async () => {
    const { trace } = await answerQuestion(question, listening().parts, configOf());
    expect(trace.facts[0]).toMatchObject({ role: 'rewrite', backend: 'rewrite-test@1', value: query });
    expect(trace.facts.filter(({ role }) => role === 'rewrite')).toHaveLength(1);
    expect(trace.backends.rewrite).toBe('rewrite-test@1');
    expect(trace.prompts).toEqual({ rewriteQuery: 'rewrite-query@1#test' });
  });

  it('is followed by the answer so far at later segments, and asked for once', async () => {
    const { asked, parts } = listening(false);
    const { trace } = await answerQuestion(question, parts, configOf({ beam: { width: 1 } }));
    const later = `${query} The tower was built in 1902.`;
    expect(asked.recall.slice(0, 2)).toEqual([query, later]);
    expect(asked.rewritten).toEqual([question]);
    expect(new Set(asked.rerank)).toEqual(new Set([question]));
    expect(trace.events.filter(({ type }) => type === 'recall-end')[1]).toMatchObject({ level: 1, query: later });
  });

  it('is replayed bit for bit, without a rewriter, and only from its fact', async () => {
    const live = await answerQuestion(question, listening().parts, configOf(), { id: 'q1' });
    const trace = parseTrace(JSON.stringify(live.trace));
    expect(JSON.stringify({ ...(await replay(trace)), trace: null })).toBe(JSON.stringify({ ...live, trace: null }));
    const { facts, events } = (await replay(trace)).trace;
    expect(JSON.stringify({ facts, events })).toBe(JSON.stringify({ facts: trace.facts, events: trace.events }));
    const without = { ...trace, facts: trace.facts.filter(({ role }) => role !== 'rewrite') };
    await expect(replay(without)).rejects.toMatchObject({ code: 'REPLAY_FACT_MISSING' });
  });

  it('takes one call of the budget: with one alone, nothing is recalled, and the answer says why', async () => {
    const { asked, parts } = listening();
    const answer = await answerQuestion(question, parts, configOf({ budget: { calls: 1 } }));
    expect(asked.recall).toEqual([]);
    expect(answer.unanswered).toEqual({ reason: 'budget', detail: 'the budget was spent before the first segment' });
  });

  it('is told by `discern ask`, as data, where it is not the question', async () => {
    const { parts } = listening();
    const why = async (rewriter: typeof parts.rewriter) =>
      whyLines(await answerQuestion(question, { ...parts, rewriter }, configOf())).filter((line) =>
        line.includes('searched for'),
      );
    expect(await why(parts.rewriter)).toEqual([`  searched for: "${query}"`]);
    expect(await why(scriptedRewriter(() => 'tower\u001b[2J\n built'))).toEqual([
      '  searched for: "tower\\u001b[2J built"',
    ]);
    expect(await why(scriptedRewriter((text) => text))).toEqual([]);
    expect(await why(null)).toEqual([]);
  });
});

describe('the rewriter of an assembly', () => {
  async function rewriterFor(input: ConfigInput, own: OwnParts = {}) {
    const config = parseConfig({ ...input, critics: { isRel: null, isSup: null }, rerank: { backend: 'none' } });
    const parts = {
      embedder: hashEmbedder(),
      index: memoryIndex({ dimensions: 64 }),
      withContext: scriptedGenerator(),
    };
    const assembly = createAssembly(config, { parts: { ...parts, ...own } });
    try {
      return (await assembly.partsFor(config)).parts.rewriter;
    } finally {
      await assembly.close();
    }
  }
  const rewriter = scriptedRewriter();

  it('is none, or your own, and none where nothing is retrieved', async () => {
    expect(await rewriterFor({})).toBe(null);
    expect(await rewriterFor({}, { rewriter })).toBe(rewriter);
    expect(await rewriterFor({ recall: { rewrite: 'prompted' }, retrieve: { mode: 'never' } }, { rewriter })).toBe(
      null,
    );
  });

  it('that is unknown is told with the known ones', async () => {
    await expect(rewriterFor({ recall: { rewrite: 'promted' } })).rejects.toMatchObject({
      code: 'BACKEND_UNKNOWN',
      message: 'no rewriter is called "promted"; there are: prompted',
    });
  });
});
