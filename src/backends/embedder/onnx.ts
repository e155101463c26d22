import type { Embedder } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { onnxWorker } from '../onnx-worker-client.ts';
import { tokensOf } from '../onnx-worker-tokens.ts';

export interface OnnxEmbedderOptions {
  readonly model: ResolvedModel;
  /** Longer texts are cut to this many tokens. */
  readonly maxTokens: number;
  readonly threads: number;
}

/**
 * An ONNX embedding model on the CPU, in a thread of its own; loaded by the first call.
 *
 * Without onnxruntime-node it runs on WebAssembly, and its id ends in `-wasm` once that is known. The fingerprint stays,
 * so an index that was made on one of them may be used with the other: both run the same int8 weights, and their vectors
 * of a text differ only by rounding (cosine 0.9975 to 1 over 55 passages, 54 of which kept their nearest neighbour).
 */
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
    get id() {
      return `onnx-${model.name}${worker.knownRuntime?.kind === 'wasm' ? '-wasm' : ''}`;
    },
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
    tokens: (texts, options = {}) => tokensOf(worker, texts, { ...options, urgent: false }),
    async notice() {
      const runtime = await worker.runtime();
      if (runtime.kind === 'native') return null;
      return (
        `onnxruntime-node ${runtime.because}: the model runs on WebAssembly, several times slower ` +
        '(to install it: npm install onnxruntime-node; on a closed network ' +
        'ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node)'
      );
    },
    close: () => worker.close(),
  };
}
