import type { Embedder } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { onnxWorker } from '../onnx-worker-client.ts';

export interface OnnxEmbedderOptions {
  readonly model: ResolvedModel;
  /** Longer texts are cut to this many tokens. */
  readonly maxTokens: number;
  readonly threads: number;
}

/** An ONNX embedding model on the CPU, in a thread of its own; loaded by the first call. */
export function onnxEmbedder({ model, maxTokens, threads }: OnnxEmbedderOptions): Embedder {
  const weights = model.files['model.onnx'];
  const tokenizer = model.files['tokenizer.json'];
  const facts = model.embedder;
  if (!weights || !tokenizer || !facts)
    throw new DiscernError(
      'MODEL_UNKNOWN',
      `${model.name} is not an embedding model with model.onnx and tokenizer.json`,
    );
  const worker = onnxWorker(model.name, { model: weights.path, tokenizer: tokenizer.path, threads });

  const embed: Embedder['embed'] = (texts, kind, options = {}) => {
    const prefix = kind === 'query' ? facts.queryPrefix : facts.passagePrefix;
    const tasks = texts.map((text) => ({
      type: 'embed' as const,
      text: prefix + text,
      maxTokens,
      pooling: facts.pooling,
    }));
    return worker.ask(tasks, { ...options, urgent: kind === 'query' });
  };

  return {
    id: `onnx-${model.name}`,
    async fingerprint() {
      return {
        model: model.name,
        sha256: weights.sha256,
        dimensions: facts.dimensions ?? (await embed([''], 'passage'))[0]!.length,
        pooling: facts.pooling,
        queryPrefix: facts.queryPrefix,
        passagePrefix: facts.passagePrefix,
      };
    },
    embed,
    close: () => worker.close(),
  };
}
