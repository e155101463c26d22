import { readFile } from 'node:fs/promises';
import { absence } from './native.ts';

/** Where models run: as native code, or on WebAssembly with the reason for it. */
export type OnnxRuntime =
  | { readonly kind: 'native' }
  | {
      readonly kind: 'wasm' /** What is wrong with onnxruntime-node, as words after its name. */;
      readonly because: string;
    };

/** The first output for one text. */
export interface Output {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** What the model is given for one text or one pair. */
export interface Run {
  readonly ids: readonly number[];
  /** Where the second text begins; without it all is one text. */
  readonly secondFrom?: number;
  /** Numbers beside the text, for models that take them. */
  readonly features?: readonly number[];
}

export interface OnnxSession {
  run(run: Run): Promise<Output>;
  release(): Promise<void>;
}

export interface OnnxEngine {
  readonly runtime: OnnxRuntime;
  open(model: string, threads: number): Promise<OnnxSession>;
}

/** What is used of onnxruntime. Both packages have it, in declarations of their own. */
interface Library<T> {
  readonly Tensor: {
    new (type: 'int64', data: BigInt64Array, dims: readonly number[]): T;
    new (type: 'float32', data: Float32Array, dims: readonly number[]): T;
  };
}
interface Opened<T> {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, T>): Promise<Record<string, { readonly data: unknown; readonly dims: readonly number[] }>>;
  release(): Promise<void>;
}

/** onnxruntime-node, else onnxruntime-web, which needs no native code. */
export async function loadEngine(): Promise<OnnxEngine> {
  try {
    const library = await import('onnxruntime-node');
    return {
      runtime: { kind: 'native' },
      async open(model, threads) {
        const opened = await library.InferenceSession.create(model, {
          intraOpNumThreads: threads,
          interOpNumThreads: 1,
          logSeverityLevel: 3,
          // Spinning threads burn a core while they wait; on a busy machine that doubled the time of a run.
          extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
        });
        return session(library, opened);
      },
    };
  } catch (error) {
    const because = absence(error);
    if (because === null) throw error;
    return wasmEngine(because);
  }
}

async function wasmEngine(because: string): Promise<OnnxEngine> {
  const library = await import('onnxruntime-web');
  // More would be threads below this one. The program itself is found beside the package's own modules.
  library.env.wasm.numThreads = 1;
  return {
    runtime: { kind: 'wasm', because },
    async open(model) {
      const opened = await library.InferenceSession.create(await readFile(model), {
        executionProviders: ['wasm'],
        logSeverityLevel: 3,
      });
      return session(library, opened);
    },
  };
}

function session<T>({ Tensor }: Library<T>, opened: Opened<T>): OnnxSession {
  return {
    async run({ ids, secondFrom = ids.length, features = [] }) {
      const feeds: Record<string, T> = {};
      for (const name of opened.inputNames) {
        if (name === 'features') {
          feeds[name] = new Tensor('float32', Float32Array.from(features), [1, features.length]);
          continue;
        }
        const values = new BigInt64Array(ids.length);
        if (name === 'input_ids') for (let i = 0; i < ids.length; i++) values[i] = BigInt(ids[i]!);
        else if (name === 'attention_mask') values.fill(1n);
        else if (name === 'token_type_ids') values.fill(1n, secondFrom);
        feeds[name] = new Tensor('int64', values, [1, ids.length]);
      }
      const { data, dims } = (await opened.run(feeds))[opened.outputNames[0]!]!;
      return { data: data as Float32Array, dims };
    },
    release: () => opened.release(),
  };
}
