/**
 * Step 1 of training: reads the labelled data, leaves out what results are quoted on, and writes for each example the
 * token ids and lexical features that the product itself will compute for it at run time.
 *   npx tsx critics/train/prepare.ts --data DIR --out FILE.jsonl [--seed 1] [--mine 2]
 * DIR is laid out as critics/train/README.md says. One line is one example: head, ids, where the second type begins,
 * features, label, weight, source, split, id of the row, and a hash of the passage, which check.ts compares. Mining
 * hard negatives with the embedder takes most of the time, about three minutes.
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Head, inputsOf, SIZES } from '../../src/backends/classifier-input.ts';
import { loadTokenizer } from '../../src/backends/onnx-worker-tokenizer.ts';
import { parseConfig } from '../../src/config.ts';
import { createModelStore } from '../../src/models/store.ts';
import { pieceSpans } from '../../src/text/lexical.ts';
import { overlapOf, wordReader } from '../../src/text/overlap.ts';
import { seededRandom } from '../../src/text/random.ts';
import { createFence, FRAME, hashOf, type Row, readRows, type Split, shuffled, squeeze, type TASKS } from './data.ts';
import { EVIDENCE, mineNegatives } from './mine.ts';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    seed: { type: 'string', default: '1' },
    mine: { type: 'string', default: '2' },
  },
});
if (!flags.data || !flags.out) throw new Error('say where the data are and what to write: --data DIR --out FILE');
const data = flags.data;
const random = seededRandom(Number(flags.seed));
const started = performance.now();
const log = (text: string) =>
  console.log(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}`);

const store = createModelStore(parseConfig().models);
const model = await store.resolve('bge-small-en-v1.5');
const tokenizer = await loadTokenizer(model.files['tokenizer.json']!.path);
const read = wordReader(tokenizer.vocabulary);

const known = new Map<string, readonly number[]>();
function ids(text: string): readonly number[] {
  const found = known.get(text) ?? tokenizer.ids(text, 4096);
  known.set(text, found);
  return found;
}

interface Example {
  readonly head: Head;
  readonly first: readonly string[];
  readonly last: string;
  readonly label: number;
  /** Where it comes from; `passage` is the text that it was judged by, or that its sentence is of. */
  readonly row: Pick<Row, 'source' | 'id' | 'passage'>;
  readonly split: Split;
  readonly weight?: number;
  /** Two examples of one pair: the first is the better answer. */
  readonly pair?: string;
}

const out = createWriteStream(flags.out);
const counts = new Map<string, number>();

async function write(example: Example): Promise<void> {
  const { head, first, last, label, row, split, weight = 1, pair } = example;
  const inputs = inputsOf(head, { first: first.map(ids), last: ids(last) }, FRAME, read, SIZES);
  // Of a long passage the window that says most of the question's words: as the largest of all windows will.
  const best = inputs.reduce((a, b) => (b.features[1]! > a.features[1]! ? b : a));
  const round = (value: number) => Math.round(value * 1e4) / 1e4;
  const line = {
    head,
    ids: best.ids,
    second: best.secondFrom,
    features: best.features.map(round),
    label,
    weight,
    source: row.source,
    split,
    id: row.id,
    ...(row.passage && { passage: hashOf(row.passage) }),
    ...(pair && { pair }),
  };
  counts.set(`${split} ${head}`, (counts.get(`${split} ${head}`) ?? 0) + 1);
  if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain');
}

const fences = { train: await createFence(data, ['dev', 'test']), dev: await createFence(data, ['test']) };
log(
  `kept out of train: ${fences.train.questions} questions, ${fences.train.passages} passages of dev, test and benchmarks`,
);

async function rowsOf(task: (typeof TASKS)[number], split: 'train' | 'dev'): Promise<Row[]> {
  const rows = (await readRows(data, `${task}/${split}.jsonl.gz`)).filter(({ lang }) => lang === 'en');
  const kept = rows.filter(fences[split].free);
  log(`${task}/${split}: ${kept.length} of ${rows.length} English rows`);
  return kept;
}

const SUPPORT: Readonly<Record<string, number>> = { full: 0, partial: 1, none: 2, not_full: 3 };
const NLI: Readonly<Record<string, number>> = { contradiction: 0, neutral: 1, entailment: 2 };

for (const split of ['train', 'dev'] as const) {
  const relevance = await rowsOf('relevance', split);
  const evidence = split === 'train' ? evidenceOf(await rowsOf('support', split)) : [];
  for (const row of [...relevance, ...evidence])
    await write({
      head: 'isRel',
      first: [row.question!],
      last: row.passage!,
      label: row.label === 'relevant' ? 1 : 0,
      row,
      split,
    });
  if (split === 'train')
    for (const { row, passage } of await mineNegatives([...relevance, ...evidence], Number(flags.mine), {
      model,
      data,
      random,
      log,
    }))
      await write({
        head: 'isRel',
        first: [row.question!],
        last: passage,
        label: 0,
        row: { ...row, passage, source: `${row.source}+mined` },
        split,
      });

  for (const row of await rowsOf('support', split)) {
    const premise = row.passage!;
    await write({
      head: 'isSup',
      first: [row.question ?? '', row.answer!],
      last: premise,
      label: SUPPORT[row.label as string]!,
      row,
      split,
    });
    const nli = NLI[row.orig_label as string];
    if (['snli', 'scitail'].includes(row.source) && nli !== undefined)
      await write({ head: 'entail', first: ['', row.answer!], last: premise, label: nli, row, split });
  }

  for (const row of await rowsOf('answer_equivalence', split)) {
    if (row.label === 'possible') continue;
    const reference = nearestReference(row.answer!, row.refs ?? []);
    const [one, other] = random() < 0.5 ? [row.answer!, reference] : [reference, row.answer!];
    await write({
      head: 'equivalent',
      first: [row.question!, one],
      last: other,
      label: row.label === 'equivalent' ? 1 : 0,
      row,
      split,
    });
  }

  const retrieve = await rowsOf('retrieve', split);
  const weigh = split === 'train' ? lengthBalance(retrieve) : () => 1;
  for (const row of retrieve)
    await write({
      head: 'retrieve',
      first: [],
      last: row.question!,
      label: row.label === 'retrieve' ? 1 : 0,
      row,
      split,
      weight: weigh(row),
    });

  for (const row of await rowsOf('utility', split))
    await write({ head: 'isUse', first: [row.question!], last: row.answer!, label: Number(row.label) - 1, row, split });
  for (const row of await rowsOf('utility_pair', split)) {
    if (row.label === 'tie') continue;
    const [good, bad] = row.label === 'a' ? [row.answer_a!, row.answer_b!] : [row.answer_b!, row.answer_a!];
    for (const [answer, label] of [
      [good, 1],
      [bad, 0],
    ] as const)
      await write({ head: 'isUse', first: [row.question!], last: answer, label, row, split, pair: row.id });
  }

  for (const name of ['adversarial_qa', 'qed', 'nq_oracle']) {
    const rows = (await readRows(data, `qa/${name}.jsonl.gz`)).filter(
      (row) => row.split === split && fences[split].free(row),
    );
    for (const row of rows) await writeSentences(row, split);
  }
}
out.end();
await once(out, 'finish');
for (const [name, count] of [...counts].sort()) log(`${name}: ${count}`);

/** A passage that settles a claim, for or against it, is relevant to the claim: searches are not all questions. */
function evidenceOf(rows: readonly Row[]): Row[] {
  const seen = new Set<string>();
  return rows.flatMap((row) => {
    const asked = { halueval_qa: row.question, strategyqa: row.question }[row.source] ?? row.answer!;
    const settles =
      ['fever_symmetric', 'halueval_qa', 'strategyqa'].includes(row.source) ||
      (['wice', 'scitail', 'expertqa'].includes(row.source) && ['full', 'partial'].includes(row.label as string));
    const key = `${squeeze(asked)} ${squeeze(row.passage!)}`;
    if (!settles || seen.has(key)) return [];
    seen.add(key);
    return [{ ...row, question: asked, label: 'relevant', source: `${row.source}${EVIDENCE}` }];
  });
}

/** Sentences of a gold passage: those with an answer in them against up to four others; half of them under the title. */
async function writeSentences(row: Row, split: Split): Promise<void> {
  const pieces = pieceSpans(row.passage!).map(({ start, end }) => row.passage!.slice(start, end));
  const answers = (row.answers ?? []).map(squeeze).filter((answer) => answer.length > 1);
  const has = (piece: string) => answers.some((answer) => squeeze(piece).includes(answer));
  const right = pieces.filter(has);
  if (right.length === 0 || right.length === pieces.length) return;
  const wrong = shuffled(
    pieces.filter((piece) => !has(piece) && piece.length > 20),
    random,
  ).slice(0, 4);
  const title = row.title && random() < 0.5 ? `${row.title}\n` : '';
  for (const [piece, label] of [...right.map((one) => [one, 1] as const), ...wrong.map((one) => [one, 0] as const)])
    await write({ head: 'sentence', first: [row.question!], last: title + piece, label, row, split });
}

/** Of several accepted answers the one whose words are nearest to the given one. */
function nearestReference(answer: string, refs: readonly string[]): string {
  const words = read(ids(answer));
  const likeness = (ref: string) => {
    const there = overlapOf(read(ids(ref)), words);
    const back = overlapOf(words, read(ids(ref)));
    return 2 * there[4]! + there[1]! + 0.5 * back[1]!;
  };
  return refs.reduce((best, ref) => (likeness(ref) > likeness(best) ? ref : best), refs[0] ?? '');
}

/** Weights that make the length of a question say nothing about its label. */
function lengthBalance(rows: readonly Row[]): (row: Row) => number {
  const bucket = ({ question }: Row) => Math.round(2 * Math.log2(1 + question!.split(/\s+/).length));
  const tally = new Map<string, number>();
  for (const row of rows) {
    const key = `${bucket(row)} ${row.label}`;
    tally.set(key, (tally.get(key) ?? 0) + 1);
  }
  return (row) => {
    const yes = tally.get(`${bucket(row)} retrieve`) ?? 0;
    const no = tally.get(`${bucket(row)} no_retrieve`) ?? 0;
    const mine = row.label === 'retrieve' ? yes : no;
    return Math.min(8, (Math.min(yes, no) + 1) / mine);
  };
}
