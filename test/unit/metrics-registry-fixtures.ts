import type { ConfigInput } from '../../src/config.ts';
import type { Reranker } from '../../src/contracts.ts';
import type { GoldQuestion } from '../../src/evaluate/data/dataset.ts';
import { answerQuestion, type Parts } from '../../src/pipeline.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import type { Answer, Passage, TraceEvent } from '../../src/types.ts';
import { configOf, listRecaller, partsOf, passageOf } from './parts.ts';

/** A passage of a record of an indexed file, as `discern ingest` names it. */
const recordOf = (id: string, record: string, text: string): Passage => ({
  ...passageOf(id, text),
  docId: `data/corpus.jsonl#${record}`,
});

export const question = 'When was the tower built?';

/** In the order of recall: documents mill, tower, tower again, keeper. */
export const MILL = recordOf('p1', 'mill', 'The mill grinds rye.');
export const TOWER = recordOf('p2', 'tower', 'The tower was built in 1902.');
export const HEIGHT = recordOf('p3', 'tower', 'It is 31 metres high.');
export const KEEPER = recordOf('p4', 'keeper', 'The keeper says that it was in 1902.');

/** Scores of the reranker and P(relevant). */
const SCORES: Readonly<Record<string, number>> = { p1: 0.1, p2: 0.8, p3: 0, p4: 0.9 };
const RELEVANT: Readonly<Record<string, number>> = { p1: 0.3, p2: 0.4, p3: 0.2, p4: 0.9 };

export const reranker: Reranker = {
  id: 'scores@1',
  score: async (_, candidates) => candidates.map(({ passage }) => SCORES[passage.id]!),
  close: async () => {},
};

/** 1902 is fully supported, nothing else is; retrieval is wanted with 0.9. */
const critic = scriptedCritic((request): Record<string, number> => {
  switch (request.kind) {
    case 'retrieve':
      return { yes: 0.9, no: 0.1 };
    case 'isRel': {
      const relevant = RELEVANT[request.passage.id] ?? 0.5;
      return { relevant, irrelevant: 1 - relevant };
    }
    case 'isSup':
      return request.segment.includes('1902') ? { fully: 0.8, none: 0.2 } : { fully: 0.1, none: 0.9 };
    case 'isUse':
      return { '5': 1 };
  }
});
export const critics = { retrieve: critic, isRel: critic, isSup: critic, isUse: critic };

export const partsOfTower = (given: Partial<Parameters<typeof partsOf>[0]> = {}): Parts =>
  partsOf({
    recaller: listRecaller([MILL, TOWER, HEIGHT, KEEPER]),
    reranker,
    critics,
    withContext: scriptedGenerator(),
    closedBook: scriptedGenerator(() => ['I think 1870.']),
    ...given,
  });

/** Two are kept by the reranker, p4 and p2; IsREL keeps p4 alone, which is read aloud. */
export const askTower = (change: ConfigInput = {}, parts: Parts = partsOfTower()): Promise<Answer> =>
  answerQuestion(question, parts, configOf({ ...change, rerank: { topN: 2, ...change.rerank } }));

/** keeper 2, tower 1, lost 1 (never found), mill 0. */
export const goldOf = (change: Partial<GoldQuestion> = {}): GoldQuestion => ({
  id: 'q1',
  question,
  answers: ['1902', 'in the year 1902'],
  relevant: new Map([
    ['keeper', 2],
    ['tower', 1],
    ['lost', 1],
    ['mill', 0],
  ]),
  group: null,
  lang: 'en',
  ...change,
});

/** An answer with these events and a passage for each id, whose document is `of-` and the id, unless told. */
export function answerWith(
  base: Answer,
  events: readonly TraceEvent[],
  ids: readonly string[],
  documentOf: (id: string) => string = (id) => `of-${id}`,
): Answer {
  const passages = Object.fromEntries(ids.map((id) => [id, { ...passageOf(id, id), docId: documentOf(id) }]));
  return { ...base, trace: { ...base.trace, events, passages } };
}

/** Recall of these ids in order, and the first of another order kept after rerank, all relevant with `value`. */
export const searchEvents = (recalled: readonly string[], kept: readonly string[], level = 0): TraceEvent[] => [
  {
    ...{ type: 'recall-end', level, query: question },
    candidates: recalled.map((passageId, i) => ({ passageId, score: 1 - i / 1000 })),
  },
  {
    ...{ type: 'rerank-end', level },
    kept: kept.map((passageId, i) => ({ passageId, recallRank: recalled.indexOf(passageId) + 1, score: 1 - i / 1000 })),
  },
];
