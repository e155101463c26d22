import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { exactSearcher, loadHnswlib } from './hnsw-exact.ts';
import { doorway } from './hnsw-gate.ts';
import { type Chunk, type RowHit, topRows, type View, vectorRows } from './hnsw-rows.ts';

/** A search of all rows, or of the rows named. */
export interface ScanRequest {
  readonly id: number;
  /** Chunks that were made since the last request. */
  readonly chunks: readonly Chunk[];
  readonly view: View;
  readonly query: Float32Array;
  readonly k: number;
  readonly rows: Uint32Array | null;
}

export interface ScanThreadData {
  readonly dimensions: number;
  readonly gate: SharedArrayBuffer;
}

export type ScanReply =
  | { readonly id: number; readonly hits: readonly RowHit[] }
  | { readonly id: number; readonly error: string };

const port = parentPort!;
/** As long as a search takes while hnswlib is not filled yet. */
const WARM_MS = 20;

const { dimensions, gate } = workerData as ScanThreadData;
const rows = vectorRows(dimensions);
const door = doorway(gate);
const searcher = loadHnswlib().then(({ library }) => exactSearcher(rows, library, 0));
let latest: View | null = null;
let warming = false;

async function answer(request: ScanRequest): Promise<readonly RowHit[]> {
  rows.adopt(request.chunks);
  if (request.rows !== null) {
    const top = topRows(request.k);
    for (const row of request.rows) top.offer(row, rows.dot(row, request.query));
    return top.sorted();
  }
  const exact = await searcher;
  latest = request.view;
  if (!warming) {
    warming = true;
    setImmediate(warm);
  }
  return native(() => exact.search(request.query, request.k, request.view));
}

function native<T>(work: () => T): T {
  door.enter();
  try {
    return work();
  } finally {
    door.leave();
  }
}

/** Fills hnswlib between requests, a little at a time. */
async function warm(): Promise<void> {
  const exact = await searcher;
  warming = !native(() => exact.warm(latest!, WARM_MS));
  if (warming) setImmediate(warm);
}

port.on('message', (request: ScanRequest) => {
  native(() => undefined);
  answer(request).then(
    (hits) => port.postMessage({ id: request.id, hits } satisfies ScanReply),
    (error: unknown) => port.postMessage({ id: request.id, error: messageOf(error) } satisfies ScanReply),
  );
});
