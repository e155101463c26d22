/** The program of a worker thread that owns one ONNX session and its tokenizer: `run` blocks whatever thread calls it. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import { type ClassifyTask, type PairTask, pairAnswers } from './onnx-worker-pairs.ts';
import { loadEngine, type OnnxRuntime, type Output } from './onnx-worker-session.ts';
import { loadTokenizer } from './onnx-worker-tokenizer.ts';
import { type TokenizerTask, type TokensTask, tokenAnswers } from './onnx-worker-tokens.ts';

export interface OnnxWorkerData {
  readonly model: string;
  readonly tokenizer: string;
  readonly threads: number;
  /** One number: how many things (loading, tasks) this thread has still to finish. */
  readonly pending: SharedArrayBuffer;
}

export type OnnxMessage = { readonly job: number; readonly task: OnnxTask } | 'close';

/** What a session can be asked. Each kind of answer is one more member here. */
export type OnnxTask =
  | { readonly type: 'embed'; readonly text: string; readonly maxTokens: number; readonly pooling: 'cls' | 'mean' }
  | ClassifyTask
  | PairTask
  | TokensTask
  | TokenizerTask;

export type OnnxReply =
  /** The first message: what the model will run on. */
  | { readonly runtime: OnnxRuntime }
  | { readonly job: number; readonly result: Float32Array }
  | { readonly job: number; readonly error: string };

const { model, tokenizer, threads, pending } = workerData as OnnxWorkerData;
const port = parentPort!;

async function main(): Promise<void> {
  const engine = await loadEngine();
  port.postMessage({ runtime: engine.runtime } satisfies OnnxReply);
  const [reader, session] = await Promise.all([loadTokenizer(tokenizer), engine.open(model, threads)]);
  const pairs = pairAnswers(reader, session);
  const tokens = tokenAnswers(reader);

  const answer = async (task: OnnxTask): Promise<Float32Array> => {
    if (task.type === 'tokens' || task.type === 'tokenizer') return tokens(task);
    if (task.type !== 'embed') return pairs(task);
    return unit(pool(await session.run({ ids: reader.encode(task.text, task.maxTokens) }), task.pooling));
  };

  // Leaving by itself: a thread that is terminated inside the native code takes the whole process down.
  let last: Promise<unknown> = Promise.resolve();
  const close = async () => {
    await last;
    await session.release();
    port.close();
  };

  port.on('message', (message: OnnxMessage) => {
    if (message === 'close') {
      void close();
      return;
    }
    const { job, task } = message;
    last = answer(task)
      .then(
        (result) => port.postMessage({ job, result } satisfies OnnxReply, [result.buffer as ArrayBuffer]),
        (error: unknown) => port.postMessage({ job, error: messageOf(error) } satisfies OnnxReply),
      )
      .finally(done);
  });
  done();
}

const counter = new Int32Array(pending);
function done(): void {
  Atomics.sub(counter, 0, 1);
  Atomics.notify(counter, 0);
}

/** One vector of the states of all tokens. A model that pools by itself returns [1, dimensions] already. */
function pool({ data: states, dims }: Output, pooling: 'cls' | 'mean'): Float32Array {
  const dimensions = dims.at(-1)!;
  const tokens = states.length / dimensions;
  if (pooling === 'cls' || tokens === 1) return states.slice(0, dimensions);
  const mean = new Float32Array(dimensions);
  for (let i = 0; i < states.length; i++) mean[i % dimensions]! += states[i]! / tokens;
  return mean;
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return norm === 0 ? vector : vector.map((value) => value / norm);
}

await main();
