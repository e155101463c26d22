import { Worker } from 'node:worker_threads';
import type { CallOptions } from '../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import type { OnnxReply, OnnxTask, OnnxWorkerData } from './onnx-worker.ts';
import { workerUrl } from './worker-url.ts';

export interface AskOptions extends CallOptions {
  /** Tasks that a person waits for go before those of a batch. */
  readonly urgent: boolean;
  readonly onProgress?: (done: number) => void;
}

/** One ONNX session in a thread of its own, started by the first task. */
export interface OnnxWorker {
  /** One result for each task, in order; one task per run. */
  ask(tasks: readonly OnnxTask[], options: AskOptions): Promise<Float32Array[]>;
  close(): Promise<void>;
}

interface Batch {
  readonly tasks: readonly OnnxTask[];
  readonly results: Float32Array[];
  readonly onProgress: ((done: number) => void) | undefined;
  readonly resolve: (results: Float32Array[]) => void;
  readonly reject: (error: unknown) => void;
}

/** `name` stands in error messages. After a crash the next task starts a fresh thread. */
export function onnxWorker(
  name: string,
  data: OnnxWorkerData,
  program = workerUrl('./onnx-worker.ts', import.meta.url),
): OnnxWorker {
  const urgent: Batch[] = [];
  const patient: Batch[] = [];
  let worker: Worker | null = null;
  let running: { readonly job: number; readonly batch: Batch } | null = null;
  let jobs = 0;
  let closed = false;

  const closedError = () => new DiscernError('BACKEND_CLOSED', `the model ${name} is closed`);

  function start(): Worker {
    // No execArgv: the options of the main program (loaders, watchers) are not for this thread.
    const started = new Worker(program, { workerData: data, execArgv: [] });
    started.on('message', (reply: OnnxReply) => finish(reply));
    started.on('error', (cause) => lost(started, cause));
    started.on('exit', (code) => lost(started, new Error(`its thread ended with code ${code}`)));
    return started;
  }

  function lost(which: Worker, cause: unknown): void {
    if (which !== worker) return;
    worker = null;
    const error = new DiscernError('BACKEND_FAILED', `the model ${name} stopped: ${messageOf(cause)}`, { cause });
    drop(error);
  }

  function drop(error: DiscernError): void {
    running = null;
    for (const batch of [...urgent.splice(0), ...patient.splice(0)]) batch.reject(error);
  }

  function finish(reply: OnnxReply): void {
    const batch = running?.job === reply.job ? running.batch : null;
    running = null;
    if (batch !== null && (urgent.includes(batch) || patient.includes(batch))) {
      if ('error' in reply) {
        remove(batch);
        batch.reject(new DiscernError('BACKEND_FAILED', `the model ${name} failed: ${reply.error}`));
      } else {
        batch.results.push(reply.result);
        report(batch);
        if (batch.results.length === batch.tasks.length) {
          remove(batch);
          batch.resolve(batch.results);
        }
      }
    }
    next();
  }

  /** What a caller's own function throws ends that call, not the thread's message handler. */
  function report(batch: Batch): void {
    try {
      batch.onProgress?.(batch.results.length);
    } catch (error) {
      remove(batch);
      batch.reject(error);
    }
  }

  /** One task is under way at a time, so an urgent one waits for no more than that. */
  function next(): void {
    if (running !== null) return;
    const batch = urgent[0] ?? patient[0];
    if (batch === undefined) {
      worker?.unref(); // an idle thread does not keep the program alive
      return;
    }
    worker ??= start();
    worker.ref();
    running = { job: jobs++, batch };
    worker.postMessage({ job: running.job, task: batch.tasks[batch.results.length] });
  }

  function remove(batch: Batch): void {
    for (const queue of [urgent, patient]) {
      const at = queue.indexOf(batch);
      if (at >= 0) queue.splice(at, 1);
    }
  }

  return {
    async ask(tasks, { urgent: first, signal, onProgress }) {
      if (closed) throw closedError();
      throwIfAborted(signal);
      if (tasks.length === 0) return [];
      let abort = () => {};
      try {
        return await new Promise<Float32Array[]>((resolve, reject) => {
          const batch: Batch = { tasks, results: [], onProgress, resolve, reject };
          abort = () => {
            remove(batch);
            reject(new DiscernError('ABORTED', 'the call was aborted', { cause: signal?.reason }));
          };
          signal?.addEventListener('abort', abort, { once: true });
          (first ? urgent : patient).push(batch);
          next();
        });
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    },
    async close() {
      closed = true;
      const ending = worker;
      worker = null;
      drop(closedError());
      await ending?.terminate();
    },
  };
}
