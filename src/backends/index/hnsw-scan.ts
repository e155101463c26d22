import { Worker } from 'node:worker_threads';
import { DiscernError, messageOf } from '../../errors.ts';
import { workerUrl } from '../worker-url.ts';
import { type Gate, gate } from './hnsw-gate.ts';
import type { RowHit, Rows, View } from './hnsw-rows.ts';
import type { ScanReply, ScanRequest, ScanThreadData } from './hnsw-scan-worker.ts';

/** Exact scans in a worker thread, which is started at the first one and shares the memory of the rows. */
export interface ScanThread {
  scan(
    query: Float32Array,
    k: number,
    view: View,
    rows: Uint32Array | null,
    signal: AbortSignal | undefined,
  ): Promise<RowHit[]>;
  close(): Promise<void>;
}

interface Waiting {
  resolve(hits: RowHit[]): void;
  reject(error: DiscernError): void;
}

export function scanThread(rows: Rows): ScanThread {
  let worker: Worker | null = null;
  let door: Gate | null = null;
  let sent = 0;
  let lastId = 0;
  let closed = false;
  const waiting = new Map<number, Waiting>();

  const settle = (id: number, act: (entry: Waiting) => void) => {
    const entry = waiting.get(id);
    if (entry === undefined) return;
    waiting.delete(id);
    if (waiting.size === 0) worker?.unref();
    act(entry);
  };
  const drop = (error: DiscernError) => {
    worker = null;
    for (const id of [...waiting.keys()]) settle(id, ({ reject }) => reject(error));
  };
  const start = (): Worker => {
    const url = workerUrl('./hnsw-scan-worker.ts', import.meta.url);
    const its = gate();
    door = its;
    const fresh = new Worker(url, {
      workerData: { dimensions: rows.dimensions, gate: its.shared } satisfies ScanThreadData,
    });
    fresh.on('exit', its.done);
    sent = 0;
    fresh.on('message', (reply: ScanReply) =>
      settle(reply.id, ({ resolve, reject }) =>
        'hits' in reply
          ? resolve([...reply.hits])
          : reject(new DiscernError('BACKEND_FAILED', `the search thread failed: ${reply.error}`)),
      ),
    );
    fresh.on('error', (error) => {
      if (worker === fresh)
        drop(new DiscernError('BACKEND_FAILED', `the search thread failed: ${messageOf(error)}`, { cause: error }));
    });
    return fresh;
  };

  return {
    scan(query, k, view, only, signal) {
      return new Promise((resolve, reject) => {
        if (closed) throw new DiscernError('BACKEND_CLOSED', 'the index was closed during the search');
        worker ??= start();
        const id = ++lastId;
        const onAbort = () =>
          settle(id, (entry) =>
            entry.reject(new DiscernError('ABORTED', 'the call was aborted', { cause: signal?.reason })),
          );
        const done = () => signal?.removeEventListener('abort', onAbort);
        waiting.set(id, {
          resolve: (hits) => {
            done();
            resolve(hits);
          },
          reject: (error) => {
            done();
            reject(error);
          },
        });
        signal?.addEventListener('abort', onAbort, { once: true });
        worker.ref();
        const chunks = rows.chunks.slice(sent);
        sent = rows.chunks.length;
        worker.postMessage({ id, chunks, view, query, k, rows: only } satisfies ScanRequest);
      });
    },
    async close() {
      closed = true;
      const running = worker;
      drop(new DiscernError('BACKEND_CLOSED', 'the index was closed during the search'));
      if (running === null) return;
      door?.stop();
      const ended = new Promise((resolve) => running.on('exit', resolve));
      running.ref();
      // Wakes it up: it looks at the gate before each message.
      running.postMessage(null);
      await ended;
    },
  };
}
