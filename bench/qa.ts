/**
 * Questions with known answers through the whole product: recall, answers, time per stage, event-loop delay.
 *   npm run build && npx tsx bench/qa.ts --data xquad_en.jsonl.gz [--questions 200] [--seed 1] [--configs quote,…] [--index DIR]
 * Writes bench/results/qa.json and the tables in bench/README.md. Texts of the data are in neither. Figures of configs that
 * were not run again stay.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { MeanInterval } from '../src/evaluate/metrics/mean.ts';
import type { ConfigInput, Rag } from '../src/index.ts';
import { type LoopFigures, type Stall, watchLoop } from './lib-loop.ts';
import {
  type Figure,
  figuresOf,
  loadPackage,
  meanOf,
  percent,
  type QaRow,
  type QuestionFigures,
  readRows,
  STAGES,
  type Stage,
  sampleRows,
  writeCorpus,
} from './lib-qa.ts';
import { machine, markdownTable, percentile } from './lib-stats.ts';

const CONFIGS: Readonly<Record<string, { readonly config: ConfigInput; readonly writes: boolean }>> = {
  quote: { config: { retrieve: { mode: 'always' } }, writes: false },
  'gguf-always': { config: { retrieve: { mode: 'always' }, generate: { withContext: 'gguf' } }, writes: true },
  'gguf-never': { config: { retrieve: { mode: 'never' }, generate: { closedBook: 'gguf' } }, writes: true },
};

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    questions: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    configs: { type: 'string', default: Object.keys(CONFIGS).join(',') },
    index: { type: 'string' },
  },
});
if (!flags.data) throw new Error('say where the data are: --data xquad_en.jsonl.gz or --data xquad.en.json');
const names = flags.configs.split(',');
for (const name of names)
  if (!Object.hasOwn(CONFIGS, name)) throw new Error(`no config "${name}"; there are ${Object.keys(CONFIGS)}`);
const seed = Number(flags.seed);
const { createRag, plainText } = await loadPackage();

const rows = await readRows(flags.data);
const questions = sampleRows(rows, Number(flags.questions), seed);
/** Asked before the clock starts, so that models are loaded: another question of the data. */
const warmUp = rows.find((row) => !questions.includes(row))?.question ?? questions[0]!.question;
const scratch = await mkdtemp(join(tmpdir(), 'discern-qa-'));

interface Run {
  readonly name: string;
  readonly figures: readonly QuestionFigures[];
  readonly loop: LoopFigures;
  /** The first question, which loads the models. */
  readonly loading: LoopFigures;
  readonly load1: readonly [before: number, after: number];
}

const say = (text: string) => process.stderr.write(`${text}\n`);

async function measure(name: string, rag: Rag, idOf: (passage: string) => string): Promise<Run> {
  const { config } = CONFIGS[name]!;
  const loading = watchLoop();
  await rag.ask(warmUp, { config, onEvent: ({ type }) => loading.mark(-1, type) });
  const loaded = await loading.stop();
  const before = loadavg()[0]!;
  const watch = watchLoop();
  const figures: QuestionFigures[] = [];
  for (const [i, row] of questions.entries()) {
    figures.push(await one(rag, config, row, i, idOf, (event) => watch.mark(i, event)));
    if ((i + 1) % 20 === 0) say(`${name}: ${i + 1} of ${questions.length}`);
  }
  return { name, figures, loop: await watch.stop(), loading: loaded, load1: [before, loadavg()[0]!] };
}

async function one(
  rag: Rag,
  config: ConfigInput,
  row: QaRow,
  number: number,
  idOf: (passage: string) => string,
  mark: (event: string) => void,
): Promise<QuestionFigures> {
  const started = performance.now();
  mark('asked');
  const answer = await rag.ask(row.question, { config, id: `q${number}`, onEvent: ({ type }) => mark(type) });
  const ms = performance.now() - started;
  mark('answered');
  await setTimeout(2); // what follows is the bench's own work: in a turn of its own
  const figures = figuresOf(answer, row, idOf(row.passage), ms, plainText);
  mark('scored');
  await setTimeout(2);
  return figures;
}

const corpus = await writeCorpus(rows, scratch);
const rag = await createRag({
  documents: corpus.file,
  moved: true, // the corpus stands in a new folder each time
  index: flags.index ?? join(scratch, 'index'),
  config: { ingest: { splitter: 'whole', size: 100_000 } },
});
const runs: Run[] = [];
try {
  say(`${corpus.size} passages, ${questions.length} questions`);
  for (const name of names) runs.push(await measure(name, rag, corpus.idOf));
} finally {
  await rag.close();
  await rm(scratch, { recursive: true, force: true });
}

const SHOWN = [
  'hit10',
  'hit1',
  'mrr10',
  'answered',
  'em',
  'f1',
  'gold',
  'bestGold',
  'words',
] as const satisfies Figure[];

interface RunReport {
  readonly name: string;
  readonly config: ConfigInput;
  readonly load1: readonly [before: number, after: number];
  readonly figures: Readonly<Record<(typeof SHOWN)[number], MeanInterval | null>>;
  readonly ms: Readonly<Record<Stage | 'total', { readonly mean: number; readonly p50: number; readonly p95: number }>>;
  readonly loop: LoopFigures;
  readonly loading: LoopFigures;
}

interface Report {
  readonly data: string;
  readonly questions: number;
  readonly passages: number;
  readonly seed: number;
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly runs: readonly RunReport[];
}

function spread(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, p50: percentile(values, 0.5), p95: percentile(values, 0.95) };
}

const reportOf = ({ name, figures, loop, loading, load1 }: Run): RunReport => ({
  name,
  config: CONFIGS[name]!.config,
  load1,
  figures: Object.fromEntries(SHOWN.map((figure) => [figure, meanOf(figures, figure, seed)])) as RunReport['figures'],
  ms: {
    total: spread(figures.map(({ ms }) => ms)),
    ...(Object.fromEntries(
      STAGES.map((stage) => [stage, spread(figures.map(({ stages }) => stages[stage]))]),
    ) as Record<Stage, ReturnType<typeof spread>>),
  },
  loop,
  loading,
});

const place = (path: string) => new URL(path, import.meta.url);
const { load1: _, ...host } = machine();
const about = { data: basename(flags.data), questions: questions.length, passages: corpus.size, seed, ...host };

/** Runs of other configs on the same data and machine stay in the report: the slow ones need not run again. */
async function earlierRuns(): Promise<readonly RunReport[]> {
  const text = await readFile(place('results/qa.json'), 'utf8').catch(() => null);
  if (text === null) return [];
  const { runs: earlier, ...was } = JSON.parse(text) as Report;
  const sameAs = Object.entries(about).every(([key, value]) => was[key as keyof typeof was] === value);
  return sameAs ? earlier.filter(({ name }) => !names.includes(name)) : [];
}

const all = [...(await earlierRuns()), ...runs.map(reportOf)];
const order = Object.keys(CONFIGS);
const report: Report = { ...about, runs: all.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)) };

function describe(stall: Stall | null | undefined): string {
  if (!stall) return 'none of 3 ms';
  const { ms, cpuMs, gcMs, waitedMs, events, after, question } = stall;
  const known = (value: number | null) => (value === null ? 'unknown' : value.toFixed(1));
  const where = events.length > 0 ? `at ${[...new Set(events)].join(', ')}` : `after ${after}`;
  return `${ms.toFixed(1)}: ${known(cpuMs)} / ${gcMs.toFixed(1)} / ${known(waitedMs)}; question ${question + 1}, ${where}`;
}

const recall = report.runs.find(({ figures }) => figures.hit10 !== null)?.figures;
const tables = [
  `${report.questions} questions (seed ${seed}) on ${report.passages} passages of \`${report.data}\`; ${report.cpu}, ` +
    `${report.cores} cores, Node ${report.node}. Shares in %, with a bootstrap interval of 95% over the questions.`,
  ...(recall
    ? [
        markdownTable(
          ['recall stage', 'recall@10 (= hit@10)', 'hit@1', 'mrr@10'],
          [['bge-small-en-v1.5', ...[recall.hit10, recall.hit1, recall.mrr10].map(percent)]],
        ),
      ]
    : []),
  markdownTable(
    ['answers', 'gold contained', 'gold in the best first sentence', 'F1', 'EM', 'unanswered', 'words'],
    report.runs.map(({ name, figures: { gold, bestGold, f1, em, answered, words } }) => [
      name,
      percent(gold),
      percent(bestGold),
      percent(f1),
      CONFIGS[name]!.writes ? percent(em) : 'not its aim',
      `${Math.round(answered!.n * (1 - answered!.mean))}`,
      words!.mean.toFixed(1),
    ]),
  ),
  markdownTable(
    ['ms a question', ...STAGES.map((stage) => `${stage} mean`), 'whole p50', 'whole p95', 'load before, after'],
    report.runs.map(({ name, ms, load1 }) => [
      name,
      ...STAGES.map((stage) => ms[stage].mean.toFixed(1)),
      ms.total.p50.toFixed(0),
      ms.total.p95.toFixed(0),
      load1.map((load) => load.toFixed(1)).join(', '),
    ]),
  ),
  markdownTable(
    ['event-loop delay, ms', 'p50', 'p99', 'max', 'computing alone p99', 'max', 'while models load, max'],
    report.runs.map(({ name, loop, loading }) => [
      name,
      ...[loop.p50, loop.p99, loop.max, loop.computing?.p99, loop.computing?.max, loading.max].map(
        (value) => value?.toFixed(2) ?? 'unknown',
      ),
    ]),
  ),
  markdownTable(
    [
      '',
      'the longest stall, ms: of it computing / collecting garbage / waiting for a core',
      'the one that computed longest',
    ],
    report.runs.map(({ name, loop: { stalls, busiest } }) => [name, describe(stalls[0]), describe(busiest)]),
  ),
];

await writeFile(place('results/qa.json'), `${JSON.stringify(report, roundNumbers, 2)}\n`);
const [start, end] = ['<!-- qa: written by bench/qa.ts -->', '<!-- /qa -->'];
const readme = await readFile(place('README.md'), 'utf8');
const [head, rest] = readme.split(start);
if (rest === undefined || !rest.includes(end)) throw new Error(`bench/README.md has no ${start} … ${end}`);
await writeFile(place('README.md'), `${head}${start}\n\n${tables.join('\n\n')}\n\n${end}${rest.split(end)[1]}`);
execFileSync('npx', ['biome', 'format', '--write', fileURLToPath(place('results/qa.json'))]);
process.stdout.write(`${tables.join('\n\n')}\n`);

function roundNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toFixed(4)) : value;
}
