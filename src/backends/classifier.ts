import { LRUCache } from 'lru-cache';
import { calibrated, softmax } from '../calibration.ts';
import type { CallOptions } from '../contracts.ts';
import { DiscernError, throwIfAborted } from '../errors.ts';
import { passageText } from '../text/passage.ts';
import type { Passage } from '../types.ts';
import type { ClassifierDefinition, ClassifierFiles } from './classifier-definition.ts';
import type { Head } from './classifier-input.ts';
import { onnxWorker } from './onnx-worker-client.ts';
import type { Part } from './onnx-worker-pairs.ts';
import { partsOf, type TokensOf } from './onnx-worker-tokens.ts';

export interface ClassifierOptions {
  readonly files: ClassifierFiles;
  readonly threads?: number;
  /** Token ids of passages that need no tokenising. */
  readonly tokensOf?: TokensOf;
  /** Answers that are kept in memory, by head and texts. */
  readonly cache?: number;
}

/** What one head is asked: a question, for some heads a second text, and the text or passage that it is about. */
export interface HeadRequest {
  readonly first: readonly string[];
  readonly last: string | Passage;
}

/** One loaded encoder with several heads, shared by all that ask it: critic, reranker, entailment, quotes. */
export interface Classifier {
  readonly definition: ClassifierDefinition;
  /** `name@version`. */
  readonly id: string;
  has(head: Head): boolean;
  /** Logits of the labels of a head, one list for each request; a head with one output gives [logit, 0]. Cached. */
  logits(head: Head, requests: readonly HeadRequest[], options?: CallOptions): Promise<number[][]>;
  /** The same as probabilities: as the model says them, and calibrated. */
  probabilities(
    head: Head,
    requests: readonly HeadRequest[],
    options?: CallOptions,
  ): Promise<{ raw: number[]; calibrated: number[] }[]>;
  notice(): Promise<string | null>;
  close(): Promise<void>;
}

/** The window of a long text that counts is the one with most of this output: relevant, fully, 5, entailment. */
const PICK: Readonly<Record<Head, number>> = {
  isRel: 0,
  isSup: 0,
  isUse: 4,
  retrieve: 0,
  entail: 2,
  equivalent: 0,
  sentence: 0,
};

const KEPT = 8192;

/**
 * Loads by the first call, in a thread of its own; one request is one run, so nothing is padded. `start` makes what
 * runs the model.
 */
export function createClassifier(
  { files, threads = 1, tokensOf, cache = KEPT }: ClassifierOptions,
  start: typeof onnxWorker = onnxWorker,
): Classifier {
  const { definition, model, tokenizer } = files;
  const id = `${definition.id}@${definition.version}`;
  const worker = start(id, { model, tokenizer, threads });
  const passageParts = partsOf(worker, tokensOf);
  const known = cache > 0 ? new LRUCache<string, number[]>({ max: cache }) : null;

  async function logits(head: Head, requests: readonly HeadRequest[], { signal }: CallOptions = {}) {
    throwIfAborted(signal);
    const place = definition.heads[head];
    if (place === undefined) throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${id} has no head ${head}`);
    const keys = requests.map(({ first, last }) => JSON.stringify([head, first, textOf(last)]));
    const found = new Map<string, number[]>();
    const missing = new Map<string, HeadRequest>();
    for (const [i, key] of keys.entries()) {
      const kept = known?.get(key);
      if (kept) found.set(key, kept);
      else missing.set(key, requests[i]!);
    }
    const asked = [...missing.values()];
    const lasts = await partsOfLasts(
      asked.map(({ last }) => last),
      signal,
    );
    const { frame, sizes } = definition;
    const answers = await worker.ask(
      asked.map(({ first }, i) => ({
        type: 'classify' as const,
        ...{ head, first, last: lasts[i]!, frame, sizes, pick: PICK[head], at: place.at, outputs: place.outputs },
      })),
      { urgent: true, signal },
    );
    for (const [i, key] of [...missing.keys()].entries()) {
      const values = [...answers[i]!];
      const complete = values.length === 1 ? [values[0]!, 0] : values;
      found.set(key, complete);
      known?.set(key, complete);
    }
    return keys.map((key) => found.get(key)!);
  }

  async function partsOfLasts(lasts: readonly (string | Passage)[], signal: AbortSignal | undefined): Promise<Part[]> {
    const passages = lasts.filter((last) => typeof last !== 'string');
    const parts = await passageParts(passages, { signal });
    let next = 0;
    return lasts.map((last) => (typeof last === 'string' ? last : parts[next++]!));
  }

  return {
    definition,
    id,
    has: (head) => definition.heads[head] !== undefined,
    logits,
    async probabilities(head, requests, options) {
      const use = definition.calibration[head]?.use ?? null;
      return (await logits(head, requests, options)).map((values) => ({
        raw: softmax(values),
        calibrated: calibrated(values, use),
      }));
    },
    async notice() {
      const runtime = await worker.runtime();
      return runtime.kind === 'native'
        ? null
        : `onnxruntime-node ${runtime.because}: ${id} runs on WebAssembly, several times slower`;
    },
    close: () => worker.close(),
  };
}

const textOf = (last: string | Passage): string => (typeof last === 'string' ? last : passageText(last));
