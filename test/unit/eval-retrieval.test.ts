import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { nearest, type RetrievalRow, rankingOf, retrievalMeans, sweepMix } from '../../src/evaluate/retrieval.ts';
import { bm25Search } from '../../src/evaluate/retrieval-bm25.ts';
import {
  questionKey,
  readCorpus,
  readQrels,
  readQueries,
  readQuestionKeys,
  readRelevance,
  sampleQueries,
  withoutQuestions,
} from '../../src/evaluate/retrieval-data.ts';
import { discern, temporaryFolder } from '../fixtures/cli/discern.ts';

const json = (...rows: readonly object[]): string[] => rows.map((row) => JSON.stringify(row));
const corpusOf = (...texts: readonly string[]) => readCorpus(json(...texts.map((text, i) => ({ id: i, text }))), 'c');

describe('reading a test collection', () => {
  it('takes the ids and titles of BEIR and of plain rows', async () => {
    const corpus = await readCorpus(
      json({ _id: 'a', title: 'Goats', text: 'On the roof.' }, { id: 2, text: 'x' }),
      'c',
    );
    expect(corpus.map(({ id, title, text }) => ({ id, title, text }))).toEqual([
      { id: 'a', title: 'Goats', text: 'On the roof.' },
      { id: '2', title: null, text: 'x' },
    ]);
    expect(await readQueries([...json({ _id: 'q', text: 'where?' }), ''], 'q')).toEqual(new Map([['q', 'where?']]));
  });

  it('takes judgements with a header, without one, and with the four columns of TREC', async () => {
    const expected = new Map([
      [
        'q1',
        new Map([
          ['d1', 2],
          ['d2', 0],
        ]),
      ],
    ]);
    expect(await readQrels(['query-id\tcorpus-id\tscore', 'q1\td1\t2', 'q1\td2\t0'], 'f')).toEqual(expected);
    expect(await readQrels(['q1\td1\t2', 'q1\td2\t0\r'], 'f')).toEqual(expected);
    expect(await readQrels(['q1 0  d1 2', '', 'q1 Q0 d2 0'], 'f')).toEqual(expected);
  });

  it.each([
    ['no JSON', () => readCorpus(['{"id":1,"text":"x"}', '{'], 'c.jsonl'), 'c.jsonl, line 2: not JSON'],
    ['no text', () => readCorpus(json({ id: 1 }), 'c.jsonl'), 'c.jsonl, line 1: text '],
    ['no id', () => readQueries(json({ text: 'x' }), 'q.jsonl'), 'q.jsonl, line 1: has no "_id" or "id"'],
    ['an id twice', () => readCorpus(json({ id: 1, text: '' }, { _id: '1', text: '' }), 'c'), 'c, line 2: the id "1"'],
    ['no question', () => readQuestionKeys(json({ query: 'x' }), 't'), 't, line 1: question '],
    ['no documents', () => readCorpus([], 'c'), 'c holds no documents'],
    ['a grade that is none', () => readQrels(['q d 1', 'q e high'], 'f'), 'f, line 2: the grade'],
    ['two columns', () => readQrels(['q d'], 'f'), 'f, line 1: 3 columns'],
    ['two grades of one pair', () => readQrels(['q d 1', 'q d 0'], 'f'), 'f, line 2: document "d" of query "q"'],
    ['a header alone', () => readQrels(['query document grade'], 'f'), 'f holds no judgements'],
    ['no relevant rows', () => readRelevance([], 'r', []), 'r holds no relevant rows'],
  ])('names the file and the line: %s', async (_what, read, message) => {
    await expect(read()).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('makes a collection of labelled pairs: English, without the excluded sources, each passage once', async () => {
    const row = (question: string | null, passage: string, label: string, source = 'a', lang = 'en') => ({
      question,
      passage,
      label,
      source,
      lang,
    });
    const { corpus, queries, qrels } = await readRelevance(
      json(
        row('who?', 'one', 'relevant'),
        row('who?', 'two', 'irrelevant'),
        row('when?', 'two', 'relevant'),
        row('never asked', 'three', 'irrelevant'),
        row(null, 'three', 'relevant'),
        row('left out', 'four', 'relevant', 'b'),
        row('谁?', '五', 'relevant', 'a', 'zh'),
      ),
      'r',
      ['b'],
    );
    expect(corpus.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
    expect([...queries.values()]).toEqual(['who?', 'when?']);
    expect([...qrels.values()].map((grades) => [...grades])).toEqual([[['p0', 1]], [['p1', 1]]]);
  });

  it('leaves out the questions of another file, whatever their punctuation, with their judgements', async () => {
    const corpus = await corpusOf('x');
    const grades = new Map([['0', 1]]);
    const data = {
      corpus,
      queries: new Map([
        ['q1', 'Who was José?'],
        ['q2', 'Who was Jo?'],
      ]),
      qrels: new Map([
        ['q1', grades],
        ['q2', grades],
        ['q3', grades],
      ]),
    };
    const keys = new Set([questionKey('who was  JOSE')]);
    expect([...withoutQuestions(data, keys).qrels.keys()]).toEqual(['q2', 'q3']);
  });

  it('draws the same queries from the same seed', async () => {
    const qrels = new Map(Array.from({ length: 50 }, (_, i) => [`q${i}`, new Map([['0', 1]])]));
    const data = { corpus: await corpusOf('x'), queries: new Map(), qrels };
    const drawn = (seed: number) => [...sampleQueries(data, 5, seed).qrels.keys()];
    expect(drawn(1)).toHaveLength(5);
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
    expect(sampleQueries(data, 99, 1).qrels.size).toBe(50);
  });
});

describe('BM25', () => {
  it('goes by rare words, not by how many of the words stand there', async () => {
    const filler = Array.from({ length: 30 }, (_, i) => (i < 15 ? `boat of harbour ${i}` : `number ${i}`));
    const search = bm25Search(await corpusOf(...filler, 'a zither'));
    expect(search('the boat of harbour zither', 2)).toEqual(['30', '0']);
  });

  it('prefers short passages and repeated words; ties keep their order; k cuts', async () => {
    const search = bm25Search(
      await corpusOf('goat one two three four five six seven', 'goat mill', 'goat mill', 'none'),
    );
    expect(search('Goat?', 9)).toEqual(['1', '2', '0']);
    expect(search('goat', 1)).toEqual(['1']);
    expect(search('nothing here', 9)).toEqual([]);
    const again = bm25Search(await corpusOf('goat mill', 'goat goat mill', 'x'));
    expect(again('goat', 9)).toEqual(['1', '0']);
  });

  it('searches titles, Chinese, and words that are names of properties', async () => {
    const corpus = await readCorpus(
      json({ id: 'a', title: 'Goats', text: 'x' }, { id: 'b', text: '水稻很好' }, { id: 'c', text: 'constructor' }),
      'c',
    );
    const search = bm25Search(corpus);
    expect(search('goats', 1)).toEqual(['a']);
    expect(search('水稻', 1)).toEqual(['b']);
    expect(search('constructor', 9)).toEqual(['c']);
  });
});

describe('the figures of retrieval', async () => {
  const corpus = await corpusOf('a', 'b', 'c', 'd');
  const vector = (...values: number[]) => Float32Array.from(values);
  const recall = nearest(vector(1, 0), corpus, [vector(0.6, 0.8), vector(1, 0), vector(0, 1), vector(0.6, -0.8)], 3);
  // Recall 1, 0, 3; the reranker has seen the first two.
  const row: RetrievalRow = { query: 'q', grades: new Map([['0', 1]]), bm25: ['2'], recall, scores: [-1, 2] };
  const missing: RetrievalRow = { query: 'r', grades: new Map([['0', 1]]), bm25: [], recall: [], scores: [] };

  it('search exactly, ties by their order', () => {
    expect(recall.map(({ passage, recallRank }) => [passage.id, recallRank])).toEqual([
      ['1', 1],
      ['0', 2],
      ['3', 3],
    ]);
    expect(recall[1]!.recallScore).toBeCloseTo(0.6, 6);
  });

  it('rerank the first candidates only; the rest stay in the order of recall after them', () => {
    expect(rankingOf(row, 'bm25', 1)).toEqual(['2']);
    expect(rankingOf(row, 'recall', 1)).toEqual(['1', '0', '3']);
    expect(rankingOf(row, 'rerank', 0)).toEqual(['0', '1', '3']);
    expect(rankingOf(row, 'mix', 0.9)).toEqual(['0', '1', '3']);
    expect(rankingOf(row, 'mix', 0.1)).toEqual(['1', '0', '3']);
    expect(rankingOf(row, 'mix', 0)).toEqual(['1', '0', '3']);
  });

  it('are means over all judged queries, where a missing one counts 0, and paired differences to recall', () => {
    const options = {
      systems: ['bm25', 'recall', 'rerank', 'mix'],
      metrics: ['mrr@10', 'ndcg@10'],
      mix: 0,
      seed: 1,
    } as const;
    const { systems, lift } = retrievalMeans([row, row, missing], options);
    expect(systems.bm25!['mrr@10']).toEqual({ mean: 0, ci95: [0, 0], n: 3 });
    expect(systems.recall!['mrr@10']!.mean).toBeCloseTo(1 / 3, 12);
    expect(systems.recall!['ndcg@10']!.mean).toBeCloseTo(2 / 3 / Math.log2(3), 12);
    expect(systems.rerank!['mrr@10']).toMatchObject({ mean: expect.closeTo(2 / 3, 12), n: 3 });
    expect(lift.rerank!['mrr@10']!.mean).toBeCloseTo(1 / 3, 12);
    expect(lift.rerank!['mrr@10']!.ci95).toEqual([0, 0.5]);
    expect(lift.mix!['mrr@10']).toEqual({ mean: 0, ci95: [0, 0], n: 3 });
    const { systems: one, lift: none } = retrievalMeans([row], { ...options, systems: ['bm25'] });
    expect([Object.keys(one), none]).toEqual([['bm25'], {}]);
  });

  it('of each mix come from the same scores', () => {
    const figures = sweepMix([row], 'mrr', [0, 0.4, 1]);
    expect(figures.map(({ mix, value, lift }) => [mix, value.mean, lift.mean])).toEqual([
      [0, 0.5, 0],
      [0.4, 0.5, 0],
      [1, 1, 0.5],
    ]);
  });
});

describe('discern eval retrieval', () => {
  const dir = temporaryFolder();
  const file = (name: string, lines: readonly string[]): string => {
    const path = join(dir, name);
    mkdirSync(join(path, '..'), { recursive: true });
    const text = lines.map((line) => `${line}\n`).join('');
    writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
    return path;
  };
  const documents = json(
    { _id: 'goat', title: 'Greta', text: 'The goat lives on the roof of the mill.' },
    { _id: 'bell', title: '', text: 'The bell of Orre weighs ninety kilograms.' },
    { _id: 'bread', title: '', text: 'The bakery opens at six in the morning.' },
  );
  const asked = json({ _id: 'q1', text: 'Where does the goat live?' }, { _id: 'q2', text: 'How heavy is the bell?' });
  const judged = ['query-id\tcorpus-id\tscore', 'q1\tgoat\t1', 'q2\tbread\t1', 'q3\tbell\t1'];
  file('beir/corpus.jsonl.gz', documents);
  file('beir/queries.jsonl', asked);
  file('beir/qrels/train.tsv', ['q1\tbell\t1']);
  file('beir/qrels/test.tsv', judged);
  const beir = join(dir, 'beir');
  const train = file(
    'train.jsonl',
    json({ question: null, answer: 'a claim' }, { question: 'where does the goat live' }),
  );
  const bm25 = ['eval', 'retrieval', '--systems', 'bm25', '--metrics', 'hit@1,ndcg@10'];

  it('reads a BEIR folder and prints means over all judged queries', async () => {
    const out = join(dir, 'out');
    const ended = await discern([...bm25, '--corpus', beir, '--json', '--out', out]);
    expect(ended).toMatchObject({ code: 0 });
    const report = JSON.parse(ended.out);
    expect(report.systems.bm25['hit@1']).toMatchObject({ mean: expect.closeTo(1 / 3, 12), n: 3 });
    expect(report.lift).toEqual({});
    expect(report.counts).toEqual({ passages: 3, queries: 3, leftOut: 0, withoutText: 1, unknownDocuments: 0 });
    expect(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'))).toEqual(report);
    const rows = readFileSync(join(out, 'rows.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows[0]).toEqual({ query: 'q1', grades: { goat: 1 }, bm25: ['goat', 'bread', 'bell'], candidates: [] });
  });

  it('leaves out training questions and says how many', async () => {
    const { code, out } = await discern([...bm25, '--corpus', beir, '--queries-not-in', train]);
    expect(code).toBe(0);
    expect(out).toContain('3 passages, 2 queries (1 left out, 1 without text');
    expect(out).toMatch(/^ +bm25 +0\.000 \(0\.000–0\.000\)/m);
  });

  it.each([
    ['nothing given', [], 'INPUT_INVALID', 'nothing to search in'],
    ['a corpus alone', ['--corpus', join(beir, 'corpus.jsonl.gz')], 'INPUT_INVALID', '--queries is missing'],
    ['both kinds', ['--corpus', beir, '--relevance', train], 'INPUT_INVALID', 'not both'],
    [
      'a missing file',
      ['--corpus', join(dir, 'no.jsonl'), '--queries', train, '--qrels', train],
      'INPUT_INVALID',
      'no.jsonl is not a file',
    ],
    [
      'judgements of another set',
      ['--corpus', beir, '--qrels', file('other.txt', ['a 0 b 1'])],
      'INPUT_INVALID',
      'none of the judged documents',
    ],
    ['an unknown system', ['--corpus', beir, '--systems', 'bm26'], 'INPUT_INVALID', '"bm26"'],
    ['an unknown metric', ['--corpus', beir, '--metrics', 'ndgc@10'], 'INPUT_INVALID', '"ndgc@10"'],
    ['a mix above 1', ['--corpus', beir, '--mixes', '0,2'], 'INPUT_INVALID', '"2"'],
    [
      'no reranker',
      ['--corpus', beir, '--systems', 'mix', '--rerank.backend', 'none'],
      'CONFIG_INVALID',
      'rerank.backend is none',
    ],
    [
      'all left out',
      ['--corpus', beir, '--qrels', file('q1.txt', ['q1 goat 1']), '--queries-not-in', train],
      'INPUT_INVALID',
      'all 1 queries are left out',
    ],
  ])('says what is wrong: %s', async (_what, args, code, said) => {
    const ended = await discern([
      ...bm25.slice(0, 2),
      ...(args.includes('--systems') ? [] : ['--systems', 'bm25']),
      ...args,
    ]);
    expect({ code: ended.code, out: ended.out }).toEqual({ code: 2, out: '' });
    expect(ended.err).toContain(`error ${code}: `);
    expect(ended.err).toContain(said);
  });
});
