/**
 * Step 1b: examples that are right by construction, for the heads that the labelled data leave a hole in. A sentence of a
 * passage is fully supported by it, one of another passage is not; and NLI does not change when the same question stands
 * before premise and hypothesis, as it does where answers are compared.
 *   npx tsx critics/train/by-construction.ts --data DIR --out FILE.jsonl [--seed 1]
 */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Head, inputsOf, SIZES } from '../../src/backends/classifier-input.ts';
import { loadTokenizer } from '../../src/backends/onnx-worker-tokenizer.ts';
import { parseConfig } from '../../src/config.ts';
import { createModelStore } from '../../src/models/store.ts';
import { pieceSpans } from '../../src/text/lexical.ts';
import { wordReader } from '../../src/text/overlap.ts';
import { seededRandom } from '../../src/text/random.ts';
import { createFence, FRAME, hashOf, type Row, readRows, shuffled } from './data.ts';

const { values: flags } = parseArgs({
  options: { data: { type: 'string' }, out: { type: 'string' }, seed: { type: 'string', default: '1' } },
});
if (!flags.data || !flags.out) throw new Error('say where the data are and what to write: --data DIR --out FILE');
const random = seededRandom(Number(flags.seed));
const model = await createModelStore(parseConfig().models).resolve('bge-small-en-v1.5');
const tokenizer = await loadTokenizer(model.files['tokenizer.json']!.path);
const read = wordReader(tokenizer.vocabulary);
const out = createWriteStream(flags.out);
const any = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

async function write(head: Head, first: readonly string[], last: string, label: number, row: Row, kind: string) {
  const ids = (text: string) => tokenizer.ids(text, 4096);
  const inputs = inputsOf(head, { first: first.map(ids), last: ids(last) }, FRAME, read, SIZES);
  const best = inputs.reduce((a, b) => (b.features[4]! > a.features[4]! ? b : a)); // the window that holds most of it
  const line = {
    ...{ head, ids: best.ids, second: best.secondFrom, features: best.features, label, weight: 1 },
    ...{ source: `${row.source}+${kind}`, split: 'train', id: row.id, passage: hashOf(row.passage!) },
  };
  if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain');
}

const { free } = await createFence(flags.data, ['dev', 'test']);
const rowsOf = async (task: string) =>
  (await readRows(flags.data!, `${task}/train.jsonl.gz`)).filter((row) => row.lang === 'en' && free(row));
const sentencesOf = ({ passage }: Row) =>
  pieceSpans(passage!)
    .map(({ start, end }) => passage!.slice(start, end))
    .filter((sentence) => sentence.length > 15);

const relevance = await rowsOf('relevance');
const gold = shuffled(
  relevance.filter((row) => row.label === 'relevant' && row.source !== 'squad11_sent'),
  random,
);
for (const row of gold.slice(0, 4500)) {
  const own = sentencesOf(row);
  if (own.length === 0) continue;
  const question = random() < 0.7 ? row.question! : any(gold).question!;
  await write('isSup', [question, any(own)], row.passage!, 0, row, 'quoted');
  const foreign = sentencesOf(any(gold)).filter((sentence) => !row.passage!.includes(sentence));
  if (random() < 0.6 && foreign.length > 0)
    await write('isSup', [question, any(foreign)], row.passage!, 2, row, 'foreign');
}

const LABELS: Readonly<Record<string, number>> = { contradiction: 0, neutral: 1, entailment: 2 };
const questions = (await rowsOf('retrieve'))
  .filter(({ label }) => label === 'retrieve')
  .map(({ question }) => question!);
for (const row of await rowsOf('support')) {
  const label = LABELS[row.orig_label as string];
  if (!['snli', 'scitail'].includes(row.source) || label === undefined) continue;
  const question = any(questions);
  await write('entail', ['', `${question} ${row.answer}`], `${question} ${row.passage}`, label, row, 'asked');
  if (label === 2)
    await write('entail', ['', `${question} ${row.answer}`], `${question} ${row.answer}`, 2, row, 'same');
}
out.end();
await once(out, 'finish');
