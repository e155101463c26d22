/**
 * Recall and speed of the passage index, beside LangChain's HNSWLib and MemoryVectorStore and raw hnswlib-node, in one
 * run and in turns. Run `npm run build && npx tsx bench/recall.ts`; `--sizes 10000` makes it short.
 * Writes bench/results/recall.md and recall.json.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { MemoryVectorStore } from '@langchain/classic/vectorstores/memory';
import { HNSWLib } from '@langchain/community/vectorstores/hnswlib';
import { Document } from '@langchain/core/documents';
import { Embeddings } from '@langchain/core/embeddings';
import type { PassageIndex } from '../src/contracts.ts';
import { machine, markdownTable, percentile } from './lib-stats.ts';
import { DIMENSIONS, type Kind, makeVectors } from './lib-vectors.ts';

// Workers run the built package only, so it is measured whole.
const { hnswIndex } = (await import(
  new URL('../dist/backends/index/hnsw.js', import.meta.url).href
)) as typeof import('../src/backends/index/hnsw.ts');

const QUERIES = 200;
const K = 50;
const { values: flags } = parseArgs({ options: { sizes: { type: 'string', default: '10000,100000' } } });

interface Row {
  readonly data: Kind;
  readonly passages: number;
  readonly engine: string;
  readonly buildS: number;
  readonly ef: number | null;
  readonly recall10: number;
  readonly recall50: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly note: string;
}
interface Add {
  readonly data: Kind;
  readonly passages: number;
  readonly oursP50Ms: number;
  readonly oursP95Ms: number;
  readonly langchainMs: number;
  readonly openMs: number;
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
}
interface Engine {
  readonly name: string;
  readonly buildS: number;
  readonly ef: number | null;
  readonly note: string;
  /** Numbers of the vectors found, best first. */
  search(query: number): Promise<number[]> | number[];
  /** Share of the rounds and queries that it is asked, where it is slow. */
  readonly share: number;
}

class NoEmbeddings extends Embeddings {
  constructor() {
    super({});
  }
  async embedDocuments(): Promise<number[][]> {
    throw new Error('vectors are given');
  }
  async embedQuery(): Promise<number[]> {
    throw new Error('vectors are given');
  }
}

const seconds = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
  const start = performance.now();
  const result = await work();
  return [result, (performance.now() - start) / 1000];
};

const sourceOf = (key: string, first: number, vectors: readonly Float32Array[]) => ({
  source: { key, origin: 'bench', hash: 'h', passages: vectors.length },
  passages: vectors.map((_, i) => ({
    id: String(first + i),
    docId: key,
    text: `Passage ${first + i}. ${'Some words of an ordinary passage. '.repeat(8)}`,
    title: key,
    span: { start: 0, end: 300 },
    page: null,
    heading: null,
    metadata: { key },
  })),
  vectors,
});

const open = (dir: string, exactUpTo: number): PassageIndex =>
  hnswIndex({
    dir,
    dimensions: DIMENSIONS,
    fingerprint: { model: 'bench' },
    create: true,
    exactUpTo,
    targetRecall: 0.99,
    efMax: 1000,
  });

async function measure(kind: Kind, count: number, rows: Row[], adds: Add[]): Promise<void> {
  const log = (text: string) => process.stderr.write(`${kind} ${count}: ${text}\n`);
  const { base, held } = makeVectors(kind, count, QUERIES);
  log('vectors made');
  const truth = held.map((query) => nearest(base, query));
  const plainHeld = held.map((vector) => Array.from(vector));
  const dir = await mkdtemp(join(tmpdir(), 'discern-bench-'));
  const exact = open(dir, Number.MAX_SAFE_INTEGER);
  const [, ingestS] = await seconds(async () => {
    for (let first = 0; first < count; first += 1000)
      await exact.apply({ remove: [], add: [sourceOf(`s${first}`, first, base.slice(first, first + 1000))] });
  });
  log('ours, exact');
  const singles: number[] = [];
  for (let i = 0; i < 40; i++) {
    const change = { remove: [], add: [sourceOf(`one${i}`, count + 5 * i, held.slice(i, i + 5))] };
    const start = performance.now();
    await exact.apply(change);
    singles.push(performance.now() - start);
  }
  await exact.apply({ remove: Array.from({ length: 40 }, (_, i) => `one${i}`), add: [] });
  await exact.close();
  const exactAgain = open(dir, Number.MAX_SAFE_INTEGER);
  const [, openS] = await seconds(() => exactAgain.info());
  const graph = open(dir, 0);
  const [, graphS] = await seconds(() => graph.prepare!());
  const info = await graph.info();
  log(`ours, ${info.note}`);
  // Before the peers fill the heap, whose collection would be measured with it.
  const loop = await loopDelay([exactAgain, graph], held);

  const plain = base.map((vector) => Array.from(vector));
  const documents = base.map((_, i) => new Document({ pageContent: `Passage ${i}.`, metadata: { i } }));
  const hnswlib = new HNSWLib(new NoEmbeddings(), { space: 'cosine' });
  const [, hnswlibS] = await seconds(() => hnswlib.addVectors(plain, documents));
  const memory = new MemoryVectorStore(new NoEmbeddings());
  const [, memoryS] = await seconds(() => memory.addVectors(plain, documents));
  log('peers built');

  // LangChain leaves the list of hnswlib at its default of 10, which hnswlib raises to k: 50 here.
  const rawEf = info.ef ?? 1000;
  const engines: Engine[] = [
    {
      name: 'discern-rag, exact',
      buildS: ingestS,
      ef: null,
      note: 'build with saving',
      share: 1,
      search: async (i) => numbers(await exactAgain.search(held[i]!, K)),
    },
    {
      name: 'discern-rag, above exactUpTo',
      buildS: graphS,
      ef: info.ef,
      note: info.note,
      share: 1,
      search: async (i) => numbers(await graph.search(held[i]!, K)),
    },
    {
      name: 'raw hnswlib-node, same ef',
      buildS: hnswlibS,
      ef: rawEf,
      note: info.ef === null ? 'at the cap of ef' : '',
      share: 1,
      search: (i) => {
        hnswlib.index.setEf(rawEf);
        return hnswlib.index.searchKnn(plainHeld[i]!, K).neighbors;
      },
    },
    {
      name: 'LangChain HNSWLib',
      buildS: hnswlibS,
      ef: K,
      note: '',
      share: 1,
      search: async (i) => {
        hnswlib.index.setEf(10);
        return (await hnswlib.similaritySearchVectorWithScore(plainHeld[i]!, K)).map(
          ([document]) => document.metadata.i as number,
        );
      },
    },
    {
      name: 'LangChain MemoryVectorStore',
      buildS: memoryS,
      ef: null,
      note: '',
      share: count > 20_000 ? 0.1 : 0.5,
      search: async (i) =>
        (await memory.similaritySearchVectorWithScore(plainHeld[i]!, K)).map(
          ([document]) => document.metadata.i as number,
        ),
    },
  ];
  // hnswlib is filled during the first searches; what is measured is the steady state.
  for (let i = 0; i < 20; i++) await exactAgain.search(held[i]!, K);
  await new Promise((resolve) => setTimeout(resolve, count / 10));

  const times = engines.map((): number[] => []);
  const found = engines.map((): { at10: number[]; at50: number[] } => ({ at10: [], at50: [] }));
  // Ours through the graph and raw hnswlib alternate query by query, so that both meet the same weather.
  const turns = [[0], [1, 2], [3], [4]];
  for (let round = 0; round < 5; round++)
    for (const turn of turns) {
      for (let i = 0; i < QUERIES * engines[turn[0]!]!.share; i++)
        for (const e of (i + round) % 2 === 0 ? turn : [...turn].reverse()) {
          await new Promise(setImmediate);
          const start = performance.now();
          const result = await engines[e]!.search(i);
          times[e]!.push(performance.now() - start);
          if (round > 0) continue;
          found[e]!.at10.push(share(result, truth[i]!, 10));
          found[e]!.at50.push(share(result, truth[i]!, 50));
        }
    }
  const [, saveS] = await seconds(async () => {
    await hnswlib.addVectors([plainHeld[0]!], [documents[0]!]);
    await hnswlib.save(join(dir, 'langchain'));
  });
  for (const [e, { name, buildS, ef, note }] of engines.entries())
    rows.push({
      data: kind,
      passages: count,
      engine: name,
      buildS,
      ef,
      recall10: mean(found[e]!.at10),
      recall50: mean(found[e]!.at50),
      p50Ms: percentile(times[e]!, 0.5),
      p95Ms: percentile(times[e]!, 0.95),
      note,
    });
  adds.push({
    data: kind,
    passages: count,
    oursP50Ms: percentile(singles, 0.5),
    oursP95Ms: percentile(singles, 0.95),
    langchainMs: saveS * 1000,
    openMs: openS * 1000,
    loopP99Ms: loop.p99Ms,
    loopMaxMs: loop.maxMs,
  });
  await exactAgain.close();
  await graph.close();
  await rm(dir, { recursive: true, force: true });
}

/** How long searches hold up the event loop, from the first one on. */
async function loopDelay(indexes: readonly PassageIndex[], queries: readonly Float32Array[]) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (const query of queries)
    for (const index of indexes) {
      await index.search(query, K);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  delay.disable();
  return { p99Ms: delay.percentile(99) / 1e6, maxMs: delay.max / 1e6 };
}

const numbers = (hits: readonly { readonly id: string }[]) => hits.map(({ id }) => Number(id));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const share = (found: readonly number[], truth: readonly number[], k: number) => {
  const wanted = new Set(truth.slice(0, k));
  return found.slice(0, k).filter((number) => wanted.has(number)).length / k;
};

/** The true nearest, by the plainest means: independent of what is measured. */
function nearest(base: readonly Float32Array[], query: Float32Array): number[] {
  const scores = Float64Array.from(base, (vector) => {
    let sum = 0;
    for (let i = 0; i < DIMENSIONS; i++) sum += vector[i]! * query[i]!;
    return sum;
  });
  const limit = Float64Array.from(scores).sort()[Math.max(0, base.length - K)]!;
  const best: number[] = [];
  for (const [i, score] of scores.entries()) if (score >= limit) best.push(i);
  return best.sort((a, b) => scores[b]! - scores[a]!).slice(0, K);
}

const rows: Row[] = [];
const adds: Add[] = [];
for (const size of flags.sizes.split(',').map(Number))
  for (const kind of ['clustered', 'unclustered'] as const) {
    await measure(kind, size, rows, adds);
    await report();
  }
process.stdout.write(await readFile(new URL('./results/recall.md', import.meta.url), 'utf8'));

async function report(): Promise<void> {
  const about = machine();
  const peerOf = (row: Row, engine: string) =>
    rows.find(
      (other) => other.engine.startsWith(engine) && other.data === row.data && other.passages === row.passages,
    )!;
  const overRaw = (row: Row) =>
    row.engine.includes('above') && row.ef !== null ? (row.p50Ms / peerOf(row, 'raw').p50Ms).toFixed(2) : '';
  const text = `# Recall and speed of the passage index

Vectors of ${DIMENSIONS} dimensions, ${QUERIES} held-out queries, k ${K}; the engines in turns, in one process.
${about.cpu}, ${about.cores} cores, Node ${about.node}, load ${about.load1} at the end. Made by \`npm run build && npx tsx bench/recall.ts\`.

${markdownTable(
  [
    'vectors',
    'engine',
    'ef',
    'build s',
    'recall@10',
    'recall@50',
    'p50 ms',
    'p95 ms',
    'MemoryVectorStore / this',
    'this / raw',
    'note',
  ],
  rows.map((row) => [
    `${row.passages} ${row.data}`,
    row.engine,
    String(row.ef ?? 'exact'),
    row.buildS.toFixed(1),
    row.recall10.toFixed(4),
    row.recall50.toFixed(4),
    row.p50Ms.toFixed(3),
    row.p95Ms.toFixed(3),
    (peerOf(row, 'LangChain MemoryVectorStore').p50Ms / row.p50Ms).toFixed(1),
    overRaw(row),
    row.note,
  ]),
)}

One document of 5 passages added and saved (40 times), one document added and saved by LangChain's HNSWLib (once), the
time to open our index, and how long our searches held up the event loop:

${markdownTable(
  ['vectors', 'add and save p50 ms', 'p95 ms', 'LangChain ms', 'open ms', 'event loop p99 ms', 'longest ms'],
  adds.map((add) => [
    `${add.passages} ${add.data}`,
    add.oursP50Ms.toFixed(2),
    add.oursP95Ms.toFixed(2),
    add.langchainMs.toFixed(0),
    add.openMs.toFixed(0),
    add.loopP99Ms.toFixed(1),
    add.loopMaxMs.toFixed(1),
  ]),
)}
`;
  const folder = new URL('./results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('recall.md', folder), text);
  await writeFile(new URL('recall.json', folder), `${JSON.stringify({ machine: about, rows, adds }, null, 2)}\n`);
}
