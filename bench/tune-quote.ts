/**
 * Choices for `quote`, on questions that nothing was fitted on and that the product is not tested on:
 *   npm run build && npx tsx bench/tune-quote.ts --data DIR [--train FILE …] [--critics mini] [--ranker mini] [--rerank none]
 *     [--questions N] [--seed 1] [--words 1.1] [--index DIR] [--dist DIR] [--set JSON …]
 * DIR holds adversarial_qa, qed, nq_oracle, clapnq and xquad_en as .jsonl.gz. Only rows of the split `dev` are asked, and
 * none whose question stands in a --train file or whose passage xquad_en has. Each question is asked once, wide; every
 * setting is then replayed from its facts. Where one asks for more than was recorded, it is asked again.
 * First the ranking of single sentences (generate.quoteMix, quotesPerPassage, weights), by gold answers in the sentence;
 * with the best of these the further sentences (quoteGain, quoteNear), by gold answers in the answer among settings whose
 * answers have at most --words times the words of the default. With --set only those configs are compared.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { meanInterval } from '../src/evaluate/metrics/mean.ts';
import type { Answer, ConfigInput, Rag } from '../src/index.ts';
import {
  commit,
  figuresOf,
  loadPackage,
  meanOf,
  percent,
  type QaRow,
  type QuestionFigures,
  readRows,
  sampleRows,
  writeCorpus,
} from './lib-qa.ts';
import { markdownTable } from './lib-stats.ts';

const SETS = ['adversarial_qa', 'qed', 'nq_oracle', 'clapnq'];
const MOST_PASSAGES = 600;

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    train: { type: 'string', multiple: true, default: [] },
    critics: { type: 'string', default: 'mini' },
    ranker: { type: 'string', default: 'mini' },
    rerank: { type: 'string', default: 'none' },
    questions: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    words: { type: 'string', default: '1.1' },
    index: { type: 'string' },
    dist: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
  },
});
if (!flags.data) throw new Error('say where the data are: --data DIR');
const seed = Number(flags.seed);
const { createRag, DiscernError, parseConfig, plainText, replay } = await loadPackage(
  flags.dist && pathToFileURL(`${resolve(flags.dist)}/`).href,
);
const say = (text: string) => process.stderr.write(`${text}\n`);

const base: ConfigInput = {
  retrieve: { mode: 'always' },
  rerank: { backend: flags.rerank },
  critics: { isRel: flags.critics, isSup: flags.critics, isUse: flags.critics === 'embedding' ? null : flags.critics },
  generate: { quoteRanker: flags.ranker === 'none' ? null : flags.ranker },
};

/** Later settings over earlier ones, option by option. */
const merged = (...settings: readonly ConfigInput[]): ConfigInput =>
  settings.reduce((all, one) => {
    const groups = new Set([...Object.keys(all), ...Object.keys(one)]) as Set<keyof ConfigInput>;
    return Object.fromEntries([...groups].map((group) => [group, { ...all[group], ...one[group] }])) as ConfigInput;
  }, {});
const WIDE = merged(base, { generate: { quotesPerPassage: 20 }, beam: { maxSegments: 2, width: 4 } });
const { generate, beam } = parseConfig();
const NOT_WIDE: ConfigInput = { generate: { quotesPerPassage: generate.quotesPerPassage }, beam };

/** A question with the facts of all sentences of its passages. */
interface Recorded {
  readonly set: string;
  readonly row: QaRow;
  readonly document: string;
  readonly answer: Answer;
  readonly rag: Rag;
}

const squeeze = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');
const test = new Set((await readRows(join(flags.data, 'xquad_en.jsonl.gz'))).map(({ passage }) => squeeze(passage)));
const train = new Set<string>();
for (const file of flags.train) for (const { question } of await readRows(file)) train.add(squeeze(question ?? ''));

async function record(set: string): Promise<Recorded[]> {
  const rows = (await readRows(join(flags.data!, `${set}.jsonl.gz`))).filter(
    ({ passage, split }) => split !== 'test' && !test.has(squeeze(passage)),
  );
  const open = rows.filter(({ question, split }) => split === 'dev' && !train.has(squeeze(question)));
  const chosen = sampleRows(open, Number(flags.questions), seed);
  const others = sampleRows(rows, rows.length, seed + 1).map(({ passage }) => passage);
  const kept = new Set([...new Set([...chosen.map(({ passage }) => passage), ...others])].slice(0, MOST_PASSAGES));
  const corpus = await writeCorpus(
    rows.filter(({ passage }) => kept.has(passage)),
    join(scratch, set),
  );
  const rag = await createRag({
    documents: corpus.file,
    moved: true,
    index: join(flags.index ?? scratch, `index-${set}`),
    config: merged(base, { ingest: { splitter: 'whole', size: 100_000 }, embedder: { cache: 200_000 } }),
  });
  rags.push(rag);
  const recorded: Recorded[] = [];
  for (const row of chosen)
    recorded.push({
      ...{ set, row, rag, document: corpus.idOf(row.passage) },
      answer: await rag.ask(row.question, { config: WIDE }),
    });
  say(`${set}: ${recorded.length} of ${open.length} questions on ${corpus.size} passages`);
  return recorded;
}

interface Measured {
  readonly setting: ConfigInput;
  readonly figures: readonly QuestionFigures[];
  /** Questions that had to be asked again. */
  readonly asked: number;
}

async function measure(questions: readonly Recorded[], setting: ConfigInput): Promise<Measured> {
  const config = merged(base, setting);
  const figures: QuestionFigures[] = [];
  let asked = 0;
  for (const { row, document, answer, rag } of questions) {
    const again = await replay(answer.trace, merged(NOT_WIDE, config)).catch((error: unknown) => {
      if (!DiscernError.is(error, 'REPLAY_FACT_MISSING')) throw error;
      asked += 1;
      return rag.ask(row.question, { config });
    });
    figures.push(figuresOf(again, row, document, 0, plainText));
  }
  return { setting, figures, asked };
}

async function measureAll(questions: readonly Recorded[], settings: readonly ConfigInput[]): Promise<Measured[]> {
  const all: Measured[] = [];
  for (const [i, setting] of settings.entries()) {
    all.push(await measure(questions, setting));
    if ((i + 1) % 10 === 0) say(`${i + 1} of ${settings.length} settings`);
  }
  return all;
}

type Shown = 'gold' | 'f1' | 'words' | 'segments';
const mean = ({ figures }: Pick<Measured, 'figures'>, figure: Shown): number =>
  figures.reduce((sum, one) => sum + one[figure], 0) / figures.length;

/** The highest value; the first among equals. */
const best = <T>(items: readonly T[], value: (item: T) => number): T =>
  items.reduce((top, item) => (value(item) > value(top) ? item : top));

/** Gold contained, this one's minus the default's on the same questions. */
function gain({ figures }: Measured, standard: Measured): string {
  const { mean: value, ci95 } = meanInterval(
    figures.map(({ gold }, i) => gold - standard.figures[i]!.gold),
    seed,
  );
  return `${(100 * value).toFixed(1)} (${ci95.map((end) => (100 * end).toFixed(1)).join(' to ')})`;
}

/** What choosing brings on questions that it did not see: chosen on one half, measured on the other, and the reverse. */
function heldOut(all: readonly Measured[], choice: (all: readonly Measured[]) => Measured): string {
  const half = (parity: number) =>
    all.map(({ figures, ...rest }) => ({ ...rest, figures: figures.filter((_, i) => i % 2 === parity) }));
  const differences = [0, 1].flatMap((parity) => {
    const place = half(parity).findIndex(({ setting }) => setting === choice(half(parity)).setting);
    const other = half(1 - parity);
    return other[place]!.figures.map(({ gold }, i) => gold - other[0]!.figures[i]!.gold);
  });
  const { mean: value, ci95 } = meanInterval(differences, seed);
  return `${(100 * value).toFixed(1)} (${ci95.map((end) => (100 * end).toFixed(1)).join(' to ')})`;
}

function report(title: string, all: readonly Measured[], chosen: Measured, shown: readonly Measured[]): void {
  const standard = all[0]!;
  const rows = [...new Set([standard, chosen, ...shown])].map((one) => [
    JSON.stringify(one.setting),
    percent(meanOf(one.figures, 'gold', seed)),
    gain(one, standard),
    percent(meanOf(one.figures, 'f1', seed)),
    mean(one, 'words').toFixed(1),
    mean(one, 'segments').toFixed(2),
    `${one.asked}`,
  ]);
  const head = ['setting', 'gold contained', 'minus the first row', 'F1', 'words', 'sentences', 'asked again'];
  console.log(`\n${title}; the second row is the choice\n\n${markdownTable(head, rows)}`);
}

/** Mean of gold contained over all settings that share a value, for each value. */
function marginal(name: string, all: readonly Measured[], read: (setting: ConfigInput) => unknown): void {
  const groups = new Map<string, number[]>();
  for (const one of all) {
    const key = JSON.stringify(read(one.setting));
    groups.set(key, [...(groups.get(key) ?? []), mean(one, 'gold')]);
  }
  const values = [...groups].map(
    ([key, list]) => `${key}: ${((100 * list.reduce((sum, value) => sum + value, 0)) / list.length).toFixed(1)}`,
  );
  console.log(`${name}, mean over all settings: ${values.join(', ')}`);
}

async function choose(questions: readonly Recorded[]): Promise<void> {
  const first: ConfigInput[] = [];
  const mixes = flags.ranker === 'none' ? [0.5] : [0.5, 0, 0.25, 0.75, 1];
  const uses = base.critics!.isUse === null ? [0.5] : [0.5, 0];
  for (const quoteMix of mixes)
    for (const quotesPerPassage of [2, 1, 3])
      for (const isSup of [1, 0.5, 0])
        for (const isUse of uses)
          first.push({
            generate: { quoteMix, quotesPerPassage },
            weights: { isRel: 1, isSup, isUse },
            beam: { maxSegments: 1 },
          });
  const singles = await measureAll(questions, first);
  const byGold = (all: readonly Measured[]) => best(all, (one) => mean(one, 'gold'));
  const single = byGold(singles);
  const sorted = [...singles].sort((a, b) => mean(b, 'gold') - mean(a, 'gold'));
  report('One sentence', singles, single, sorted.slice(0, 10));
  console.log(`chosen on one half, measured on the other, minus the first row: ${heldOut(singles, byGold)}`);
  marginal('generate.quoteMix', singles, ({ generate }) => generate!.quoteMix);
  marginal('generate.quotesPerPassage', singles, ({ generate }) => generate!.quotesPerPassage);
  marginal('weights', singles, ({ weights }) => weights);

  const { beam: _, ...ranking } = single.setting;
  const second: ConfigInput[] = [];
  for (const quoteGain of [0.5, 0.25, 0.35, 0.65, 0.8, 1])
    for (const quoteNear of [null, 0.02, 0.04, 0.08, 0.12, 0.16])
      second.push(merged(ranking, { generate: { quoteGain, quoteNear } }));
  const answers = await measureAll(questions, second);
  const byLength = (all: readonly Measured[]) => {
    const most = Number(flags.words) * mean(all[0]!, 'words');
    return best(
      all.filter((one) => mean(one, 'words') <= most),
      (one) => mean(one, 'gold'),
    );
  };
  const beats = (other: Measured, one: Measured): boolean => {
    const [more, longer] = [mean(other, 'gold') - mean(one, 'gold'), mean(other, 'words') - mean(one, 'words')];
    return more >= 0 && longer <= 0 && (more > 0 || longer < 0);
  };
  const front = answers.filter((one) => !answers.some((other) => beats(other, one)));
  const byWords = front.sort((a, b) => mean(a, 'words') - mean(b, 'words'));
  report('Further sentences: no other setting has more gold in as few words', answers, byLength(answers), byWords);
  console.log(`chosen on one half, measured on the other, minus the first row: ${heldOut(answers, byLength)}`);
}

async function compare(questions: readonly Recorded[], settings: readonly ConfigInput[]): Promise<void> {
  const all = await measureAll(questions, settings);
  const rows = all.flatMap(({ setting, figures, asked }) =>
    [...SETS, 'all'].map((set) => {
      const mine = figures.filter((_, i) => set === 'all' || questions[i]!.set === set);
      return [
        JSON.stringify(setting),
        set,
        `${mine.length}`,
        ...(['hit10', 'bestGold', 'gold', 'f1', 'answered'] as const).map((figure) =>
          percent(meanOf(mine, figure, seed)),
        ),
        ...(['segments', 'words'] as const).map((figure) => meanOf(mine, figure, seed)?.mean.toFixed(2) ?? '–'),
        set === 'all' ? `${asked}` : '',
      ];
    }),
  );
  const head = ['config', 'set', 'n', 'hit@10', 'gold in best sentence', 'gold in answer', 'F1', 'answered'];
  console.log(markdownTable([...head, 'sentences', 'words', 'asked again'], rows));
}

const scratch = await mkdtemp(join(tmpdir(), 'discern-tune-'));
const rags: Rag[] = [];
const load = [loadavg()[0]!];
try {
  const questions: Recorded[] = [];
  for (const set of SETS) questions.push(...(await record(set)));
  say(`${questions.length} questions recorded`);
  if (flags.set.length > 0)
    await compare(
      questions,
      flags.set.map((text) => JSON.parse(text) as ConfigInput),
    );
  else await choose(questions);
  load.push(loadavg()[0]!);
  console.log(
    `\n${questions.length} questions, critics ${flags.critics}, ranker ${flags.ranker}, rerank ${flags.rerank}, commit ${commit()}, load ${load.map((one) => one.toFixed(1)).join(', ')}`,
  );
} finally {
  for (const rag of rags) await rag.close();
  await rm(scratch, { recursive: true, force: true });
}
