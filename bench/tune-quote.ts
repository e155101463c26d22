/**
 * Choices for `quote`, measured on data that the product is not tested on:
 *   npm run build && npx tsx bench/tune-quote.ts --data DIR [--questions 200] [--seed 1] [--dist DIR] [--set JSON …]
 * DIR holds adversarial_qa, qed, nq_oracle and xquad_en as .jsonl.gz. Rows of the split `test` and passages that
 * xquad_en has are left out. Each --set is a config to compare; without one, the default is measured.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { ConfigInput } from '../src/index.ts';
import {
  figuresOf,
  loadPackage,
  meanOf,
  percent,
  type QuestionFigures,
  readRows,
  sampleRows,
  writeCorpus,
} from './lib-qa.ts';
import { markdownTable } from './lib-stats.ts';

const SETS = ['adversarial_qa', 'qed', 'nq_oracle'];
const MOST_PASSAGES = 600;

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    questions: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    dist: { type: 'string' },
    set: { type: 'string', multiple: true, default: ['{}'] },
  },
});
if (!flags.data) throw new Error('say where the data are: --data DIR');
const seed = Number(flags.seed);
const { createRag, plainText } = await loadPackage(flags.dist && pathToFileURL(`${resolve(flags.dist)}/`).href);
const changes = flags.set.map((text) => JSON.parse(text) as ConfigInput);

const squeeze = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');
const test = new Set((await readRows(join(flags.data, 'xquad_en.jsonl.gz'))).map(({ passage }) => squeeze(passage)));
const figures = changes.map(() => new Map<string, QuestionFigures[]>());
const scratch = await mkdtemp(join(tmpdir(), 'discern-tune-'));
try {
  for (const set of SETS) {
    const rows = (await readRows(join(flags.data, `${set}.jsonl.gz`))).filter(
      ({ passage, split }) => split !== 'test' && !test.has(squeeze(passage)),
    );
    const questions = sampleRows(rows, Number(flags.questions), seed);
    const others = sampleRows(rows, rows.length, seed + 1).map(({ passage }) => passage);
    const kept = new Set([...new Set([...questions.map(({ passage }) => passage), ...others])].slice(0, MOST_PASSAGES));
    const corpus = await writeCorpus(
      rows.filter(({ passage }) => kept.has(passage)),
      join(scratch, set),
    );
    const rag = await createRag({
      documents: corpus.file,
      config: { ingest: { splitter: 'whole', size: 100_000 }, embedder: { cache: 200_000 } },
    });
    for (const [i, change] of changes.entries()) {
      const results: QuestionFigures[] = [];
      for (const row of questions) {
        const started = performance.now();
        const answer = await rag.ask(row.question, { config: change });
        results.push(figuresOf(answer, row, corpus.idOf(row.passage), performance.now() - started, plainText));
      }
      figures[i]!.set(set, results);
    }
    await rag.close();
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}

const table = figures.flatMap((bySet, i) =>
  [...bySet, ['all', [...bySet.values()].flat()] as const].map(([set, rows]) => [
    JSON.stringify(changes[i]),
    set,
    `${rows.length}`,
    ...(['hit10', 'bestGold', 'gold', 'f1', 'answered'] as const).map((figure) => percent(meanOf(rows, figure, seed))),
    ...(['segments', 'words'] as const).map((figure) => meanOf(rows, figure, seed)!.mean.toFixed(2)),
  ]),
);
console.log(
  markdownTable(
    ['config', 'set', 'n', 'hit@10', 'gold in best sentence', 'gold in answer', 'F1', 'answered', 'sentences', 'words'],
    table,
  ),
);
