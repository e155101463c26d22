import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { Reranker } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { passageText } from '../../text/passage.ts';
import { pairModelId, pairSizes, readCrossEncoderConfig, scoringOf } from '../onnx-pair-config.ts';
import { onnxWorker } from '../onnx-worker-client.ts';
import { partsOf, type TokensOf } from '../onnx-worker-tokens.ts';

export interface OnnxRerankerOptions {
  /** Of the model store: a folder of this machine or of the hub with model.onnx, tokenizer.json and config.json. */
  readonly model: Pick<ResolvedModel, 'name' | 'dir' | 'files'>;
  readonly threads?: number;
  /** The label that speaks for the passage, for models with more than two. */
  readonly positive?: string;
  /** Token ids of passages that need no tokenising. */
  readonly tokensOf?: TokensOf;
  /** Scores that are kept in memory, by question and passage text. */
  readonly cache?: number;
}

const KEPT = 8192;

/**
 * Any sequence-classification cross-encoder on the CPU, in a thread of its own; its weights are loaded by the first
 * call. Each pair is one run, unpadded. Of a passage that does not fit beside its question the best window counts.
 * How it scores stands in its config.json; see `scoringOf`. `start` makes what runs the model.
 * Throws MODEL_UNKNOWN, MODEL_UNAVAILABLE, CONFIG_INVALID.
 */
export async function onnxReranker(
  { model, threads = 1, positive, tokensOf, cache = KEPT }: OnnxRerankerOptions,
  start: typeof onnxWorker = onnxWorker,
): Promise<Reranker> {
  const weights = model.files['model.onnx'];
  const tokenizer = model.files['tokenizer.json'];
  if (!weights || !tokenizer)
    throw new DiscernError('MODEL_UNKNOWN', `${model.name} is not a reranker with model.onnx and tokenizer.json`);
  const config = await readCrossEncoderConfig(join(model.dir, 'config.json'));
  const scoring = scoringOf(config, positive);
  const sizes = pairSizes(config);
  const twoTypes = (config.type_vocab_size ?? 2) > 1;
  const worker = start(model.name, { model: weights.path, tokenizer: tokenizer.path, threads });
  const passageParts = partsOf(worker, tokensOf);
  const known = cache > 0 ? new LRUCache<string, number>({ max: cache }) : null;
  let closed = false;

  return {
    id: pairModelId(model.name, weights.sha256),
    async score(question, candidates, { signal } = {}) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', `the reranker ${model.name} is closed`);
      throwIfAborted(signal);
      const texts = candidates.map(({ passage }) => passageText(passage));
      const keyOf = (text: string) => JSON.stringify([question, text]);
      const found = new Map<string, number>();
      for (const text of new Set(texts)) {
        const score = known?.get(keyOf(text));
        if (score !== undefined) found.set(text, score);
      }
      const passages = new Map(candidates.map(({ passage }, i) => [texts[i]!, passage]));
      const missing = [...passages.keys()].filter((text) => !found.has(text));
      const parts = await passageParts(
        missing.map((text) => passages.get(text)!),
        { signal },
      );
      const answers = await worker.ask(
        parts.map((last) => ({
          type: 'pair' as const,
          ...{ first: question, last, sizes, twoTypes, pick: scoring.pick },
        })),
        { urgent: true, signal },
      );
      for (const [i, logits] of answers.entries()) {
        if (logits.length !== scoring.outputs)
          throw new DiscernError(
            'BACKEND_FAILED',
            `${model.name} gives ${logits.length} numbers for a pair, where its config.json has ${scoring.outputs} labels`,
            { hint: 'a reranker is a sequence-classification model with the config.json that belongs to it' },
          );
        const score = scoring.score([...logits]);
        found.set(missing[i]!, score);
        known?.set(keyOf(missing[i]!), score);
      }
      return texts.map((text) => found.get(text)!);
    },
    async close() {
      closed = true;
      await worker.close();
    },
  };
}
