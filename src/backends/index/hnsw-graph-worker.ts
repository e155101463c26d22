import { parentPort, workerData } from 'node:worker_threads';
import { doorway } from './hnsw-gate.ts';
import { type Chunk, plain, type View, vectorRows } from './hnsw-rows.ts';
import { type SelfCheck, selfCheck } from './hnsw-self-check.ts';

export interface GraphJob {
  readonly dimensions: number;
  readonly chunks: readonly Chunk[];
  readonly view: View;
  /** A graph of the first `covered` rows to start from. */
  readonly base: { readonly path: string; readonly covered: number } | null;
  /** Where the graph is written, if the self-check finds it good enough. */
  readonly path: string;
  readonly targetRecall: number;
  readonly efMax: number;
  readonly gate: SharedArrayBuffer;
}

export type GraphReply = { readonly done: number } | { readonly check: SelfCheck };

/** Links of a node, candidate list while building, and seed of the levels: hnswlib's own defaults, written down. */
const M = 16;
const EF_CONSTRUCTION = 200;
const SEED = 100;

const port = parentPort!;
const job = workerData as GraphJob;
const { default: library } = await import('hnswlib-node');
const rows = vectorRows(job.dimensions);
rows.adopt(job.chunks);

const door = doorway(job.gate);
door.enter();
const graph = new library.HierarchicalNSW('ip', job.dimensions);
if (job.base === null) graph.initIndex(job.view.count, M, EF_CONSTRUCTION, SEED);
else {
  graph.readIndexSync(job.base.path);
  graph.resizeIndex(Math.max(job.view.count, graph.getMaxElements()));
}
const covered = job.base?.covered ?? 0;
const point = new Array<number>(job.dimensions);
const present = new Set(job.base === null ? [] : graph.getIdsList());
for (const row of present) if (rows.isDead(row, job.view)) markDead(row);
let told = performance.now();
for (let row = covered; row < job.view.count; row++) {
  if (rows.isDead(row, job.view)) continue;
  door.breathe();
  graph.addPoint(plain(rows.vector(row), point), row);
  if (performance.now() - told < 200) continue;
  told = performance.now();
  port.postMessage({ done: row + 1 } satisfies GraphReply);
}
const check = selfCheck(rows, graph, job.view, job.targetRecall, job.efMax, door.breathe);
if (check.ef !== null) graph.writeIndexSync(job.path);
door.leave();
port.postMessage({ check } satisfies GraphReply);

/** hnswlib keeps the marks in its file, and refuses to mark twice. */
function markDead(row: number): void {
  try {
    graph.markDelete(row);
  } catch (error) {
    if (!String(error).includes('already deleted')) throw error;
  }
}
