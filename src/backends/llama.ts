import type { Llama, LlamaModel } from 'node-llama-cpp';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';
import type { ResolvedModel } from '../models/manifest.ts';
import { type LlamaEngine, llamaEngine } from './llama-engine.ts';

export interface LlamaOptions {
  readonly model: ResolvedModel;
  /** Threads of one evaluation. */
  readonly threads: number;
  /** Tokens of one sequence: prompt and answer together. */
  readonly contextSize: number;
  readonly sequences: number;
}

/** A language model in use by one backend: loaded at the first call, one call at a time. */
export interface LlamaSession {
  /**
   * Runs `work` alone on the engine. Throws BACKEND_CLOSED, ABORTED, and BACKEND_FAILED for what llama.cpp says.
   * `check` throws once the call was aborted or the backend closed; `work` calls it between its steps.
   */
  use<T>(work: (engine: LlamaEngine, check: () => void) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Lets the running call stop at its next step, then frees the memory. */
  close(): Promise<void>;
}

const library = () =>
  import('node-llama-cpp').catch((cause: unknown) => {
    throw new DiscernError(
      'PACKAGE_MISSING',
      'language models need the package node-llama-cpp, and it cannot be loaded',
      {
        hint: 'npm install node-llama-cpp',
        cause,
      },
    );
  });

// One copy of each model file per process, whoever uses it, and one llama.cpp for all of them.
const models = new Map<string, { model: Promise<LlamaModel>; users: number }>();
let runtime: Promise<Llama> | null = null;

async function load(path: string): Promise<LlamaModel> {
  const { getLlama, LlamaLogLevel } = await library();
  runtime ??= getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
    logger: () => {},
  });
  return (await runtime).loadModel({ modelPath: path });
}

async function acquire(path: string): Promise<LlamaModel> {
  const entry = models.get(path) ?? { model: load(path), users: 0 };
  models.set(path, entry);
  entry.users += 1;
  try {
    return await entry.model;
  } catch (error) {
    await release(path);
    throw error;
  }
}

async function release(path: string): Promise<void> {
  const entry = models.get(path);
  if (!entry) return;
  entry.users -= 1;
  if (entry.users > 0) return;
  models.delete(path);
  const last = models.size === 0 ? runtime : null;
  if (last) runtime = null;
  await entry.model.then(
    (model) => model.dispose(),
    () => {},
  );
  await last?.then(
    (llama) => llama.dispose(),
    () => {},
  );
}

async function open({ model, threads, contextSize, sequences }: LlamaOptions, path: string): Promise<LlamaEngine> {
  const { resolveChatWrapper } = await library();
  const loaded = await acquire(path);
  try {
    const context = await loaded.createContext({
      contextSize: Math.min(contextSize, loaded.trainContextSize),
      sequences,
      threads,
      // Models with sliding windows forget otherwise what a branch of answers goes back to.
      swaFullCache: true,
    });
    return llamaEngine(context, resolveChatWrapper(loaded, { warningLogs: false }));
  } catch (error) {
    await release(path);
    throw new DiscernError('BACKEND_FAILED', `${model.name} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

export function llamaSession(options: LlamaOptions): LlamaSession {
  const name = options.model.name;
  const path = options.model.files['model.gguf']?.path;
  if (path === undefined)
    throw new DiscernError('MODEL_UNKNOWN', `${name} has no GGUF file, so it is no language model`);
  let engine: Promise<LlamaEngine> | null = null;
  let queue: Promise<void> = Promise.resolve();
  let closing: Promise<void> | null = null;

  const check = (signal?: AbortSignal) => {
    if (closing) throw new DiscernError('BACKEND_CLOSED', `${name} is closed`);
    throwIfAborted(signal);
  };

  /** Waits for its turn; a call that is aborted while it waits leaves at once. */
  async function turn(signal?: AbortSignal): Promise<() => void> {
    const before = queue;
    let done = () => {};
    queue = new Promise((resolve) => {
      done = () => void before.then(resolve);
    });
    let leave = () => {};
    const aborted = new Promise<void>((resolve) => {
      leave = resolve;
    });
    signal?.addEventListener('abort', leave);
    await Promise.race([before, aborted]);
    signal?.removeEventListener('abort', leave);
    return done;
  }

  return {
    async use(work, signal) {
      check(signal);
      const done = await turn(signal);
      try {
        check(signal);
        engine ??= open(options, path);
        const ready = await engine.catch((error: unknown) => {
          engine = null;
          throw error;
        });
        check(signal);
        return await work(ready, () => check(signal));
      } catch (error) {
        if (DiscernError.is(error)) throw error;
        throw new DiscernError('BACKEND_FAILED', `${name} failed: ${messageOf(error)}`, { cause: error });
      } finally {
        done();
      }
    },
    async close() {
      closing ??= queue.then(async () => {
        if (!engine) return;
        await (await engine).dispose();
        await release(path);
      });
      await closing;
    },
  };
}

/** A model's name as part of an id: `models/Qwen3.gguf` gives `models-qwen3.gguf`. */
export const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|-+$/g, '') || 'model';
