import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DiscernError } from '../../src/errors.ts';
import { beirDataset, readDocuments } from '../../src/evaluate/data/beir.ts';
import { type Dataset, type GoldQuestion, groupOf } from '../../src/evaluate/data/dataset.ts';
import { mergeDatasets } from '../../src/evaluate/data/merge.ts';
import { readClusterSets, readLabelled, readSts } from '../../src/evaluate/data/mteb.ts';
import { questionsDataset } from '../../src/evaluate/data/questions.ts';
import { rowsDataset } from '../../src/evaluate/data/rows.ts';
import { drawn, searchedIn } from '../../src/evaluate/data/select.ts';
import { squadDataset } from '../../src/evaluate/data/squad.ts';
import { measureRun, readRun } from '../../src/evaluate/data/trec.ts';
import { readQrels } from '../../src/evaluate/retrieval-data.ts';

const json = (...rows: readonly object[]): string[] => rows.map((row) => JSON.stringify(row));
const grades = (entries: Readonly<Record<string, number>>) => new Map(Object.entries(entries));
const asked = (question: Partial<GoldQuestion>): GoldQuestion => ({
  ...{ id: 'q', question: 'where?', answers: null, relevant: null, group: null, lang: null },
  ...question,
});

describe('own questions', () => {
  it('takes what is known, and says null for what is not', async () => {
    const { questions, documents } = await questionsDataset(
      [
        ...json(
          { id: 7, question: 'Who keeps the goats?', answers: ['Ann', 'Ann', 'A. Lee'], relevant: ['d1'], lang: 'en' },
          { question: 'When?', answer: '1901', relevant: { d1: 2, d2: 0, d3: 1 }, group: 'book' },
        ),
        '',
        ...json(
          { question: 'How many?', answers: [], relevant: [] },
          { question: 'Why?', document: 'd4', documents: ['d1', 'd2'] },
        ),
      ],
      'q.jsonl',
    );
    expect(documents).toBeNull();
    expect(questions).toEqual([
      asked({
        ...{ id: '7', question: 'Who keeps the goats?', answers: ['Ann', 'A. Lee'], lang: 'en' },
        ...{ relevant: grades({ d1: 1 }), group: 'd1' },
      }),
      asked({
        ...{ id: 'line-2', question: 'When?', answers: ['1901'], group: 'book' },
        relevant: grades({ d1: 2, d2: 0, d3: 1 }),
      }),
      asked({ id: 'line-4', question: 'How many?', answers: [] }),
      asked({ id: 'line-5', question: 'Why?', group: 'd4', relevant: grades({ d1: 1, d2: 1 }) }),
    ]);
    expect(questions.map(groupOf)).toEqual(['d1', 'book', 'line-4', 'd4']);
  });
});

describe('rows of question, passage and answers', () => {
  it('makes documents of the distinct passages, and groups by title, else by document', async () => {
    const { questions, documents } = await rowsDataset(
      json(
        { id: 'a', question: 'q1', passage: 'Goats eat hay.', answers: ['hay'], title: 'Farm_animals', lang: 'en' },
        { id: 'b', question: 'q2', passage: 'Bees fly.', answers: [] },
        {
          id: 'c',
          question: 'q3',
          context: 'Goats eat hay.',
          answers: { text: ['hay', 'hay'], answer_start: [10, 10] },
        },
        { id: 'd', question: 'q4', passage: 'Bees fly.', title: 'On bees_and wasps' },
        { id: 'e', question: 'q5', passage: null, answer: 'x', source: 's' },
        { id: 'f', question: null, passage: 'A claim.' },
      ),
      'r.jsonl',
    );
    expect(documents).toEqual([
      { id: '1', title: 'Farm animals', text: 'Goats eat hay.' },
      { id: '2', title: 'On bees_and wasps', text: 'Bees fly.' },
      { id: '3', title: null, text: 'A claim.' },
    ]);
    expect(questions).toEqual([
      asked({
        ...{ id: 'a', question: 'q1', answers: ['hay'], lang: 'en' },
        ...{ relevant: grades({ 1: 1 }), group: 'Farm animals' },
      }),
      // Nothing answers it: the passage is no evidence that should be found.
      asked({ id: 'b', question: 'q2', answers: [], group: '2' }),
      asked({ id: 'c', question: 'q3', answers: ['hay'], relevant: grades({ 1: 1 }), group: '1' }),
      asked({ id: 'd', question: 'q4', relevant: grades({ 2: 1 }), group: 'On bees_and wasps' }),
      asked({ id: 'e', question: 'q5', answers: ['x'] }),
    ]);
  });

  it('has no documents where no row has a passage', async () => {
    expect((await rowsDataset(json({ question: 'q', answer: 'a' }), 'r')).documents).toBeNull();
  });
});

describe('SQuAD', () => {
  const qa = (id: string, texts: readonly string[], extra: object = {}) => ({
    ...{ id, question: `${id}?`, answers: texts.map((text) => ({ text, answer_start: 0 })) },
    ...extra,
  });

  it('reads both versions: each paragraph is a document, an impossible question has no answer', () => {
    const file = {
      version: 'v2.0',
      data: [
        {
          title: 'Farm_life',
          paragraphs: [
            { context: 'One.', qas: [qa('a', ['x', 'x', 'y']), qa('b', [], { is_impossible: true })] },
            { context: 'Two.', qas: [qa('c', ['z'], { is_impossible: false })] },
          ],
        },
        { title: 'Bees', paragraphs: [{ context: 'One.', qas: [qa('d', [])] }] },
      ],
    };
    const { questions, documents } = squadDataset(JSON.stringify(file), 's.json');
    expect(documents).toEqual([
      { id: '1', title: 'Farm life', text: 'One.' },
      { id: '2', title: 'Farm life', text: 'Two.' },
      { id: '3', title: 'Bees', text: 'One.' },
    ]);
    const group = 'Farm life';
    expect(questions).toEqual([
      asked({ id: 'a', question: 'a?', answers: ['x', 'y'], relevant: grades({ 1: 1 }), group }),
      asked({ id: 'b', question: 'b?', answers: [], group }),
      asked({ id: 'c', question: 'c?', answers: ['z'], relevant: grades({ 2: 1 }), group }),
      // The first version has no impossible questions: an empty list is a test file without its answers.
      asked({ id: 'd', question: 'd?', answers: null, relevant: grades({ 3: 1 }), group: 'Bees' }),
    ]);
  });

  it('names the file and the place that is wrong', () => {
    expect(() => squadDataset('{', 's.json')).toThrow('s.json: not JSON');
    const wrong = { data: [{ paragraphs: [{ context: 'x', qas: [{ id: 1 }] }] }] };
    expect(() => squadDataset(JSON.stringify(wrong), 's.json')).toThrow('s.json: data 0 paragraphs 0 qas 0 question ');
    const twice = { data: [{ paragraphs: [{ context: 'x', qas: [qa('a', ['x']), qa('a', ['y'])] }] }] };
    expect(() => squadDataset(JSON.stringify(twice), 's.json')).toThrow(
      's.json, question "a": the id "a" stands there',
    );
    expect(() => squadDataset('{"data":[]}', 's.json')).toThrow('s.json: holds no questions');
  });
});

describe('BEIR', () => {
  const corpus = () => readDocuments(json({ _id: 'd1', title: 'Goats', text: 'g' }, { id: 'd2', text: 'b' }), 'c');

  it('asks the judged queries, with answers where the rows have them', async () => {
    const qrels = await readQrels(
      ['query-id\tcorpus-id\tscore', 'q1\td1\t2', 'q1\td2\t0', 'q2\td1\t1', 'q2\td2\t1'],
      'j',
    );
    const { questions, documents } = await beirDataset(
      await corpus(),
      json(
        { _id: 'q1', text: 'one' },
        { _id: 'q2', text: 'two', answers: ['2'], lang: 'en' },
        { _id: 'q3', text: 'three' },
      ),
      'q.jsonl',
      qrels,
    );
    expect(documents).toEqual([
      { id: 'd1', title: 'Goats', text: 'g' },
      { id: 'd2', title: null, text: 'b' },
    ]);
    expect(questions).toEqual([
      asked({ id: 'q1', question: 'one', relevant: grades({ d1: 2, d2: 0 }), group: 'Goats' }),
      asked({ id: 'q2', question: 'two', answers: ['2'], relevant: grades({ d1: 1, d2: 1 }), lang: 'en' }),
    ]);
  });

  it('refuses judgements of queries that are missing', async () => {
    const qrels = await readQrels(['q1\td1\t1', 'q9\td1\t1'], 'j');
    await expect(beirDataset(await corpus(), json({ _id: 'q1', text: 'one' }), 'q.jsonl', qrels)).rejects.toThrow(
      'q.jsonl: lacks 1 of 2 judged queries, such as "q9"',
    );
  });
});

describe('TREC runs', () => {
  const run = () => readRun(['q1 Q0 d2 1 0.5 t', 'q1 Q0 d1 2 0.9 t', '', 'q3\tQ0\td1\t1\t3e2\tt\r'], 'run');

  it('keeps documents with their scores, and measures by the order of the scores', async () => {
    expect(await run()).toEqual(
      new Map([
        [
          'q1',
          [
            ['d2', 0.5],
            ['d1', 0.9],
          ],
        ],
        ['q3', [['d1', 300]]],
      ]),
    );
    // q1 finds d2 at the second place; q2 is missing from the run, and counts 0.
    const qrels = await readQrels(['q1 0 d2 1', 'q2 0 d1 1', 'q4 0 d1 0'], 'j');
    const { means, counts } = measureRun(await run(), qrels, ['mrr@10', 'ndcg@10', 'hit@1']);
    expect(means['mrr@10']!.mean).toBeCloseTo(0.5 / 3, 12);
    expect(means['ndcg@10']!.mean).toBeCloseTo(1 / Math.log2(3) / 3, 12);
    expect(means['hit@1']).toEqual({ mean: 0, ci95: [0, 0], n: 3 });
    expect(counts).toEqual({ judged: 3, answered: 1, unjudged: 1, withoutRelevant: 1 });
  });
});

describe('rows for the evaluation of embedders', () => {
  it('reads pairs, labelled texts and sets of texts', async () => {
    expect(await readSts(json({ sentence1: 'a', sentence2: 'b', score: 4.5, lang: 'de', x: 1 }), 'f')).toEqual([
      { sentence1: 'a', sentence2: 'b', score: 4.5, lang: 'de', domain: null },
    ]);
    expect(await readLabelled(json({ text: 'a', label: 3, domain: 'news' }), 'f')).toEqual([
      { text: 'a', label: '3', lang: null, domain: 'news' },
    ]);
    const item = (text: string, label: string, lang: string | null = null) => ({ text, label, lang, domain: null });
    expect(
      await readClusterSets(
        json(
          { text: 'e', label: 'z' },
          { sentences: ['a', 'b'], labels: ['x', 1], lang: 'en' },
          { sentences: ['c'], labels: ['y'] },
          { sentences: 'd', labels: 'z' },
        ),
        'f',
      ),
    ).toEqual([[item('a', 'x', 'en'), item('b', '1', 'en')], [item('c', 'y')], [item('e', 'z'), item('d', 'z')]]);
  });
});

describe('what is wrong is named with its file and line', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ['no JSON', () => questionsDataset([...json({ question: 'x' }), '{'], 'q.jsonl'), 'q.jsonl, line 2: not JSON'],
    ['a blank question', () => questionsDataset(json({ question: ' ' }), 'q'), 'q, line 1: question is blank'],
    ['no question', () => rowsDataset(json({ passage: 'x' }), 'r'), 'r, line 1: question '],
    ['a blank answer', () => rowsDataset(json({ question: 'x', answers: [''] }), 'r'), 'r, line 1: answers '],
    [
      'an id twice',
      () => rowsDataset(json({ id: 1, question: 'x' }, { id: '1', question: 'y' }), 'r'),
      'r, line 2: the id',
    ],
    ['no rows', () => rowsDataset(['', ' '], 'r'), 'r: holds no questions'],
    [
      'no questions among the rows',
      () => rowsDataset(json({ question: null, passage: 'x' }), 'r'),
      'r: holds no questions',
    ],
    ['five columns', () => readRun(['q Q0 d 1 0.5'], 'run'), 'run, line 1: 6 columns'],
    ['a score that is none', () => readRun(['q Q0 d 1 high t'], 'run'), 'run, line 1: the score'],
    ['an empty run', () => readRun([], 'run'), 'run: holds no results'],
    ['no score', () => readSts(json({ sentence1: 'a', sentence2: 'b' }), 's'), 's, line 1: score '],
    [
      'a label too many',
      () => readClusterSets(json({ sentences: ['a'], labels: ['x', 'y'] }), 's'),
      's, line 1: 1 sentences have 2',
    ],
    ['labels that are none', () => readClusterSets(json({ sentences: ['a'], labels: 'x' }), 's'), 's, line 1: labels '],
    ['no label', () => readLabelled(json({ text: 'a' }), 's'), 's, line 1: label '],
    ['no texts', () => readClusterSets([], 's'), 's: holds no texts'],
  ])('%s', async (_, read, message) => {
    const error: unknown = await read().catch((error: unknown) => error);
    expect(DiscernError.is(error, 'INPUT_INVALID')).toBe(true);
    expect((error as Error).message).toContain(message);
  });
});

describe('drawing', () => {
  it('is the same for a seed, keeps the order, and takes no more than there is', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer()), fc.nat(20), fc.nat(), (items, limit, seed) => {
        const found = drawn(items, limit, seed);
        expect(found).toEqual(drawn(items, limit, seed));
        expect(found).toHaveLength(Math.min(limit, items.length));
        expect(found).toEqual(items.filter((item) => found.includes(item)));
      }),
    );
    const many = Array.from({ length: 50 }, (_, i) => i);
    expect(drawn(many, 10, 1)).not.toEqual(drawn(many, 10, 2));
  });
});

describe('other documents', () => {
  const content = {
    questions: [
      asked({ id: 'a', relevant: grades({ 1: 1 }), group: '1' }),
      asked({ id: 'b', relevant: grades({ 2: 1 }), group: 'Bees' }),
      asked({ id: 'c', answers: [] }),
    ],
    documents: [
      { id: '1', title: null, text: 'Goats  eat\nhay.' },
      { id: '2', title: 'Bees', text: 'Bees fly.' },
    ],
  };

  it('finds passages again by their text, and says whose passage is missing', () => {
    const given = [{ id: 'd9', title: null, text: 'Goats eat hay. ' }];
    const { questions, documents, withoutDocument } = searchedIn(content, given, 'f');
    expect(documents).toBe(given);
    expect(withoutDocument).toEqual(new Set(['b']));
    expect(questions).toEqual([
      asked({ id: 'a', relevant: grades({ d9: 1 }), group: 'd9' }),
      asked({ id: 'b', group: 'Bees' }),
      asked({ id: 'c', answers: [] }),
    ]);
  });

  it('refuses documents that have none of the passages', () => {
    expect(() => searchedIn(content, [{ id: 'x', title: null, text: 'Other.' }], 'f')).toThrow(
      'f: none of its passages',
    );
  });
});

describe('several datasets as one', () => {
  const dataset = (name: string, part: Partial<Dataset>): Dataset => ({
    ...{ name, questions: [asked({})], documents: null, sha256: name },
    ...part,
  });
  const document = (id: string, text: string) => ({ id, title: null, text });

  it('numbers documents anew, adapts what is relevant, and prefixes ids only where they clash', () => {
    const merged = mergeDatasets([
      dataset('one', {
        questions: [asked({ id: 'a', relevant: grades({ x: 1, y: 0 }), group: 'x' }), asked({ id: 'b' })],
        documents: [document('x', 'Hay.'), document('y', 'Hay.')],
      }),
      dataset('two', {
        questions: [
          asked({ id: 'a', relevant: grades({ 1: 2 }), group: 'Bees' }),
          asked({ id: 'c', relevant: grades({ 2: 1 }) }),
        ],
        documents: [document('1', 'Bees.'), document('2', 'Hay.')],
      }),
      dataset('two', { questions: [asked({ id: 'a', relevant: null })] }),
    ]);
    // Repeats inside a set stay; what an earlier set has already is not added again.
    expect(merged.documents).toEqual([document('1', 'Hay.'), document('2', 'Hay.'), document('3', 'Bees.')]);
    expect(merged.questions).toEqual([
      asked({ id: 'one:a', relevant: grades({ 1: 1, 2: 0 }), group: '1' }),
      asked({ id: 'b' }),
      asked({ id: 'two:a', relevant: grades({ 3: 2 }), group: 'Bees' }),
      asked({ id: 'c', relevant: grades({ 1: 1 }) }),
      asked({ id: 'two:a~2' }),
    ]);
    expect(merged.name).toBe('one+two+two');
    expect(merged.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('leaves a single set, and the ids of sets without documents, as they are', () => {
    const one = dataset('one', {});
    expect(mergeDatasets([one])).toBe(one);
    const relevant = grades({ 'docs/a.md': 1 });
    const merged = mergeDatasets([one, dataset('two', { questions: [asked({ id: 'z', relevant })] })]);
    expect(merged.documents).toBeNull();
    expect(merged.questions[1]!.relevant).toEqual(relevant);
  });

  it('refuses judgements whose documents nobody brings', () => {
    const judged = dataset('two', { questions: [asked({ relevant: grades({ d: 1 }) })] });
    expect(() => mergeDatasets([dataset('one', { documents: [document('1', 'x')] }), judged])).toThrow(
      'two judges documents',
    );
    expect(() => mergeDatasets([])).toThrow('no dataset is given');
  });

  it('has unique ids, and for every relevant document its text', () => {
    const text = fc.constantFrom('a', 'b', 'c', 'd');
    const set = fc.record({
      ids: fc.uniqueArray(text, { minLength: 1 }),
      texts: fc.array(text, { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(set, { minLength: 1, maxLength: 4 }), (sets) => {
        const datasets = sets.map(({ ids, texts }, i) =>
          dataset(`s${i}`, {
            questions: ids.map((id, j) => asked({ id, relevant: grades({ [`d${j % texts.length}`]: 1 }) })),
            documents: texts.map((text, j) => document(`d${j}`, text)),
          }),
        );
        const textsOf = ({ questions, documents }: Dataset) => {
          const byId = new Map(documents!.map(({ id, text }) => [id, text]));
          expect(byId.size).toBe(documents!.length);
          return questions.map(({ relevant }) => [...relevant!.keys()].map((id) => byId.get(id)));
        };
        const merged = mergeDatasets(datasets);
        expect(new Set(merged.questions.map(({ id }) => id)).size).toBe(merged.questions.length);
        expect(textsOf(merged)).toEqual(datasets.flatMap(textsOf));
      }),
    );
  });
});
