/**
 * A process that lives long: 1,000 questions, 50 at a time, over one instance with the default models on the example
 * documents, and 20,000 with scripted parts. Memory after collection, latency, open handles, and whether every answer is
 * the one that the question has alone.
 *
 *   npm run build && node --expose-gc --import tsx bench/soak.ts [scripted|models] [--questions N] [--topK K]
 *
 * The built package is measured. With the models five passages are recalled and three kept, where the defaults are fifty
 * and five: so it ends within ten minutes. Half of the questions are the 32 of the examples again and again; each of the others
 * has a text of its own, which no cache knows. Writes results/soak.json and the section of README.md.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Answer, Rag, RagOptions } from '../src/index.ts';
import { machine, markdownTable, timing } from './lib-stats.ts';

/** Vectors, and answers of the classifier, that are kept. */
const CACHED = 256;
/** The classifier keeps 8,192 answers, too many to be full in time: here it keeps fewer, so that what still grows is no cache. */
const smaller = `export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.endsWith('/dist/backends/classifier.js')) return loaded;
  const source = String(loaded.source).replace('const KEPT = 8192', 'const KEPT = ${CACHED}');
  if (source === String(loaded.source)) throw new Error('the classifier keeps another number of answers');
  return { ...loaded, source };
}`;
register(`data:text/javascript,${encodeURIComponent(smaller)}`);

const built = <T>(path: string): Promise<T> => import(new URL(`../dist/${path}`, import.meta.url).href);
const { createRag } = await built<typeof import('../src/index.ts')>('index.js');
const testing = await built<typeof import('../src/testing/testing.ts')>('testing/testing.js');

const AT_ONCE = 50;
/** Questions asked again alone, of those with a text of their own. */
const CHECKED = 24;

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: { questions: { type: 'string' }, topK: { type: 'string', default: '5' } },
});
const wanted = positionals.length > 0 ? positionals : ['scripted', 'models'];
if (global.gc === undefined) throw new Error('run it with node --expose-gc');
const collect = global.gc;

const examples = new URL('../examples/', import.meta.url);
const known = readFileSync(new URL('questions.jsonl', examples), 'utf8')
  .trim()
  .split('\n')
  .map((line) => (JSON.parse(line) as { question: string }).question);
const questionOf = (i: number): string =>
  i % 2 === 0 ? known[(i / 2) % known.length]! : `${known[((i - 1) / 2) % known.length]!} (${i})`;

const warnings: string[] = [];
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`));

/** The whole answer but its times. */
function digest({ cost, trace, ...answer }: Answer): string {
  const facts = trace.facts.map(({ ms: _, ...fact }) => fact);
  const whole = { ...answer, cost: { ...cost, ms: 0 }, events: trace.events, facts };
  return createHash('sha256').update(JSON.stringify(whole)).digest('base64');
}

interface Sample {
  readonly questions: number;
  readonly heapMb: number;
  readonly rssMb: number;
  /** What lies outside of the heap: vectors and other buffers. */
  readonly externalMb: number;
  readonly handles: number;
  readonly listeners: number;
}

const megabytes = (bytes: number) => Math.round((bytes / 2 ** 20) * 1000) / 1000;

async function sample(questions: number): Promise<Sample> {
  // What was just given up may need a turn of the loop until it can be collected.
  for (let i = 0; i < 4; i++) {
    collect();
    await sleep(25);
  }
  const { heapUsed, rss, external } = process.memoryUsage();
  const { _getActiveHandles } = process as unknown as { _getActiveHandles(): unknown[] };
  return {
    questions,
    heapMb: megabytes(heapUsed),
    rssMb: megabytes(rss),
    externalMb: megabytes(external),
    handles: _getActiveHandles.call(process).length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  };
}

/** 97.5% quantile of Student's t for so many degrees of freedom. */
const T = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.1];

interface Slope {
  /** Kilobytes for each question, and the interval of 95%. */
  readonly kbPerQuestion: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

function slopeOf(samples: readonly Sample[], of: (one: Sample) => number): Slope {
  const n = samples.length;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / n;
  const x = samples.map(({ questions }) => questions);
  const y = samples.map((one) => of(one) * 1024);
  const [atX, atY] = [mean(x), mean(y)];
  const spread = x.reduce((sum, value) => sum + (value - atX) ** 2, 0);
  const slope = x.reduce((sum, value, i) => sum + (value - atX) * (y[i]! - atY), 0) / spread;
  const rest = x.reduce((sum, value, i) => sum + (y[i]! - atY - slope * (value - atX)) ** 2, 0);
  const half = (T[n - 3] ?? 1.96) * Math.sqrt(rest / (n - 2) / spread);
  const round = (value: number) => Math.round(value * 1000) / 1000;
  return { kbPerQuestion: round(slope), low: round(slope - half), high: round(slope + half), n };
}

interface Run {
  readonly options: RagOptions;
  readonly questions: number;
  readonly every: number;
  /** Samples from here on count for the slopes. */
  readonly warmUp: number;
  /** Between two samples. */
  readonly tidy?: () => void;
}

async function soak(name: string, { options, questions, every, warmUp, tidy }: Run) {
  const load = [loadavg()[0]!];
  const rag = await createRag(options);
  const alone = new Map<string, string>();
  for (const question of known) alone.set(question, digest(await rag.ask(question)));

  const samples: Sample[] = [await sample(0)];
  // Of its final size from the start: the measure must not grow itself.
  const ms = new Float64Array(questions);
  const kept = new Map<string, string>();
  let different = 0;
  const began = performance.now();
  const cpu = process.cpuUsage();
  for (let done = 0; done < questions; done += every) {
    let next = done;
    const worker = async () => {
      while (next < done + every) {
        const i = next++;
        const question = questionOf(i);
        const started = performance.now();
        const said = digest(await rag.ask(question));
        ms[i] = performance.now() - started;
        const expected = alone.get(question);
        if (expected !== undefined && said !== expected) different += 1;
        if (i % 2 === 1 && kept.size < CHECKED && i % 3 === 0) kept.set(question, said);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    tidy?.();
    samples.push(await sample(done + every));
    process.stderr.write(`${name} ${JSON.stringify(samples.at(-1))}\n`);
  }
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await rag.close();

  // An instance of its own, so that nothing is remembered.
  const fresh: Rag = await createRag(options);
  let differentFresh = 0;
  for (const [question, said] of kept) if (digest(await fresh.ask(question)) !== said) differentFresh += 1;
  await fresh.close();
  load.push(loadavg()[0]!);

  const after = samples.filter((one) => one.questions >= warmUp);
  return {
    ...{ name, questions, atOnce: AT_ONCE, topK: options.config?.recall?.topK ?? 50, warmUp },
    ...{ seconds: Math.round(seconds), cpuSeconds: Math.round((user + system) / 1e6), load },
    latencyMs: timing([...ms]),
    answers: { compared: questions / 2, different, comparedFresh: kept.size, differentFresh },
    slopes: {
      heap: slopeOf(after, (one) => one.heapMb),
      external: slopeOf(after, (one) => one.externalMb),
      rss: slopeOf(after, (one) => one.rssMb),
    },
    handles: { first: samples[1]!.handles, last: samples.at(-1)!.handles },
    listeners: { first: samples[1]!.listeners, last: samples.at(-1)!.listeners },
    samples,
  };
}

type Report = Awaited<ReturnType<typeof soak>>;

const corpus = fileURLToPath(new URL('corpus', examples));
const count = (fallback: number) => Number(given.questions ?? fallback);

function scripted(): Run {
  const critic = testing.scriptedCritic();
  const embedder = testing.hashEmbedder();
  const questions = count(20_000);
  return {
    ...{ questions, every: questions / 20, warmUp: questions / 4 },
    // The fake keeps every text that it is given, for tests.
    tidy: () => {
      embedder.embedded.length = 0;
    },
    options: {
      documents: corpus,
      config: { recall: { topK: 10 }, rerank: { backend: 'none' }, embedder: { cache: CACHED } },
      parts: {
        embedder,
        critics: { retrieve: critic, isRel: critic, isSup: critic, isUse: critic },
        withContext: testing.scriptedGenerator(),
      },
    },
  };
}

function models(): Run {
  const questions = count(1000);
  return {
    ...{ questions, every: questions / 10, warmUp: questions / 5 },
    options: {
      documents: corpus,
      config: { recall: { topK: Number(given.topK) }, rerank: { topN: 3 }, embedder: { cache: CACHED } },
    },
  };
}

const json = new URL('./results/soak.json', import.meta.url);
const runs: Record<string, () => Run> = { scripted, models };
let before: Record<string, unknown> = {};
try {
  before = (JSON.parse(readFileSync(json, 'utf8')) as { runs: Record<string, unknown> }).runs;
} catch {
  // The first run.
}
const reports: Report[] = [];
for (const name of wanted) reports.push(await soak(name, runs[name]!()));
const all = { ...before, ...Object.fromEntries(reports.map((report) => [report.name, report])) };
writeFileSync(json, `${JSON.stringify({ about: machine(), runs: all }, null, 2)}\n`);

const shown = ({ kbPerQuestion, low, high }: Slope) =>
  `${kbPerQuestion.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
process.stdout.write(
  `${markdownTable(
    ['run', 'questions', 'p50 ms', 'p95 ms', 'heap MB, first to last', 'heap KB a question', 'rss KB a question'],
    reports.map(({ name, questions, latencyMs: { p50, p95 }, samples, slopes }) => [
      ...[name, String(questions), p50.toFixed(1), p95.toFixed(1)],
      `${samples[0]!.heapMb.toFixed(1)} to ${samples.at(-1)!.heapMb.toFixed(1)}`,
      ...[shown(slopes.heap), shown(slopes.rss)],
    ]),
  )}\n`,
);

const wrong = reports.flatMap(({ name, answers, handles, listeners }) => [
  ...(answers.different + answers.differentFresh > 0 ? [`${name}: answers differ`] : []),
  ...(handles.last > handles.first ? [`${name}: ${handles.last - handles.first} more handles`] : []),
  ...(listeners.last > listeners.first ? [`${name}: ${listeners.last - listeners.first} more listeners`] : []),
]);
for (const line of [...wrong, ...warnings]) process.stderr.write(`${line}\n`);
if (wrong.length + warnings.length > 0) process.exitCode = 1;
