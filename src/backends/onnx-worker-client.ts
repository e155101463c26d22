import { Worker } from 'node:worker_threads';
import type { CallOptions } from '../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import type { OnnxMessage, OnnxReply, OnnxTask, OnnxWorkerData } from './onnx-worker.ts';
import type { OnnxRuntime } from './onnx-worker-session.ts';
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
  /** Starts the thread if need be, and says what the model runs on. */
  runtime(): Promise<OnnxRuntime>;
  /** The same, as far as it is known: null before the first start. */
  readonly knownRuntime: OnnxRuntime | null;
  close(): Promise<void>;
}

interface Thread {
  readonly worker: Worker;
  send(message: OnnxMessage): void;
  /** Asks it to leave, and waits until it has: no longer than the task under way takes. */
  end(): Promise<void>;
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
  data: Omit<OnnxWorkerData, 'pending'>,
  program = workerUrl('./onnx-worker.ts', import.meta.url),
): OnnxWorker {
  const urgent: Batch[] = [];
  const patient: Batch[] = [];
  let thread: Thread | null = null;
  let running: { readonly job: number; readonly batch: Batch } | null = null;
  let jobs = 0;
  let runtime: OnnxRuntime | null = null;
  const curious: { resolve(runtime: OnnxRuntime): void; reject(error: DiscernError): void }[] = [];
  let closed = false;

  const closedError = () => new DiscernError('BACKEND_CLOSED', `the model ${name} is closed`);

  function lost(which: Thread, cause: unknown): void {
    if (which !== thread) return;
    thread = null;
    drop(new DiscernError('BACKEND_FAILED', `the model ${name} stopped: ${messageOf(cause)}`, { cause }));
  }

  function drop(error: DiscernError): void {
    running = null;
    for (const waiting of [...urgent.splice(0), ...patient.splice(0), ...curious.splice(0)]) waiting.reject(error);
  }

  function hear(reply: OnnxReply): void {
    if (!('runtime' in reply)) {
      finish(reply);
      return;
    }
    runtime = reply.runtime;
    for (const { resolve } of curious.splice(0)) resolve(runtime);
    next();
  }

  function finish(reply: Exclude<OnnxReply, { runtime: OnnxRuntime }>): void {
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
      if (curious.length === 0) thread?.worker.unref(); // an idle thread does not keep the program alive
      return;
    }
    const { send } = awake();
    running = { job: jobs++, batch };
    send({ job: running.job, task: batch.tasks[batch.results.length]! });
  }

  function awake(): Thread {
    thread ??= startThread(program, data, { onReply: hear, onLost: lost });
    thread.worker.ref();
    return thread;
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
    async runtime() {
      if (closed) throw closedError();
      if (runtime !== null) return runtime;
      return new Promise((resolve, reject) => {
        curious.push({ resolve, reject });
        awake();
      });
    },
    get knownRuntime() {
      return runtime;
    },
    async close() {
      closed = true;
      const ending = thread;
      thread = null;
      drop(closedError());
      await ending?.end();
    },
  };
}

/** A program that ends waits this long for the task under way; see `startThread`. */
const LONGEST_WAIT_MS = 10_000;

/**
 * Starts the thread. It is never terminated from outside: inside the native code that would abort the whole process.
 * So `end` asks it to leave, and a program that ends without `end` (which terminates its threads) waits for the task
 * under way first.
 */
function startThread(
  program: URL,
  data: Omit<OnnxWorkerData, 'pending'>,
  on: { readonly onReply: (reply: OnnxReply) => void; readonly onLost: (thread: Thread, cause: unknown) => void },
): Thread {
  const pending = new SharedArrayBuffer(4);
  const counter = new Int32Array(pending);
  Atomics.add(counter, 0, 1); // loading
  // No execArgv: the options of the main program (loaders, watchers) are not for this thread.
  const worker = new Worker(program, { workerData: { ...data, pending } satisfies OnnxWorkerData, execArgv: [] });
  const hold = () => {
    const until = performance.now() + LONGEST_WAIT_MS;
    for (let open = Atomics.load(counter, 0); open > 0 && performance.now() < until; open = Atomics.load(counter, 0))
      Atomics.wait(counter, 0, open, until - performance.now());
  };
  process.on('exit', hold);
  const gone = new Promise<void>((resolve) => {
    worker.on('exit', (code) => {
      process.off('exit', hold);
      resolve();
      on.onLost(thread, new Error(`its thread ended with code ${code}`));
    });
  });
  worker.on('message', on.onReply);
  worker.on('error', (cause) => on.onLost(thread, cause));
  const thread: Thread = {
    worker,
    send(message) {
      if (message !== 'close') Atomics.add(counter, 0, 1);
      worker.postMessage(message);
    },
    async end() {
      worker.ref();
      thread.send('close');
      await gone;
    },
  };
  return thread;
}
