/**
 * Step 2 of training: fails when an example holds something that results are quoted on.
 *   npx tsx critics/train/check.ts --examples FILE.jsonl --data DIR
 * Every example is looked up by its id, and its question and passage are compared with all dev and test rows, with the
 * benchmarks (xquad_en, xquad_zh, scifact: claims and abstracts) and with vaswani and cranfield. Examples of dev are
 * compared with test and the benchmarks. Of qa_open, where nothing is calibrated, test alone counts. Nothing of prepare.ts's own fence is used. Exit code 1 on any leak.
 */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { KEPT_OUT, type Row, readRows, type Split, TASKS } from './data.ts';
import { createKeptTexts, type ExampleOrigin, leaksOf } from './leaks.ts';

const { values: flags } = parseArgs({ options: { examples: { type: 'string' }, data: { type: 'string' } } });
if (!flags.data || !flags.examples) throw new Error('say what to check: --examples FILE.jsonl --data DIR');
const { data, examples } = { data: flags.data, examples: flags.examples };

const rows = new Map<string, { row: Row; split: Split }>();
for (const task of TASKS)
  for (const split of ['train', 'dev', 'test'] as const)
    for (const row of await readRows(data, `${task}/${split}.jsonl.gz`)) rows.set(row.id, { row, split });
for (const folder of ['qa', 'qa_open'])
  for (const name of await readdir(join(data, folder)))
    for (const row of await readRows(data, `${folder}/${name}`))
      if (row.split !== undefined) rows.set(row.id, { row, split: row.split });

const kept = createKeptTexts();
for (const { row, split } of rows.values()) {
  if (!KEPT_OUT.includes(row.source)) continue;
  // An irrelevant passage in train is one of another source, drawn at random; nothing is quoted on it.
  const foreign = split === 'train' && row.label === 'irrelevant';
  kept.add('benchmark', foreign ? { question: row.question } : row);
}
for (const name of ['scifact', 'vaswani', 'cranfield']) {
  for (const { title, text } of await readIr(`${name}/corpus`))
    for (const passage of [text, `${title}\n${text}`]) kept.add('benchmark', { passage });
  for (const { text } of await readIr(`${name}/queries`)) kept.add('benchmark', { question: text });
}
for (const { row, split } of rows.values()) if (split === 'test') kept.add('test', row);
for (const { row, split } of rows.values()) if (split === 'dev' && row.task !== 'qa_open') kept.add('dev', row);

const { examples: count, found, near, short } = await leaksOf(origins(), rows, kept);
console.log(
  `${count} examples against ${kept.questions.size} questions and ${kept.passages.size} passages that are kept out`,
);
console.log(`equal but too short to tell, taken for chance: ${short.length}${some(short)}`);
console.log(`part of the passage is in a benchmark's (other editions of a text): ${near.length}${some(near)}`);
for (const [kind, ids] of found) console.log(`LEAK, ${kind}: ${ids.length}${some(ids)}`);
if (found.size > 0) process.exitCode = 1;
else console.log('no leak');

async function* origins(): AsyncGenerator<ExampleOrigin> {
  for await (const line of createInterface({ input: createReadStream(examples) })) yield JSON.parse(line);
}

async function readIr(name: string): Promise<readonly { title?: string; text: string }[]> {
  return readRows<{ title?: string; text: string }>(data, `ir/${name}.jsonl.gz`);
}

/** The first five ids, for whoever looks after it. */
function some(ids: readonly string[]): string {
  const first = [...new Set(ids)].slice(0, 5);
  return ids.length === 0 ? '' : ` (${first.join(', ')}${first.length < new Set(ids).size ? ', …' : ''})`;
}
