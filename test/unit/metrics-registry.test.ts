import { describe, expect, it } from 'vitest';
import { gradeOf, isRelevant, judgedId } from '../../src/evaluate/metrics/gold.ts';
import { answerMetric, answerMetricNames } from '../../src/evaluate/metrics/registry.ts';
import { replay } from '../../src/replay.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import type { Answer } from '../../src/types.ts';
import { askTower, goldOf, MILL, partsOfTower, TOWER } from './metrics-registry-fixtures.ts';
import { listRecaller, passageOf } from './parts.ts';

const value = (name: string, answer: Answer, gold = goldOf()) => answerMetric(name).of(answer, gold);
const values = (answer: Answer, names: readonly string[], gold = goldOf()) =>
  Object.fromEntries(names.map((name) => [name, value(name, answer, gold)]));

/** recall: mill, tower, keeper; rerank keeps keeper, tower; graded keeper 2, tower 1, lost 1. */
const answer = await askTower();
const IDEAL = 2 + 1 / Math.log2(3) + 1 / Math.log2(4);
const RECALL_DCG = 1 / Math.log2(3) + 2 / Math.log2(4);
const RERANK_DCG = 2 + 1 / Math.log2(3);

describe('recall and rerank of one question', () => {
  it.each([
    ['recall.mrr', 1 / 2],
    ['recall.mrr@1', 0],
    ['recall.hit@1', 0],
    ['recall.hit@2', 1],
    ['recall.recall@2', 1 / 3],
    ['recall.recall@10', 2 / 3],
    ['recall.precision@10', 2 / 10],
    ['recall.map', (1 / 2 + 2 / 3) / 3],
    ['recall.ndcg', RECALL_DCG / IDEAL],
    ['recall.ndcg@2', 1 / Math.log2(3) / (2 + 1 / Math.log2(3))],
    ['recall.ndcgExp@1', 0],
    ['rerank.mrr', 1],
    ['rerank.recall@10', 2 / 3],
    ['rerank.recall@1', 1 / 3],
    ['rerank.ndcg@10', RERANK_DCG / IDEAL],
    ['rerank.ndcg@2', 1],
    ['lift.mrr', 1 - 1 / 2],
    ['lift.recall@1', 1 / 3],
    ['lift.recall@10', 0],
    ['lift.ndcg@10', (RERANK_DCG - RECALL_DCG) / IDEAL],
    // Scores .9 .89 .88 .87 of mill 0, tower 1, tower, keeper 2: three pairs, none right. keeper .9 tower .8: one, right.
    ['recall.pairwise', 0],
    ['rerank.pairwise', 1],
  ])('%s is %f', (name, expected) => {
    expect(value(name, answer)).toBeCloseTo(expected, 12);
  });

  it('lift ranks what is behind topN in the order of recall', async () => {
    // keeper first, then mill, tower: found at 1 and 3 instead of 2 and 3.
    const one = await askTower({ rerank: { topN: 1 } });
    expect(value('rerank.map', one)).toBeCloseTo(1 / 3, 12);
    expect(value('lift.map', one)).toBeCloseTo((1 + 2 / 3) / 3 - (1 / 2 + 2 / 3) / 3, 12);
  });

  it('is 0 where nothing was searched, null where nobody judged', async () => {
    const names = ['recall.ndcg@10', 'rerank.mrr', 'lift.map', 'kept.recall', 'kept.hit'];
    const never = await askTower({ retrieve: { mode: 'never' } });
    for (const name of names) {
      expect(value(name, never), name).toBe(0);
      expect(value(name, never, goldOf({ relevant: null })), name).toBeNull();
      expect(value(name, answer, goldOf({ relevant: new Map() })), name).toBeNull();
      // In the qrels, and nothing to find: 0 as trec_eval has it.
      expect(value(name, answer, goldOf({ relevant: new Map([['mill', 0]]) })), name).toBe(0);
    }
    expect(values(never, ['kept.precision', 'isRel.accuracy', 'recall.pairwise'])).toEqual({
      ...{ 'kept.precision': null, 'isRel.accuracy': null, 'recall.pairwise': null },
    });
  });

  it('without a reranker the order stays: lift 0, no scores to order pairs', async () => {
    const plain = await askTower({}, partsOfTower({ reranker: undefined }));
    expect(values(plain, ['lift.ndcg@10', 'lift.mrr', 'rerank.pairwise'])).toEqual({
      ...{ 'lift.ndcg@10': 0, 'lift.mrr': 0, 'rerank.pairwise': null },
    });
  });

  it('a search that came only after a segment is none of these', async () => {
    const wants = scriptedCritic((request): Record<string, number> => {
      if (request.kind !== 'retrieve') return { relevant: 0.9, irrelevant: 0.1 };
      return request.answerSoFar === '' ? { no: 1 } : { yes: 1 };
    });
    const closedBook = scriptedGenerator(() => [{ text: 'I think so.', end: false }]);
    const withContext = scriptedGenerator(() => ['In 1902.']);
    const parts = partsOfTower({ closedBook, withContext, critics: { retrieve: wants, isRel: wants } });
    const late = await askTower({ retrieve: { mode: 'adaptive' } }, parts);
    expect(late.usedContext).toBe(true);
    expect(values(late, ['recall.hit@10', 'rerank.mrr', 'kept.hit', 'isRel.accuracy', 'retrieve.rate'])).toEqual({
      ...{ 'recall.hit@10': 0, 'rerank.mrr': 0, 'kept.hit': 0, 'isRel.accuracy': null, 'retrieve.rate': 1 },
    });
  });

  it('goes by the first search only', async () => {
    // The first answer is not supported, so the second step searches again and finds the tower.
    const invents = scriptedGenerator(({ answerSoFar }) => [
      answerSoFar.length === 0 ? { text: 'It is very old.', end: false } : 'It was built in 1902.',
    ]);
    let searches = 0;
    const recaller = {
      id: 'turns@1',
      recall: (queries: readonly string[], options: { topK: number }) =>
        listRecaller([searches++ === 0 ? MILL : TOWER]).recall(queries, options),
    };
    const twice = await askTower({ isRel: { threshold: 0.1 } }, partsOfTower({ recaller, withContext: invents }));
    expect(twice.trace.events.filter(({ type }) => type === 'recall-end')).toHaveLength(2);
    expect(values(twice, ['recall.hit@10', 'kept.hit', 'contains', 'citation.recall'])).toEqual({
      ...{ 'recall.hit@10': 0, 'kept.hit': 0, contains: 1, 'citation.recall': 1 / 3 },
    });
  });
});

describe('critics and gate', () => {
  it('of p4 (keeper, P 0.9, kept) and p2 (tower, P 0.4, dropped), both relevant', () => {
    const found = values(answer, ['kept.precision', 'kept.recall', 'kept.hit', 'isRel.accuracy', 'retrieve.rate']);
    expect(found).toEqual({
      ...{ 'kept.precision': 1, 'kept.recall': 1 / 3, 'kept.hit': 1, 'isRel.accuracy': 0.5, 'retrieve.rate': 1 },
    });
    expect(value('isRel.brier', answer)).toBeCloseTo((0.1 ** 2 + 0.6 ** 2) / 2, 12);
  });

  it('of all four at threshold 0.25: mill, tower and keeper are kept; one wrong, and the dropped one is relevant', async () => {
    const four = await askTower({ isRel: { threshold: 0.25 }, rerank: { topN: 4 } });
    expect(value('kept.precision', four)).toBeCloseTo(2 / 3, 12);
    expect(value('kept.recall', four)).toBeCloseTo(2 / 3, 12);
    expect(value('isRel.accuracy', four)).toBe(0.5);
    expect(value('isRel.brier', four)).toBeCloseTo((0.3 ** 2 + 0.6 ** 2 + 0.8 ** 2 + 0.1 ** 2) / 4, 12);
  });

  it('nothing kept: precision is undefined, recall 0; what no critic judged is not counted', async () => {
    const none = await askTower({ isRel: { threshold: 0.95 } });
    expect(values(none, ['kept.precision', 'kept.recall', 'kept.hit', 'isRel.accuracy', 'declined'])).toEqual({
      ...{ 'kept.precision': null, 'kept.recall': 0, 'kept.hit': 0, 'isRel.accuracy': 0, declined: 1 },
    });
    const unjudged = await askTower({}, partsOfTower({ critics: {} }));
    expect(values(unjudged, ['isRel.accuracy', 'isRel.brier', 'kept.precision', 'supported'])).toEqual({
      ...{ 'isRel.accuracy': null, 'isRel.brier': null, 'kept.precision': 1, supported: null },
    });
  });

  it('judged and nothing relevant: all that is kept is wrong', () => {
    const gold = goldOf({ relevant: new Map() });
    expect(values(answer, ['kept.precision', 'isRel.accuracy', 'citation.precision'], gold)).toEqual({
      ...{ 'kept.precision': 0, 'isRel.accuracy': 0.5, 'citation.precision': 0 },
    });
  });

  it('retrieve.rate: 0 where it is declined', async () => {
    const adaptive = (threshold: number) => askTower({ retrieve: { mode: 'adaptive', threshold } });
    expect(value('retrieve.rate', await adaptive(0.5))).toBe(1);
    expect(value('retrieve.rate', await adaptive(0.95))).toBe(0);
  });

  it.each([
    ['keeps what is relevant', 0.5, goldOf(), 1, 1],
    ['drops what is relevant', 0.95, goldOf(), 0, 0],
    ['drops what is irrelevant', 0.95, goldOf({ relevant: new Map([['lost', 1]]) }), 0, 1],
    ['keeps what is irrelevant', 0.5, goldOf({ relevant: new Map([['lost', 1]]) }), 1, 0],
    ['keeps what nobody judged', 0.5, goldOf({ relevant: null }), 1, null],
  ])('the gate %s', async (_, threshold, gold, keep, right) => {
    const gated = await askTower({ gate: { when: 'always', measure: 'isRel', threshold } });
    expect(values(gated, ['gate.keep', 'gate.right'], gold)).toEqual({ 'gate.keep': keep, 'gate.right': right });
  });

  it('a gate that was not asked is null', () => {
    expect(values(answer, ['gate.keep', 'gate.right'])).toEqual({ 'gate.keep': null, 'gate.right': null });
  });
});

describe('answers', () => {
  it('of "The keeper says that it was in 1902." against "1902" and "in the year 1902"', () => {
    // SQuAD: keeper says that it was in 1902 (7) against in year 1902 (3): 2 common; rouge_score: 8 and 4 tokens, in .. 1902.
    expect(values(answer, ['em', 'contains', 'declined', 'decline.right', 'supported'])).toEqual({
      ...{ em: 0, contains: 1, declined: 0, 'decline.right': 1, supported: 1 },
    });
    expect(value('f1', answer)).toBeCloseTo((2 * 2) / (7 + 3), 12);
    expect(value('rouge-l', answer)).toBeCloseTo((2 * (2 / 8) * (2 / 4)) / (2 / 8 + 2 / 4), 12);
    expect(value('citation.precision', answer)).toBe(1);
    expect(value('citation.recall', answer)).toBeCloseTo(1 / 3, 12);
  });

  it('declining is the empty text: wrong with a gold answer, right without one, undefined where nobody said', async () => {
    const declined = await askTower({ isRel: { threshold: 0.95 } });
    const names = ['f1', 'em', 'contains', 'rouge-l', 'declined', 'decline.right'];
    expect(values(declined, names)).toEqual({
      ...{ f1: 0, em: 0, contains: 0, 'rouge-l': 0, declined: 1, 'decline.right': 0 },
    });
    expect(values(declined, names, goldOf({ answers: [] }))).toEqual({
      ...{ f1: 1, em: 1, contains: null, 'rouge-l': null, declined: 1, 'decline.right': 1 },
    });
    expect(values(answer, names, goldOf({ answers: [] }))).toEqual({
      ...{ f1: 0, em: 0, contains: null, 'rouge-l': null, declined: 0, 'decline.right': 0 },
    });
    expect(values(answer, names, goldOf({ answers: null }))).toEqual({
      ...{ f1: null, em: null, contains: null, 'rouge-l': null, declined: 0, 'decline.right': null },
    });
    expect(value('decline.right', declined, goldOf({ answers: ['1902'] }))).toBe(0);
    expect(value('decline.right', answer, goldOf({ answers: ['1902'] }))).toBe(1);
    expect(values(declined, ['citation.precision', 'citation.recall', 'supported'])).toEqual({
      ...{ 'citation.precision': null, 'citation.recall': 0, supported: null },
    });
  });

  it('cites documents, each relevant one once', async () => {
    // Both sentences of a tower passage and the mill's: three citations, two of the tower.
    const tower = { ...passageOf('p2', 'The tower was built in 1902. It is high.'), docId: 'data/corpus.jsonl#tower' };
    const two = await askTower({ isRel: { threshold: 0.1 } }, partsOfTower({ recaller: listRecaller([tower]) }));
    expect(two.citations).toHaveLength(2);
    expect(value('citation.precision', two)).toBe(1);
    expect(value('citation.recall', two)).toBeCloseTo(1 / 3, 12);
    expect(value('supported', two)).toBe(0.5);
    expect(value('citation.precision', two, goldOf({ relevant: new Map([['mill', 1]]) }))).toBe(0);
  });

  it('an answer without a passage is not supported, where a critic would say so', async () => {
    const alone = await askTower({ retrieve: { mode: 'never' } });
    expect(alone.segments.map(({ text }) => text)).toEqual(['I think 1870.']);
    expect(value('supported', alone)).toBe(0);
  });

  it('Chinese is compared by characters, whatever the region; other scripts have their own tokens in ROUGE', async () => {
    const says = (text: string) => askTower({}, partsOfTower({ withContext: scriptedGenerator(() => [text]) }));
    const zh = await says('塔建于1902年。');
    const gold = { answers: ['建于1902年'] };
    for (const lang of ['zh', 'zh-Hant', 'ZH-cn']) {
      // 塔 建 于 1902 年 against 建 于 1902 年.
      expect(value('f1', zh, goldOf({ ...gold, lang })), lang).toBeCloseTo(8 / 9, 12);
      expect(value('contains', zh, goldOf({ ...gold, lang })), lang).toBe(1);
    }
    expect(value('em', zh, goldOf({ answers: ['塔建于1902年'], lang: 'zh' }))).toBe(1);
    expect(value('f1', zh, goldOf({ ...gold, lang: null }))).toBe(0);
    expect(value('contains', zh, goldOf({ answers: ['年建'], lang: 'zh' }))).toBe(0);
    const greek = await says('Χτίστηκε το 1902');
    expect(value('rouge-l', greek, goldOf({ answers: ['Χτίστηκε'], lang: 'el' }))).toBeCloseTo(0.5, 12);
    expect(value('rouge-l', greek, goldOf({ answers: ['Χτίστηκε'], lang: null }))).toBeCloseTo(0.5, 12);
    expect(value('rouge-l', greek, goldOf({ answers: ['Χτίστηκε'], lang: 'en' }))).toBe(0);
  });

  it('what it cost', () => {
    expect(values(answer, ['calls', 'requests', 'tokens', 'ms'])).toEqual({ ...answer.cost });
    expect(answer.cost.calls).toBeGreaterThan(3);
  });

  it('a replay has the same figures', async () => {
    const names = answerMetricNames().map((name) => name.replace('[@k]', '@3').replace('@k', '@3'));
    const again = await replay(JSON.parse(JSON.stringify(answer.trace)));
    expect(values(again, names)).toEqual(values(answer, names));
  });
});

describe('documents and judgements', () => {
  const grades = new Map([
    ['12', 2],
    ['a#12', 1],
    ['b', 0],
  ]);

  it.each([
    ['12', 2],
    ['folder/corpus.jsonl#12', 2],
    ['a#12', 1],
    ['corpus.jsonl#a#12', 1],
    ['corpus#1.jsonl#12', 2],
    ['corpus.jsonl#b', 0],
    ['corpus.jsonl#13', 0],
    ['corpus.jsonl#', 0],
    ['12#', 0],
    ['corpus.jsonl', 0],
  ])('%s has grade %i', (docId, grade) => {
    expect(gradeOf(grades, docId)).toBe(grade);
    expect(isRelevant(grades, docId)).toBe(grade > 0);
  });

  it('is named as the judgements name it, or else as it is', () => {
    expect(judgedId(grades, 'x.jsonl#b')).toBe('b');
    expect(judgedId(grades, 'x.jsonl#13')).toBe('x.jsonl#13');
  });

  it('the same record of two indexed files counts once', async () => {
    const copies = ['one', 'two'].map((file) => ({ ...passageOf(file, 'In 1902.'), docId: `${file}.jsonl#tower` }));
    const both = await askTower({}, partsOfTower({ recaller: listRecaller(copies), reranker: undefined, critics: {} }));
    const gold = goldOf({ relevant: new Map([['tower', 1]]) });
    expect(values(both, ['recall.recall@2', 'recall.precision@2', 'kept.recall', 'citation.recall'], gold)).toEqual({
      ...{ 'recall.recall@2': 1, 'recall.precision@2': 0.5, 'kept.recall': 1, 'citation.recall': 1 },
    });
  });

  it('a trace that does not hold its passages is refused', () => {
    const broken = { ...answer, trace: { ...answer.trace, passages: {} } };
    expect(() => value('recall.mrr', broken)).toThrow(expect.objectContaining({ code: 'TRACE_INVALID' }));
  });
});

describe('names', () => {
  it('all that are listed are known, have a sentence and a direction', () => {
    expect(new Set(answerMetricNames()).size).toBe(answerMetricNames().length);
    for (const pattern of answerMetricNames()) {
      const names = pattern.includes('[@k]')
        ? [pattern.replace('[@k]', ''), pattern.replace('[@k]', '@7')]
        : [pattern.replace('@k', '@7')];
      for (const name of names) {
        const metric = answerMetric(name);
        expect(metric.name).toBe(name);
        expect(metric.description.length, name).toBeGreaterThan(10);
        expect(['higher', 'lower'], name).toContain(metric.better);
      }
    }
  });

  it('stand at their stage', () => {
    const stages = ['recall.mrr', 'lift.mrr', 'isRel.brier', 'gate.keep', 'supported', 'f1', 'ms'];
    expect(stages.map((name) => answerMetric(name).stage)).toEqual([
      ...['recall', 'rerank', 'critics', 'gate', 'generation', 'end to end', 'cost'],
    ]);
  });

  it.each(['F1', 'recall', 'recall.', 'recall.recall', 'recall.nope@3', 'lift.pairwise', 'x.mrr', 'toString', ''])(
    '"%s" is unknown, and the message lists what is known',
    (name) => {
      expect(() => answerMetric(name)).toThrow(
        expect.objectContaining({
          code: 'INPUT_INVALID',
          message: expect.stringMatching(/^metric ".*" is not known; known: recall\.precision@k, .*f1, .*ms$/),
        }),
      );
    },
  );
});
