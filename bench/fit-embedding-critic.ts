/**
 * Fits the curves of the embedding critic and writes critics/embedding/1/critic.json with held-out figures:
 *   npx tsx bench/fit-embedding-critic.ts --data DIR [--rows 2500] [--seed 1]
 * DIR holds relevance/ and support/ with train, dev and test.jsonl.gz, and qa/ and ir/ of the sources kept out.
 * Of support rows half as many again are drawn, since those that are no sentence drop out. Six minutes on one core.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import {
  embeddingCritic,
  isRelCurve,
  isSupCurve,
  relevanceOf,
  type SupportFeatures,
  supportOf,
} from '../src/backends/critic/embedding.ts';
import { cachedEmbedder } from '../src/backends/embedder/cached.ts';
import { onnxEmbedder } from '../src/backends/embedder/onnx.ts';
import { parseConfig } from '../src/config.ts';
import { createModelStore } from '../src/models/store.ts';
import { passageOf } from '../src/testing/describe-critic.ts';
import { wordsOf } from '../src/text/lexical.ts';
import { auroc, bootstrap, expectedCalibrationError, minimise, random, shuffle } from './lib-fit.ts';

interface Row {
  readonly question: string | null;
  readonly passage: string;
  readonly answer: string | null;
  readonly label: string;
  readonly source: string;
  readonly lang: string;
}

/** Kept out of all fitting, with every passage that others share with them: the product is measured on these. */
const KEPT_OUT = ['xquad_en', 'xquad_zh', 'scifact'];
/** A relevant passage must survive the threshold this often: without the gold passage there is no answer. */
const KEEP_RELEVANT = 0.97;
/** A segment is a sentence: bare names and "yes" or "no" say nothing by themselves, so they are not fitted on. */
const FEWEST_WORDS = 4;

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    models: { type: 'string' },
    rows: { type: 'string', default: '2500' },
    seed: { type: 'string', default: '1' },
  },
});
if (!flags.data) throw new Error('say where the data are: --data DIR');
const data = flags.data;
const wanted = Number(flags.rows);
const next = random(Number(flags.seed));

const read = async (path: string): Promise<Row[]> =>
  gunzipSync(await readFile(join(data, path)))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
const squeeze = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');

async function keptOutPassages(): Promise<string> {
  const files = ['relevance', 'support'].flatMap((task) =>
    ['train', 'dev', 'test'].map((part) => `${task}/${part}.jsonl.gz`),
  );
  const rows = (await Promise.all([...files, 'qa/xquad_en.jsonl.gz', 'qa/xquad_zh.jsonl.gz'].map(read))).flat();
  const texts = rows.filter(({ source }) => KEPT_OUT.includes(source)).map(({ passage }) => squeeze(passage));
  return [...new Set(texts)].join('\n');
}

/** A seeded sample of English rows; for fitting, without the sources that are kept out and what they share. */
async function sample(path: string, count: number, keptOut: string | null): Promise<Row[]> {
  const rows = shuffle(
    (await read(path)).filter(({ lang, passage }) => lang === 'en' && passage.trim() !== ''),
    next,
  );
  const chosen: Row[] = [];
  for (const row of rows) {
    if (chosen.length === count) break;
    if (keptOut !== null && (KEPT_OUT.includes(row.source) || keptOut.includes(squeeze(row.passage)))) continue;
    chosen.push(row);
  }
  return chosen;
}

const store = createModelStore({ ...parseConfig().models, ...(flags.models ? { dir: flags.models } : {}) });
const config = parseConfig().embedder;
const model = await store.resolve(config.model);
const embedder = cachedEmbedder(onnxEmbedder({ model, maxTokens: config.maxTokens, threads: 1 }), { max: 50_000 });

async function relevance(rows: readonly Row[]) {
  const requests = rows.map(({ question, passage }, i) => ({
    question: question ?? '',
    passage: passageOf(passage, `${i}`),
  }));
  const similarities = await relevanceOf(embedder, requests, undefined, {});
  return rows.map((row, i) => ({ row, x: similarities[i]!, positive: row.label === 'relevant' }));
}

async function support(rows: readonly Row[]) {
  const used = rows.filter(({ answer }) => answer !== null && answer.trim() !== '');
  const requests = used.map(({ passage, answer }, i) => ({ segment: answer!, passage: passageOf(passage, `${i}`) }));
  const features = await supportOf(embedder, requests, {});
  return used.map((row, i) => ({ row, features: features[i]!, positive: row.label === 'full' }));
}
type Support = Awaited<ReturnType<typeof support>>;

const safeLog = (p: number): number => Math.log(Math.max(p, 1e-12));
const supCurve = ([fully, gap, similarity, share]: readonly number[]) => ({
  isSup: { fully: fully!, partially: fully! + Math.exp(gap!), similarity: similarity!, containment: share! },
});
const labelLoss = (curve: ReturnType<typeof supCurve>, features: SupportFeatures, label: string): number => {
  const { fully, partially, none } = isSupCurve(curve, features);
  const p = label === 'full' ? fully : label === 'partial' ? partially : label === 'none' ? none : 1 - fully;
  return -safeLog(p);
};
const meanLoss = (rows: Support, curve: ReturnType<typeof supCurve>) =>
  rows.reduce((sum, { row, features }) => sum + labelLoss(curve, features, row.label), 0) / rows.length;

const started = performance.now();
const keptOut = await keptOutPassages();
const log = (text: string) => console.log(`${((performance.now() - started) / 1000).toFixed(0)} s  ${text}`);

// IsREL
const relTrain = await relevance(await sample('relevance/train.jsonl.gz', wanted, keptOut));
const relDev = await relevance(await sample('relevance/dev.jsonl.gz', 1000, keptOut));
const relTest = await relevance(await sample('relevance/test.jsonl.gz', 1500, null));
log(`relevance embedded: ${relTrain.length} train, ${relDev.length} dev, ${relTest.length} test`);
const [intercept, slope] = minimise(
  ([a, b]) =>
    relTrain.reduce(
      (sum, { x, positive }) => sum - safeLog(1 / (1 + Math.exp((positive ? -1 : 1) * (a! + b! * x)))),
      0,
    ) / relTrain.length,
  [0, 0],
) as [number, number];
const isRel = { intercept, similarity: slope };
const relevantP = (x: number) => isRelCurve({ isRel }, x).relevant;
const kept = relDev
  .filter(({ positive }) => positive)
  .map(({ x }) => relevantP(x))
  .sort((a, b) => a - b);
const isRelThreshold = Math.floor(kept[Math.floor(kept.length * (1 - KEEP_RELEVANT))]! * 1000) / 1000;
log(`isRel ${JSON.stringify(isRel)}, threshold ${isRelThreshold}`);

// IsSUP
const isSentence = ({ row }: Support[number]) => wordsOf(row.answer!).length >= FEWEST_WORDS;
const supTrain = (await support(await sample('support/train.jsonl.gz', wanted * 1.5, keptOut))).filter(isSentence);
const supDev = (await support(await sample('support/dev.jsonl.gz', 800, keptOut))).filter(isSentence);
const supTest = await support(await sample('support/test.jsonl.gz', 1500, null));
log(`support embedded: ${supTrain.length} train, ${supDev.length} dev, ${supTest.length} test`);
const both = supCurve(minimise((p) => meanLoss(supTrain, supCurve(p)), [0, 0, 0, 0]));
const alone = supCurve([...minimise((p) => meanLoss(supTrain, supCurve([...p, 0])), [0, 0, 0]), 0]);
log(
  `isSup loss on dev: similarity alone ${meanLoss(supDev, alone).toFixed(4)}, with containment ${meanLoss(supDev, both).toFixed(4)}`,
);
const { isSup } = both;

// Figures, held out
type Metric = { n: number; value: number; ci95: [number, number] };
const metrics: Record<string, Metric> = {};
function quote<T>(name: string, rows: readonly T[], of: (rows: readonly T[]) => number): void {
  const [low, high] = bootstrap(rows, of, 1000, next);
  const round = (value: number) => Math.round(value * 1000) / 1000;
  metrics[name] = { n: rows.length, value: round(of(rows)), ci95: [round(low), round(high)] };
  log(`${name}: ${JSON.stringify(metrics[name])}`);
}
const share = <T>(rows: readonly T[], of: (row: T) => boolean) => rows.filter(of).length / rows.length;

const rel = relTest.map(({ row, x, positive }) => ({ source: row.source, p: relevantP(x), positive }));
quote('isRel.auroc', rel, (rows) => auroc(rows));
quote('isRel.accuracy', rel, (rows) => share(rows, ({ p, positive }) => p > 0.5 === positive));
quote('isRel.ece', rel, (rows) => expectedCalibrationError(rows));
quote(
  'isRel.recall.relevant',
  rel.filter(({ positive }) => positive),
  (rows) => share(rows, ({ p }) => p > 0.5),
);
quote(
  'isRel.recall.irrelevant',
  rel.filter(({ positive }) => !positive),
  (rows) => share(rows, ({ p }) => p <= 0.5),
);
quote(
  'isRel.threshold.relevantKept',
  rel.filter(({ positive }) => positive),
  (rows) => share(rows, ({ p }) => p > isRelThreshold),
);
quote(
  'isRel.threshold.irrelevantDropped',
  rel.filter(({ positive }) => !positive),
  (rows) => share(rows, ({ p }) => p <= isRelThreshold),
);
for (const source of new Set(rel.map((row) => row.source))) {
  const rows = rel.filter((row) => row.source === source);
  if (rows.length >= 60) quote(`isRel.auroc.${source}`, rows, (some) => auroc(some));
}

const supAll = supTest.map(({ row, features, positive }) => {
  const probs = isSupCurve({ isSup }, features);
  const best = Object.entries(probs).reduce((a, b) => (b[1] > a[1] ? b : a))[0];
  return { row, source: row.source, label: row.label, best, p: probs.fully, features, positive };
});
const sup = supAll.filter(isSentence);
const names: Record<string, string> = { full: 'fully', partial: 'partially', none: 'none' };
const threeWay = sup.filter(({ label }) => label in names);
quote('isSup.accuracy', threeWay, (rows) => share(rows, ({ best, label }) => best === names[label]));
for (const [label, name] of Object.entries(names))
  quote(
    `isSup.recall.${name}`,
    threeWay.filter((row) => row.label === label),
    (rows) => share(rows, ({ best }) => best === name),
  );
quote('isSup.aurocFully', sup, (rows) => auroc(rows));
quote('isSup.eceFully', sup, (rows) => expectedCalibrationError(rows));
quote(
  'isSup.aurocFully.fragments',
  supAll.filter((row) => !isSentence(row)),
  (rows) => auroc(rows),
);
for (const source of new Set(sup.map((row) => row.source))) {
  const rows = sup.filter((row) => row.source === source);
  if (rows.length >= 60 && new Set(rows.map(({ positive }) => positive)).size === 2)
    quote(`isSup.aurocFully.${source}`, rows, (some) => auroc(some));
}

const digits = (curve: Record<string, number>) =>
  Object.fromEntries(Object.entries(curve).map(([key, value]) => [key, Number(value.toFixed(4))]));
const definition = {
  id: 'embedding' as const,
  version: 1,
  type: 'embedding' as const,
  embedder: model.name,
  isRel: digits(isRel) as typeof isRel,
  isSup: digits(isSup) as typeof isSup,
  isRelThreshold,
  metrics,
};
await writeFile(
  new URL('../critics/embedding/1/critic.json', import.meta.url),
  `${JSON.stringify(definition, null, 2)}\n`,
);
log(`written; id ${embeddingCritic({ embedder, definition }).id}`);
await embedder.close();
