/**
 * Questions with known answers through the whole product: recall, answers, time per stage, event-loop delay.
 *   npm run build && npx tsx bench/qa.ts --data xquad_en.jsonl.gz [--systems quote,gguf,both] [--modes adaptive,always,never]
 *     [--critics embedding,mini] [--rerank none,mini] [--quotes 2] [--questions 200] [--seed 1] [--index DIR]
 * Each combination is one configuration, named system/mode/critics/rerank. `both` lets so many quotes of each passage compete
 * with what the language model writes. With the critics mini the quotes are ranked by mini too. The embedding critic has no
 * Retrieve: adaptive asks mini for it. Without retrieval all systems are the language model alone: gguf/never.
 * Adds to bench/results/qa.json, where a configuration that is run again on the same data replaces itself, and writes the
 * tables in bench/README.md. Texts of the data are in neither.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type MeanInterval, meanInterval } from '../src/evaluate/metrics/mean.ts';
import type { ConfigInput, Rag } from '../src/index.ts';
import { type LoopFigures, type Stall, watchLoop } from './lib-loop.ts';
import {
  commit,
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

const SYSTEMS: Readonly<Record<string, (quotes: number) => ConfigInput['generate']>> = {
  quote: () => ({ withContext: 'quote' }),
  gguf: () => ({ withContext: 'gguf' }),
  both: (quotes) => ({ withContext: 'gguf', quotes }),
};
const MODES = ['adaptive', 'always', 'never'] as const;
const CRITICS: Readonly<Record<string, ConfigInput['critics']>> = {
  embedding: { isRel: 'embedding', isSup: 'embedding', isUse: null },
  mini: { isRel: 'mini', isSup: 'mini', isUse: 'mini' },
};
const RERANK = ['none', 'mini'];

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    questions: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    systems: { type: 'string', default: 'quote,gguf,both' },
    modes: { type: 'string', default: 'always,never' },
    critics: { type: 'string', default: 'embedding,mini' },
    rerank: { type: 'string', default: 'none' },
    quotes: { type: 'string', default: '2' },
    index: { type: 'string' },
  },
});
if (!flags.data) throw new Error('say where the data are: --data xquad_en.jsonl.gz or --data xquad.en.json');
const chosen = <T extends string>(flag: 'systems' | 'modes' | 'critics' | 'rerank', known: readonly T[]): T[] =>
  flags[flag].split(',').map((name) => {
    const found = known.find((one) => one === name);
    if (found === undefined) throw new Error(`--${flag}: no "${name}"; there are ${known}`);
    return found;
  });
const configs = new Map<string, ConfigInput>();
for (const rerank of chosen('rerank', RERANK))
  for (const critics of chosen('critics', Object.keys(CRITICS)))
    for (const mode of chosen('modes', MODES))
      for (const system of chosen('systems', Object.keys(SYSTEMS)))
        if (mode === 'never') configs.set('gguf/never', { retrieve: { mode }, generate: { closedBook: 'gguf' } });
        else
          configs.set([system, mode, critics, rerank].join('/'), {
            retrieve: { mode },
            rerank: { backend: rerank },
            critics: { ...CRITICS[critics], retrieve: mode === 'adaptive' ? 'mini' : null },
            generate: {
              ...SYSTEMS[system]!(Number(flags.quotes)),
              quoteRanker: critics === 'mini' && system !== 'gguf' ? 'mini' : null,
            },
          });
const seed = Number(flags.seed);
const { createRag, plainText } = await loadPackage();

const rows = await readRows(flags.data);
const questions = sampleRows(rows, Number(flags.questions), seed);
/** Asked before the clock starts, so that models are loaded: another question of the data. */
const warmUp = rows.find((row) => !questions.includes(row))?.question ?? questions[0]!.question;
const scratch = await mkdtemp(join(tmpdir(), 'discern-qa-'));

interface Run {
  readonly name: string;
  readonly config: ConfigInput;
  readonly figures: readonly QuestionFigures[];
  readonly loop: LoopFigures;
  /** The first question, which loads the models. */
  readonly loading: LoopFigures;
  readonly load1: readonly [before: number, after: number];
}

const say = (text: string) => process.stderr.write(`${text}\n`);

async function measure(name: string, config: ConfigInput, rag: Rag, idOf: (passage: string) => string): Promise<Run> {
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
  return { name, config, figures, loop: await watch.stop(), loading: loaded, load1: [before, loadavg()[0]!] };
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
const runs: Run[] = [];
try {
  say(`${corpus.size} passages, ${questions.length} questions`);
  // Each configuration has its own instance: what one keeps in memory does not make the next one faster.
  for (const [name, config] of configs) {
    const rag = await createRag({
      documents: corpus.file,
      moved: true, // the corpus stands in a new folder each time
      index: flags.index ?? join(scratch, 'index'),
      config: { ingest: { splitter: 'whole', size: 100_000 } },
    });
    try {
      runs.push(await measure(name, config, rag, corpus.idOf));
    } finally {
      await rag.close();
    }
  }
} finally {
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
  'requests',
] as const satisfies Figure[];

/** On what a configuration was measured: the same configuration on the same data is one row. */
interface About {
  readonly data: string;
  readonly questions: number;
  readonly passages: number;
  readonly seed: number;
}

interface RunReport extends About {
  readonly name: string;
  readonly config: ConfigInput;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly load1: readonly [before: number, after: number];
  readonly figures: Readonly<Record<(typeof SHOWN)[number], MeanInterval | null>>;
  /** One value for each question, in order: for differences between configurations. Runs of the first slice have none. */
  readonly each?: { readonly gold: readonly number[]; readonly f1: readonly number[] };
  readonly ms: Readonly<Record<Stage | 'total', { readonly mean: number; readonly p50: number; readonly p95: number }>>;
  readonly loop: LoopFigures;
  readonly loading: LoopFigures;
}

const place = (path: string) => new URL(path, import.meta.url);
const { load1: _, ...host } = machine();
const about: About = { data: basename(flags.data), questions: questions.length, passages: corpus.size, seed };

function spread(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, p50: percentile(values, 0.5), p95: percentile(values, 0.95) };
}

const reportOf = ({ name, config, figures, loop, loading, load1 }: Run): RunReport => ({
  name,
  config,
  commit: commit(),
  ...about,
  ...host,
  load1,
  figures: Object.fromEntries(SHOWN.map((figure) => [figure, meanOf(figures, figure, seed)])) as RunReport['figures'],
  each: { gold: figures.map(({ gold }) => gold), f1: figures.map(({ f1 }) => f1) },
  ms: {
    total: spread(figures.map(({ ms }) => ms)),
    ...(Object.fromEntries(
      STAGES.map((stage) => [stage, spread(figures.map(({ stages }) => stages[stage]))]),
    ) as Record<Stage, ReturnType<typeof spread>>),
  },
  loop,
  loading,
});

const sameData = (run: RunReport): boolean =>
  (Object.keys(about) as (keyof About)[]).every((key) => run[key] === about[key]);

const stored = await readFile(place('results/qa.json'), 'utf8').catch(() => '{"runs":[]}');
const all = [
  ...(JSON.parse(stored) as { runs: RunReport[] }).runs.filter((run) => !(sameData(run) && configs.has(run.name))),
  ...runs.map(reportOf),
];
const shown = all.filter(sameData);

function describe(stall: Stall | null | undefined): string {
  if (!stall) return 'none of 3 ms';
  const { ms, cpuMs, gcMs, waitedMs, events, after, question } = stall;
  const known = (value: number | null) => (value === null ? 'unknown' : value.toFixed(1));
  const where = events.length > 0 ? `at ${[...new Set(events)].join(', ')}` : `after ${after}`;
  return `${ms.toFixed(1)}: ${known(cpuMs)} / ${gcMs.toFixed(1)} / ${known(waitedMs)}; question ${question + 1}, ${where}`;
}

/** This run's mean minus that of the product before its own critics, on the same questions. */
const BEFORE = 'quote/always/embedding/none';
const before = shown.find(({ name }) => name === BEFORE)?.each;
function difference(run: RunReport, figure: 'gold' | 'f1'): string {
  if (!run.each || !before) return '–';
  const values = run.each[figure].map((value, i) => value - before[figure][i]!);
  const { mean, ci95 } = meanInterval(values, seed);
  return `${(100 * mean).toFixed(1)} (${ci95.map((value) => (100 * value).toFixed(1)).join(' to ')})`;
}

const recall = shown.find(({ figures }) => figures.hit10 !== null)?.figures;
const tables = [
  `${about.questions} questions (seed ${seed}) on ${about.passages} passages of \`${about.data}\`; ${host.cpu}, ` +
    `${host.cores} cores, Node ${host.node}. Shares in %, with a bootstrap interval of 95% over the questions.`,
  ...(recall
    ? [
        markdownTable(
          ['recall stage', 'recall@10 (= hit@10)', 'hit@1', 'mrr@10'],
          [['bge-small-en-v1.5', ...[recall.hit10, recall.hit1, recall.mrr10].map(percent)]],
        ),
      ]
    : []),
  markdownTable(
    [
      'answers: system/mode/critics/rerank',
      'gold contained',
      'gold in the best first sentence',
      'F1',
      'EM',
      'unanswered',
      'words',
      'model requests',
      'commit',
    ],
    shown.map(({ name, commit: made, figures: { gold, bestGold, f1, em, answered, words, requests = null } }) => [
      name,
      percent(gold),
      percent(bestGold),
      percent(f1),
      name.startsWith('quote') ? 'not its aim' : percent(em),
      `${Math.round(answered!.n * (1 - answered!.mean))}`,
      words!.mean.toFixed(1),
      requests?.mean.toFixed(1) ?? 'not counted',
      made,
    ]),
  ),
  markdownTable(
    [`minus ${BEFORE}, same questions`, 'gold contained', 'F1'],
    shown.filter(({ each }) => each).map((run) => [run.name, difference(run, 'gold'), difference(run, 'f1')]),
  ),
  markdownTable(
    ['ms a question', ...STAGES.map((stage) => `${stage} mean`), 'whole p50', 'whole p95', 'load before, after'],
    shown.map(({ name, ms, load1 }) => [
      name,
      ...STAGES.map((stage) => ms[stage].mean.toFixed(1)),
      ms.total.p50.toFixed(0),
      ms.total.p95.toFixed(0),
      load1.map((load) => load.toFixed(1)).join(', '),
    ]),
  ),
  markdownTable(
    ['event-loop delay, ms', 'p50', 'p99', 'max', 'computing alone p99', 'max', 'while models load, max'],
    shown.map(({ name, loop, loading }) => [
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
    shown.map(({ name, loop: { stalls, busiest } }) => [name, describe(stalls[0]), describe(busiest)]),
  ),
];

await writeFile(place('results/qa.json'), `${JSON.stringify({ runs: all }, roundNumbers, 2)}\n`);
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
