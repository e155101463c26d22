/**
 * The threshold of `rag.check`: IsSUP of the default critic on labelled pairs of sentence and passage. It is chosen on
 * dev, where recall of supported and of other sentences are the highest together, and quoted on test.
 *
 *   npm run build && npx tsx bench/check.ts --data DATA/support
 *
 * critics/train/README.md says what the rows are and where they come from.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { CritiqueRequest } from '../src/types.ts';
import { machine } from './lib-stats.ts';

const built = <T>(path: string): Promise<T> => import(new URL(`../dist/${path}`, import.meta.url).href);
const { openCritic, parseConfig } = await built<typeof import('../src/index.ts')>('index.js');
const { holdsSentences } = await built<typeof import('../src/text/sentences.ts')>('text/sentences.js');
const { scoreIsSup } = await built<typeof import('../src/stages/score.ts')>('stages/score.js');
const { meanInterval } = await built<typeof import('../src/evaluate/evaluate.ts')>('evaluate/evaluate.js');

const { values } = parseArgs({ options: { data: { type: 'string' }, critic: { type: 'string', default: 'mini' } } });
if (values.data === undefined) throw new Error('give --data, the folder of dev.jsonl.gz and test.jsonl.gz');

interface Row {
  readonly question: string | null;
  readonly passage: string;
  readonly answer: string;
  readonly label: 'full' | 'partial' | 'none' | 'not_full';
  readonly source: string;
  readonly lang: string;
}

const rowsOf = (split: string): Row[] =>
  gunzipSync(readFileSync(join(values.data!, `${split}.jsonl.gz`)))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)
    .filter(({ lang, source }) => lang === 'en' && !['xquad_en', 'scifact'].includes(source));

const opened = await openCritic(values.critic, { config: parseConfig() });

async function scored(split: string) {
  const rows = rowsOf(split);
  const requests = rows.map(({ question, passage: text, answer }, i): CritiqueRequest<'isSup'> => {
    const span = { start: 0, end: text.length };
    const passage = {
      ...{ id: `${i}`, docId: `${i}`, text, title: null, span, page: null, heading: null },
      metadata: {},
    };
    return { kind: 'isSup', question: question ?? '', passage, segment: answer };
  });
  const said = await opened.critic.critique<'isSup'>(requests);
  return rows.map(({ label, passage, answer }, i) => ({
    full: label === 'full',
    label,
    support: scoreIsSup(said[i]!),
    verbatim: holdsSentences(passage, answer.trim()),
  }));
}

type Scored = Awaited<ReturnType<typeof scored>>[number];
const share = (rows: readonly Scored[], holds: (row: Scored) => boolean) => {
  const { mean, ci95 } = meanInterval(
    rows.map((row) => Number(holds(row))),
    0,
  );
  return { n: rows.length, share: Number(mean.toFixed(3)), ci95: ci95.map((end) => Number(end.toFixed(3))) };
};
const passes = (threshold: number) => (row: Scored) => row.verbatim || row.support > threshold;

function figures(rows: readonly Scored[], threshold: number) {
  const of = (...labels: string[]) =>
    share(
      rows.filter(({ label }) => labels.includes(label)),
      passes(threshold),
    );
  return {
    threshold,
    accepted: { full: of('full'), partial: of('partial'), none: of('none'), notFull: of('not_full') },
  };
}

const balanced = (rows: readonly Scored[], threshold: number): number => {
  const rate = (wanted: boolean) => {
    const list = rows.filter(({ full }) => full === wanted);
    return list.filter((row) => passes(threshold)(row) === wanted).length / list.length;
  };
  return (rate(true) + rate(false)) / 2;
};

const before = machine();
const dev = await scored('dev');
const grid = Array.from({ length: 99 }, (_, i) => (i + 1) / 100);
const best = grid.reduce((a, b) => (balanced(dev, b) > balanced(dev, a) ? b : a));
const test = await scored('test');
await opened.critic.close();
const about = { ...before, critic: values.critic, dev: dev.length, test: test.length };
const result = {
  about,
  chosen: { threshold: best, balancedOnDev: Number(balanced(dev, best).toFixed(3)) },
  balancedOnTest: Number(balanced(test, best).toFixed(3)),
  test: [figures(test, best), figures(test, 0.5)],
};
writeFileSync(new URL('./results/check.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
process.stdout.write(`${JSON.stringify(result, null, 1)}\n`);
