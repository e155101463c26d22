import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CORPUS, discern, temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const write = (name: string, lines: readonly string[]): string => {
  writeFileSync(join(dir, name), `${lines.join('\n')}\n`);
  return join(dir, name);
};

interface Question {
  readonly id: string;
  readonly question: string;
  readonly documents: readonly string[];
}

const questions = readFileSync(join(CORPUS, '..', 'questions.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Question)
  .filter(({ documents }) => documents.length > 0);
/** The beginnings of the example documents, which are short enough for a quick run. */
const documents = readdirSync(CORPUS)
  .sort()
  .map((name) =>
    JSON.stringify({ _id: `corpus/${name}`, text: readFileSync(join(CORPUS, name), 'utf8').slice(0, 600) }),
  );
const corpus = write('corpus.jsonl', documents);
const part = write('part.jsonl', documents.slice(0, 10));
const queries = write(
  'queries.jsonl',
  questions.map(({ id, question }) => JSON.stringify({ _id: id, text: question })),
);
const qrels = write(
  'qrels.tsv',
  questions.flatMap(({ id, documents }) => documents.map((document) => `${id}\t${document}\t1`)),
);
const cache = join(dir, 'vectors');
const cached = () => {
  const names = readdirSync(cache);
  expect(names).toEqual([expect.stringMatching(/^bge-small-en-v1\.5-[0-9a-f]{12}\.vectors$/)]);
  return statSync(join(cache, names[0]!)).size;
};
/** A header, and for each vector its text's hash. */
const bytesOf = (vectors: number) => 32 + vectors * (16 + 4 * 384);

const evaluate = async (file: string, ...flags: readonly string[]) => {
  const args = ['--corpus', file, '--queries', queries, '--qrels', qrels, '--cache', cache, '--json', ...flags];
  const { code, out, err } = await discern(['eval', 'retrieval', ...args]);
  return { code, err, report: code === 0 ? JSON.parse(out) : null };
};

describe('discern eval retrieval with the local models', () => {
  it('keeps the vectors of passages: only new texts are embedded', async () => {
    const recall = ['--systems', 'recall', '--metrics', 'ndcg@10'];
    expect((await evaluate(part, ...recall)).code).toBe(0);
    expect(cached()).toBe(bytesOf(10));
    const first = await evaluate(corpus, ...recall);
    expect(cached()).toBe(bytesOf(documents.length));
    const again = await evaluate(corpus, ...recall);
    expect(cached()).toBe(bytesOf(documents.length));
    expect(again.report).toEqual(first.report);
    expect(first.report.systems.recall['ndcg@10'].mean).toBeGreaterThan(0.7);
    expect(first.report).toMatchObject({ embedder: 'onnx-bge-small-en-v1.5', reranker: null, mix: null, top: null });
  });

  it('measures all four systems on the same candidates', async () => {
    const out = join(dir, 'out');
    const flags = ['--rerank.backend', 'mini', '--top', '6', '--limit', '8', '--metrics', 'ndcg@10,hit@6'];
    const { code, report, err } = await evaluate(
      corpus,
      ...flags,
      '--rerank.mix',
      '0.3',
      '--mixes',
      '0,0.3,1',
      '--out',
      out,
    );
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    const { systems, lift, mixes } = report;
    expect(Object.keys(systems)).toEqual(['bm25', 'recall', 'rerank', 'mix']);
    for (const name of Object.keys(systems)) expect(systems[name]['ndcg@10'].n, name).toBe(8);
    expect(report).toMatchObject({ reranker: expect.stringMatching(/^mini@/), mix: 0.3, top: 6 });
    // The reranker moves candidates among the first six and none into or out of them.
    expect(systems.rerank['hit@6']).toEqual(systems.recall['hit@6']);
    expect(systems.mix['hit@6']).toEqual(systems.recall['hit@6']);
    expect(mixes[0]).toEqual({ mix: 0, 'ndcg@10': systems.recall['ndcg@10'], lift: { mean: 0, ci95: [0, 0], n: 8 } });
    expect(mixes[1]).toEqual({ mix: 0.3, 'ndcg@10': systems.mix['ndcg@10'], lift: lift.mix['ndcg@10'] });
    expect(mixes[2]).toEqual({ mix: 1, 'ndcg@10': systems.rerank['ndcg@10'], lift: lift.rerank['ndcg@10'] });
    const difference = systems.rerank['ndcg@10'].mean - systems.recall['ndcg@10'].mean;
    expect(lift.rerank['ndcg@10'].mean).toBeCloseTo(difference, 12);

    const rows = readFileSync(join(out, 'rows.jsonl'), 'utf8').trim().split('\n');
    expect(rows).toHaveLength(8);
    const scores = (JSON.parse(rows[0]!).candidates as { rerankScore: number | null }[]).map((one) => one.rerankScore);
    expect(scores.slice(0, 6).every(Number.isFinite)).toBe(true);
    expect(scores.slice(6)).toEqual(Array(documents.length - 6).fill(null));
  });

  it('makes a collection of labelled pairs, and reranks by the embedder from kept vectors', async () => {
    const rows = questions.slice(0, 6).flatMap(({ question, documents: [right] }) =>
      documents.slice(0, 8).map((line) => {
        const { _id, text } = JSON.parse(line) as { _id: string; text: string };
        return JSON.stringify({
          question,
          passage: text,
          label: _id === right ? 'relevant' : 'irrelevant',
          source: _id,
        });
      }),
    );
    const relevance = write('relevance.jsonl', rows);
    const args = ['--relevance', relevance, '--cache', cache, '--rerank.backend', 'embedding', '--metrics', 'ndcg@10'];
    const { code, out } = await discern([
      'eval',
      'retrieval',
      ...args,
      '--exclude-source',
      'corpus/bakery.md',
      '--json',
    ]);
    expect(code).toBe(0);
    const { counts, systems } = JSON.parse(out);
    expect(counts).toMatchObject({ passages: 7, leftOut: 0 });
    expect(systems.rerank).toEqual(systems.recall);
    expect(cached()).toBe(bytesOf(documents.length));
  });

  it('refuses a cache folder that cannot be made', async () => {
    const args = ['--corpus', part, '--queries', queries, '--qrels', qrels, '--systems', 'recall'];
    const { code, err } = await discern(['eval', 'retrieval', ...args, '--cache', join(corpus, 'vectors')]);
    expect(code).toBe(2);
    expect(err).toContain('error INPUT_INVALID: the folder ');
  });
});
