import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ANSWERED_CELLS,
  type AnsweredPoint,
  type AnsweredQuestion,
  type AnsweredTable,
  answeredTable,
} from '../../src/evaluate/answered.ts';
import type { GoldQuestion } from '../../src/evaluate/data/dataset.ts';
import { searchesOf } from '../../src/evaluate/metrics/observed.ts';
import { answeredChapter } from '../../src/evaluate/report/answered-chapter.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { wilson } from '../../src/text/math.ts';
import type { Answer, TraceEvent } from '../../src/types.ts';
import { answerWith, askTower, goldOf, MILL, partsOfTower, searchEvents, TOWER } from './metrics-registry-fixtures.ts';
import { listRecaller } from './parts.ts';

const relevantIs = (id: string) => new Map([[id, 1]]);

/** Recall: mill, tower, keeper. Rerank keeps keeper and tower, IsREL keeper alone; it is read aloud: "… in 1902." */
const read = await askTower();
const dropped = await askTower({ gate: { when: 'always', measure: 'isRel', threshold: 0.95 } });
const declined = await askTower({ isRel: { threshold: 0.95 } });
const alone = await askTower({ retrieve: { mode: 'never' } });

const asked = (id: string, answer: Answer, gold: Partial<GoldQuestion>): AnsweredQuestion => ({
  answer,
  gold: goldOf({ id, answers: ['1902'], ...gold }),
});
const QUESTIONS: readonly AnsweredQuestion[] = [
  asked('given', read, { relevant: relevantIs('keeper') }),
  asked('lost-by-critic', read, { relevant: relevantIs('tower') }),
  asked('lost-by-rerank', read, { relevant: relevantIs('mill'), answers: ['rye'] }),
  asked('lost-by-recall', read, { relevant: relevantIs('lost') }),
  asked('lost-by-gate', dropped, { relevant: relevantIs('keeper') }),
  asked('declined', declined, { relevant: relevantIs('keeper') }),
  asked('not-searched', alone, { relevant: relevantIs('keeper'), answers: ['1870'] }),
  asked('unjudged', read, { relevant: null }),
  asked('nothing-relevant', read, { relevant: new Map([['mill', 0]]) }),
  asked('no-answer', read, { relevant: relevantIs('keeper'), answers: [] }),
];
const table = answeredTable('base', QUESTIONS);

const cellsOf = (point: AnsweredPoint) => ANSWERED_CELLS.map((cell) => point[cell]);

describe('retrieved is not answered', () => {
  it('has the tables counted by hand: retrieved and right, retrieved and wrong, missed and right, missed and wrong', () => {
    expect(table.points.map((point) => [point.point, ...cellsOf(point), point.n, point.undefined])).toEqual([
      ['recall', 2, 3, 2, 0, 7, 3],
      ['rerank', 2, 2, 2, 1, 7, 3],
      ['evidence', 1, 0, 3, 3, 7, 3],
    ]);
    expect([table.system, table.metric, table.threshold]).toEqual(['base', 'contains', 1]);
  });

  it('names the questions of each cell', () => {
    expect(table.points.map(({ examples }) => examples)).toEqual([
      {
        retrievedRight: ['given', 'lost-by-critic'],
        retrievedWrong: ['lost-by-rerank', 'lost-by-gate', 'declined'],
        missedRight: ['lost-by-recall', 'not-searched'],
        missedWrong: [],
      },
      {
        retrievedRight: ['given', 'lost-by-critic'],
        retrievedWrong: ['lost-by-gate', 'declined'],
        missedRight: ['lost-by-recall', 'not-searched'],
        missedWrong: ['lost-by-rerank'],
      },
      {
        retrievedRight: ['given'],
        retrievedWrong: [],
        missedRight: ['lost-by-critic', 'lost-by-recall', 'not-searched'],
        missedWrong: ['lost-by-rerank', 'lost-by-gate', 'declined'],
      },
    ]);
    expect(Object.keys(table.questions)).toHaveLength(7);
    expect(table.questions.declined).toEqual({
      ...{ question: 'When was the tower built?', answers: ['1902'], said: '' },
    });
    expect(table.questions['lost-by-gate']!.said).toBe('I think 1870.');
    const two = answeredTable('base', QUESTIONS, { examples: 1 });
    expect(two.points[2]!.examples.missedRight).toEqual(['lost-by-critic']);
    expect(Object.keys(two.questions).sort()).toEqual([
      ...['given', 'lost-by-critic', 'lost-by-gate', 'lost-by-recall', 'lost-by-rerank'],
    ]);
  });

  it('has shares with their intervals, and how many of the wrong ones declined', () => {
    const [recall, , evidence] = table.points;
    expect(recall!.shares.retrievedWrong).toEqual({ count: 3, n: 7, share: 3 / 7, ci95: wilson(3, 7) });
    expect(recall!.right.retrieved).toEqual({ count: 2, n: 5, share: 2 / 5, ci95: wilson(2, 5) });
    expect(recall!.right.missed).toEqual({ count: 2, n: 2, share: 1, ci95: wilson(2, 2) });
    expect(table.points.map((point) => point.declined)).toEqual([
      { retrieved: 1, missed: 0 },
      { retrieved: 1, missed: 0 },
      { retrieved: 0, missed: 1 },
    ]);
    expect(evidence!.right.missed).toEqual({ count: 3, n: 6, share: 0.5, ci95: wilson(3, 6) });
  });

  it('says which stage lost the relevant documents', () => {
    expect(table.flow).toEqual({
      relevant: 7,
      stages: [
        { stage: 'retrieve', left: 6, lost: 1 },
        { stage: 'recall', left: 5, lost: 1 },
        { stage: 'rerank', left: 4, lost: 1 },
        { stage: 'critics', left: 2, lost: 2 },
        { stage: 'gate', left: 1, lost: 1 },
      ],
    });
    const many = answeredTable('many', [asked('all', read, { relevant: goldOf().relevant })]);
    expect(many.flow.relevant).toBe(3);
    expect(many.flow.stages.map(({ lost }) => lost)).toEqual([0, 1, 0, 1, 0]);
  });

  it('counts what any search found, though the first did not', async () => {
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
    const { points } = answeredTable('twice', [asked('q', twice, { relevant: relevantIs('tower') })]);
    expect(points.map(cellsOf)).toEqual([
      [1, 0, 0, 0],
      [1, 0, 0, 0],
      [1, 0, 0, 0],
    ]);
  });

  it('right is what the caller says: f1 of "The keeper says that it was in 1902." is 1/4', () => {
    const of = (threshold: number) =>
      answeredTable('f1', QUESTIONS.slice(0, 1), { right: { metric: 'f1', threshold } }).points[0]!.retrievedRight;
    expect([of(0.25), of(0.26)]).toEqual([1, 0]);
  });

  it.each(['calls', 'isRel.brier', 'nope'])('"%s" does not say what is right', (metric) => {
    expect(() => answeredTable('x', QUESTIONS, { right: { metric, threshold: 1 } })).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining(`"${metric}"`) }),
    );
  });

  it('nothing to count: no shares', () => {
    const none = answeredTable('none', QUESTIONS.slice(7));
    expect(none.points.map(({ n, undefined: left }) => [n, left])).toEqual([
      [0, 3],
      [0, 3],
      [0, 3],
    ]);
    expect(none.points[0]!.shares.retrievedRight).toEqual({ count: 0, n: 0, share: null, ci95: null });
    expect(none.questions).toEqual({});
  });

  it('is JSON', () => {
    expect(JSON.parse(JSON.stringify(table))).toEqual(table);
  });
});

describe('searches of a question', () => {
  const judgedEvents = (level: number, kept: readonly string[], out: readonly string[] = []): TraceEvent => ({
    type: 'relevance-decided',
    level,
    passages: [
      ...kept.map((passageId) => ({ passageId, value: 0.9, kept: true })),
      ...out.map((passageId) => ({ passageId, value: 0.1, kept: false })),
    ],
    threshold: 0.5,
  });
  const gateEvent = dropped.trace.events.find((event) => event.type === 'gate-decided')!;
  const gated = (level: number, action: 'keep' | 'drop', utilities: readonly [string, number][] = []): TraceEvent => ({
    ...(gateEvent as Extract<TraceEvent, { type: 'gate-decided' }>),
    ...{ level, action, utilities: utilities.map(([passageId, value]) => ({ passageId, value })) },
  });
  const ids = ['a', 'b', 'c', 'd'];

  it('a gate belongs to the search whose passages it was asked of: one without any has none', () => {
    // As the pipeline tells of two hypotheses at one level: recall and rerank of each, then IsREL of each, then gates.
    const events = [
      ...searchEvents(['a', 'b'], ['a'], 1),
      ...searchEvents(['b', 'c'], ['c', 'b'], 1),
      ...searchEvents(['d'], ['d'], 1),
      ...[judgedEvents(1, [], ['a']), judgedEvents(1, ['c', 'b']), judgedEvents(1, ['d'])],
      ...[gated(1, 'drop'), gated(1, 'keep')],
    ];
    expect(searchesOf(answerWith(read, events, ids))).toEqual([
      { recalled: ['a', 'b'], reranked: ['a'], relevant: [], evidence: [] },
      { recalled: ['b', 'c'], reranked: ['c', 'b'], relevant: ['c', 'b'], evidence: [] },
      { recalled: ['d'], reranked: ['d'], relevant: ['d'], evidence: ['d'] },
    ]);
  });

  it('by utility the gate leaves out what hurts', () => {
    const events = [
      ...searchEvents(['a', 'b', 'c'], ['a', 'b', 'c']),
      judgedEvents(0, ['a', 'b', 'c']),
      gated(0, 'keep', [
        ['a', -0.2],
        ['b', 0.1],
        ['c', 0.3],
      ]),
    ];
    const answer = answerWith(read, events, ids);
    expect(searchesOf(answer)[0]!.evidence).toEqual(['a', 'b', 'c']);
    const { config } = answer.trace;
    const byUtility = { ...config, rerank: { ...config.rerank, by: 'utility' as const } };
    const [search] = searchesOf({ ...answer, trace: { ...answer.trace, config: byUtility } });
    expect(search!.evidence).toEqual(['c', 'b']);
  });

  it('the cells are all questions, nothing is found again later, and what is lost and left is all there was', () => {
    const Search = fc
      .tuple(fc.shuffledSubarray(ids), fc.nat(4), fc.nat(4), fc.constantFrom('keep', 'drop', null))
      .map(([recalled, topN, kept, action]) => {
        const reranked = recalled.slice(0, topN);
        const gate = action === null || Math.min(kept, reranked.length) === 0 ? [] : [gated(0, action)];
        const judged = judgedEvents(0, reranked.slice(0, kept), reranked.slice(kept));
        return answerWith(read, [...searchEvents(recalled, reranked), judged, ...gate], ids, (id) => id);
      });
    const Question = fc
      .tuple(Search, fc.subarray(ids, { minLength: 1 }), fc.constantFrom('1902', 'nothing of that'))
      .map(([answer, relevant, gold]) =>
        asked('q', answer, { relevant: new Map(relevant.map((id) => [id, 1])), answers: [gold] }),
      );
    fc.assert(
      fc.property(fc.array(Question, { maxLength: 6 }), (questions) => {
        const { points, flow } = answeredTable('any', questions);
        const found = points.map(({ retrievedRight, retrievedWrong }) => retrievedRight + retrievedWrong);
        expect(found).toEqual([...found].sort((a, b) => b - a));
        for (const point of points)
          expect(cellsOf(point).reduce((sum, count) => sum + count, 0)).toBe(questions.length);
        const right = points.map((point) => point.retrievedRight + point.missedRight);
        expect(new Set(right).size).toBe(1);
        expect(flow.stages.every(({ lost }) => lost >= 0)).toBe(true);
        const lost = flow.stages.reduce((sum, stage) => sum + stage.lost, 0);
        expect(lost + flow.stages.at(-1)!.left).toBe(flow.relevant);
      }),
    );
  });
});

describe('the chapter', () => {
  const plain = (html: string) =>
    html
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ')
      .replaceAll('> ', '>');
  const { id, title, body } = answeredChapter([table, { ...table, system: 'other' }]);

  it('has a table for each point of each system, the flow, and the examples', () => {
    expect([id, title]).toEqual(['answered', 'Retrieved is not answered']);
    expect(body.html.match(/<table>/g)).toHaveLength(2 * (3 + 1));
    expect(body.html.match(/<h3>/g)).toHaveLength(2);
    const text = plain(body.html);
    expect(text).toContain('7 questions; 3 left out, where no document is judged relevant or contains is undefined.');
    expect(text).toContain(
      'found 2, 28.6% 3, 42.9% 1 5 40.0% [11.8%, 76.9%] not found 2, 28.6% 0, 0.0% 0 2 100.0% [34.2%, 100.0%]',
    );
    expect(text).toContain('IsREL: dropped 2 2');
    expect(text).toContain('Examples, after critics and gate Found, answered rightly: 1 of 1 question ');
    expect(text).toContain('Not found, not answered rightly: 3 of 3 questions');
    expect(text).toMatch(/declined When was the tower built\? said: nothing right: 1902/);
  });

  it('shows texts as texts', () => {
    const evil = '<script>alert("x")</script>';
    const { answer } = QUESTIONS[0]!;
    const gold = goldOf({ id: evil, question: evil, answers: [evil], relevant: relevantIs('keeper') });
    const page = answeredChapter([answeredTable(evil, [{ answer, gold }])]).body.html;
    expect(page).not.toContain('<script');
    expect(page.match(/&#60;script&#62;/g)!.length).toBeGreaterThanOrEqual(4);
  });

  it('every number in it is in the JSON, up to rounding', () => {
    const numbers: number[] = [];
    const collect = (given: unknown): void => {
      if (typeof given === 'number') numbers.push(given);
      else if (typeof given === 'object' && given !== null) {
        if (Array.isArray(given)) numbers.push(given.length);
        Object.values(given).forEach(collect);
      }
    };
    const one: AnsweredTable = JSON.parse(JSON.stringify({ ...table, questions: {} }));
    collect(one);
    const known = new Set(numbers.flatMap((value) => [`${value}`, `${(100 * value).toFixed(1)}%`]));
    const cells = [...answeredChapter([table]).body.html.matchAll(/<td[^>]*>([^<]*)<\/td>/g)].map(([, cell]) => cell!);
    const shown = cells.flatMap((cell) => cell.match(/\d[\d.]*%?/g) ?? []);
    expect(shown).toHaveLength(3 * 2 * 9 + 5 * 2);
    expect(shown.filter((text) => !known.has(text))).toEqual([]);
  });

  it('without a table there is nothing to see but what it is about', () => {
    expect(answeredChapter([]).body.html).not.toContain('<table>');
  });
});
