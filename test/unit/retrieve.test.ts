import { describe, expect, it } from 'vitest';
import { createRag, parseTrace, replay, replayRetrieve } from '../../src/index.ts';
import { retrieveEvidence } from '../../src/pipeline.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

const tower = passageOf('tower', 'The tower was built in 1902. It is 31 metres high.');
const mill = passageOf('mill', 'The mill grinds rye. It has two wheels.');
const question = 'When was the tower built?';
const critic = scriptedCritic((request): Record<string, number> => {
  if (request.kind === 'retrieve') return { yes: 0.1, no: 0.9 };
  const relevant = request.kind === 'isRel' && request.passage.text.includes('tower') ? 0.9 : 0.2;
  return { relevant, irrelevant: 1 - relevant };
});
const critics = { retrieve: critic, isRel: critic, isSup: critic, isUse: critic };
const parts = partsOf({ passages: [mill, tower], critics });
const own = {
  critics: { isRel: critic },
  recaller: parts.recaller!,
};
const ragOf = (config = {}) =>
  createRag({ parts: own, config: { rerank: { backend: 'none' }, critics: { retrieve: null }, ...config } });

describe('retrieve', () => {
  it('gives the relevant passages with places and scores, and writes nothing', async () => {
    const found = await retrieveEvidence(question, parts, configOf());
    expect(found.passages).toMatchObject([{ passage: tower, recallRank: 2, isRel: 0.9 }]);
    expect(found.empty).toBeNull();
    expect(found.decisions.map(({ about, outcome }) => [about, outcome])).toEqual([
      ['retrieve', 'retrieve'],
      ['isRel', 'dropped'],
      ['isRel', 'kept'],
    ]);
    expect(found.trace.facts.map(({ role }) => role)).toEqual(['recall', 'critique', 'critique']);
  });

  it('says why there is nothing', async () => {
    const adaptive = configOf({ retrieve: { mode: 'adaptive' } });
    expect((await retrieveEvidence(question, parts, adaptive)).empty).toEqual({
      reason: 'not-needed',
      detail: 'P(yes) is not above the threshold',
    });
    const strict = configOf({ isRel: { threshold: 0.95 } });
    expect((await retrieveEvidence(question, parts, strict)).empty).toMatchObject({ reason: 'no-evidence' });
    const broke = configOf({ retrieve: { mode: 'adaptive', threshold: 0.05 }, budget: { calls: 1 } });
    expect((await retrieveEvidence(question, parts, broke)).empty).toMatchObject({ reason: 'budget' });
  });

  it('is decided again from its trace, and not taken for an answer', async () => {
    const { trace } = await retrieveEvidence(question, parts, configOf());
    const read = parseTrace(JSON.stringify(trace));
    expect((await replayRetrieve(read)).passages).toMatchObject([{ passage: { id: 'tower' } }]);
    const loose = await replayRetrieve(read, { isRel: { threshold: 0.1 } });
    expect(loose.passages.map(({ passage }) => passage.id)).toEqual(['mill', 'tower']);
    await expect(replay(read)).rejects.toMatchObject({
      code: 'TRACE_INVALID',
      message: 'the trace trace is of rag.retrieve, not of rag.ask',
      hint: 'replayRetrieve decides it again',
    });
  });

  it('weighs passages that are brought along, more of them than topK too', async () => {
    const rag = await ragOf({ recall: { topK: 1 }, isRel: { threshold: 0.5 } });
    const passages = ['A boat.', 'Rye bread.', 'The old tower.', 'The old tower.'];
    const found = await rag.retrieve(question, { passages });
    expect(found.passages).toMatchObject([{ recallRank: 3, passage: { docId: 'given-3', text: 'The old tower.' } }]);
    expect((await replayRetrieve(parseTrace(JSON.stringify(found.trace)))).passages).toEqual(found.passages);
    await expect(rag.retrieve(question, { passages: ['  '] })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await rag.close();
  });

  it('recalls without a passage given, and takes options of one call', async () => {
    const rag = await ragOf({ isRel: { threshold: 0.5 } });
    expect((await rag.retrieve(question)).passages).toMatchObject([{ passage: { id: 'tower' } }]);
    expect((await rag.retrieve(question, { config: { isRel: { threshold: 0 } } })).passages).toHaveLength(2);
    await rag.close();
    await expect(rag.retrieve(question)).rejects.toMatchObject({ code: 'BACKEND_CLOSED' });
  });
});
