import { randomUUID } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { HierarchicalNSW } from 'hnswlib-node';
import { z } from 'zod';
import { DiscernError, messageOf } from '../../errors.ts';
import { workerUrl } from '../worker-url.ts';
import type { Hnswlib } from './hnsw-exact.ts';
import { gate } from './hnsw-gate.ts';
import type { GraphJob, GraphReply } from './hnsw-graph-worker.ts';
import type { Rows, View } from './hnsw-rows.ts';
import type { SelfCheck } from './hnsw-self-check.ts';
import { syncFolder, writeNew } from './hnsw-storage.ts';

/** The HNSW graph of the first `covered` rows; without `index` where the self-check refused it. */
export interface Graph {
  readonly covered: number;
  readonly check: SelfCheck;
  readonly index: HierarchicalNSW | null;
  /** Rows marked as deleted in it, as of this version. */
  marked: number;
}

/** Beside the log: a cache, which can be thrown away at any time. */
const Sidecar = z.object({
  version: z.literal(1),
  /** The log that it was made from. */
  identity: z.string(),
  covered: z.int(),
  dimensions: z.int(),
  file: z.object({ name: z.string(), bytes: z.int() }).nullable(),
  check: z.object({
    ef: z.int().nullable(),
    recall: z.number(),
    margin: z.number(),
    triedEf: z.int(),
    targetRecall: z.number(),
    efMax: z.int(),
  }),
});
type Sidecar = z.infer<typeof Sidecar>;
const SIDECAR = 'graph.json';
/** A temporary file of this age belongs to nobody. */
const LEFT_MS = 3_600_000;

export interface GraphOptions {
  readonly dir: string | null;
  readonly identity: string;
  readonly rows: Rows;
  readonly library: Hnswlib;
  readonly targetRecall: number;
  readonly efMax: number;
}

async function readSidecar({ dir, identity, rows }: GraphOptions): Promise<Sidecar | null> {
  if (dir === null) return null;
  try {
    const sidecar = Sidecar.parse(JSON.parse(await readFile(join(dir, SIDECAR), 'utf8')));
    return sidecar.identity === identity && sidecar.dimensions === rows.dimensions ? sidecar : null;
  } catch {
    return null;
  }
}

/** The stored graph, if it belongs to this log and was checked with these limits. */
export async function loadGraph(options: GraphOptions, view: View): Promise<Graph | null> {
  const sidecar = await readSidecar(options);
  if (options.dir === null || sidecar === null || sidecar.covered > view.count) return null;
  const { check, covered, file } = sidecar;
  if (check.targetRecall !== options.targetRecall || check.efMax !== options.efMax) return null;
  if (file === null) return { covered, check, index: null, marked: view.version };
  const index = await readGraph(options, join(options.dir, file.name), file.bytes);
  return index && withMarks({ covered, check, index, marked: -1 }, options.rows, view);
}

async function readGraph(
  { library, rows }: GraphOptions,
  path: string,
  bytes: number,
): Promise<HierarchicalNSW | null> {
  try {
    if ((await stat(path)).size !== bytes) return null;
    const index = new library.HierarchicalNSW('ip', rows.dimensions);
    await index.readIndex(path);
    return index;
  } catch {
    return null; // a cache that cannot be read is built again
  }
}

/** Marks the rows that died since the last time. Rows that were dead when the graph was built are not in it. */
export function withMarks(graph: Graph, rows: Rows, view: View): Graph {
  if (graph.index === null || graph.marked === view.version) return graph;
  const before: View = { count: view.count, version: Math.max(0, graph.marked) };
  for (let row = 0; row < graph.covered; row++) {
    if (!rows.isDead(row, view) || (graph.marked >= 0 && rows.isDead(row, before))) continue;
    try {
      graph.index.markDelete(row);
    } catch (error) {
      if (!/not found|already deleted/.test(messageOf(error))) throw error;
    }
  }
  graph.marked = view.version;
  return graph;
}

/** Builds or extends the graph in a worker, checks it, stores it, and loads it. */
export async function buildGraph(
  options: GraphOptions,
  view: View,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<Graph> {
  const { dir, rows, identity, targetRecall, efMax } = options;
  const folder = dir ?? (await mkdtemp(join(tmpdir(), 'discern-graph-')));
  const temporary = join(folder, `graph.${randomUUID()}.tmp`);
  try {
    const old = await readSidecar(options);
    const reusable =
      old?.file &&
      old.covered <= view.count &&
      (await stat(join(folder, old.file.name)).catch(() => null))?.size === old.file.bytes;
    const check = await runWorker(
      {
        dimensions: rows.dimensions,
        chunks: rows.chunks,
        view,
        base: reusable ? { path: join(folder, old.file!.name), covered: old.covered } : null,
        path: temporary,
        targetRecall,
        efMax,
      },
      signal,
      onProgress,
    );
    const covered = view.count;
    if (check.ef === null) {
      if (dir !== null)
        await store(dir, { version: 1, identity, covered, dimensions: rows.dimensions, file: null, check });
      return { covered, check, index: null, marked: view.version };
    }
    const name = `graph-${identity.slice(0, 8)}-${covered}.hnsw`;
    const path = join(folder, name);
    const written = await open(temporary, 'r+');
    await written.datasync().finally(() => written.close());
    await rename(temporary, path);
    await syncFolder(folder);
    const { size: bytes } = await stat(path);
    const index = await readGraph(options, path, bytes);
    if (index === null)
      throw new DiscernError('DISK_FULL', `the graph of ${covered} passages could not be written whole to ${folder}`);
    if (dir !== null)
      await store(dir, { version: 1, identity, covered, dimensions: rows.dimensions, file: { name, bytes }, check });
    return { covered, check, index, marked: view.version };
  } finally {
    await rm(dir === null ? folder : temporary, { recursive: true, force: true });
  }
}

/** Names the new graph; those of before are no longer needed, nor what a killed process left. */
async function store(dir: string, sidecar: Sidecar): Promise<void> {
  await writeNew(join(dir, SIDECAR), [Buffer.from(JSON.stringify(sidecar))]);
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    const isOld = /^graph-.*\.hnsw$/.test(name) && name !== sidecar.file?.name;
    const isLeft =
      /^graph\..*\.tmp$/.test(name) && Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? 0) > LEFT_MS;
    if (isOld || isLeft) await rm(path, { force: true });
  }
}

function runWorker(
  job: Omit<GraphJob, 'gate'>,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<SelfCheck> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw new DiscernError('ABORTED', 'building the graph was aborted', { cause: signal.reason });
    const door = gate();
    const workerData: GraphJob = { ...job, gate: door.shared };
    const worker = new Worker(workerUrl('./hnsw-graph-worker.ts', import.meta.url), { workerData });
    signal.addEventListener('abort', door.stop, { once: true });
    let check: SelfCheck | null = null;
    let failure: unknown = null;
    worker.on('message', (reply: GraphReply) => {
      if ('check' in reply) check = reply.check;
      else onProgress(reply.done);
    });
    worker.on('error', (error) => {
      failure = error;
    });
    // Settled at its end only: until then it may still write its file.
    worker.on('exit', (code) => {
      door.done();
      signal.removeEventListener('abort', door.stop);
      if (check !== null) resolve(check);
      else if (signal.aborted)
        reject(new DiscernError('ABORTED', 'building the graph was aborted', { cause: signal.reason }));
      else
        reject(
          new DiscernError(
            'BACKEND_FAILED',
            `building the graph failed: ${failure === null ? `exit ${code}` : messageOf(failure)}`,
            {
              cause: failure,
            },
          ),
        );
    });
  });
}
