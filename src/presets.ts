import type { Config } from './config.ts';
import type {
  Embedder,
  Entailment,
  Generator,
  Loader,
  PassageIndex,
  Reranker,
  Rewriter,
  Splitter,
} from './contracts.ts';
import { DiscernError } from './errors.ts';
import {
  type Classifier,
  classifierNamed,
  type Makers,
  makerOf,
  type PresetContext,
  pick,
  unknown,
} from './presets/context.ts';
import { reflectionPartsOf } from './presets/reflection-tokens.ts';

export type { Classifier, PresetContext } from './presets/context.ts';
export { createCritic, criticKey, type PresetCritic } from './presets/critics.ts';

type TokensOf = NonNullable<PresetContext['tokensOf']>;

export interface PresetReranker {
  readonly reranker: Reranker;
  /** Share of its score in the final order that was fitted for it; null where none was. */
  readonly mix: number | null;
}

const EMBEDDERS: Makers<Embedder> = {
  async onnx({ config: { embedder }, store, signal }) {
    const [{ onnxEmbedder }, { cachedEmbedder }] = await Promise.all([
      import('./backends/embedder/onnx.ts'),
      import('./backends/embedder/cached.ts'),
    ]);
    const model = await store.resolve(embedder.model, { signal });
    return cachedEmbedder(onnxEmbedder({ model, maxTokens: embedder.maxTokens, threads: embedder.threads }), {
      max: embedder.cache,
    });
  },
};

const REWRITERS: Makers<Rewriter> = {
  async prompted({ config, store, signal }) {
    const { promptedRewriter } = await import('./backends/rewriter/prompted.ts');
    return promptedRewriter({ model: await store.resolve(config.generate.model, { signal }) });
  },
};

const RERANKERS: Makers<PresetReranker> = {
  async embedding({ embedder, vectorsOf }) {
    const { embeddingReranker } = await import('./backends/reranker/embedding.ts');
    return { reranker: embeddingReranker({ embedder: await embedder(), vectorsOf }), mix: null };
  },
  async onnx({ config, store, tokensOf, signal }) {
    const { model } = config.rerank;
    if (model === null)
      throw new DiscernError('CONFIG_INVALID', 'rerank.backend onnx needs a cross-encoder, and rerank.model is none', {
        hint: 'give its folder with --rerank.model, or use --rerank.backend mini',
      });
    const { onnxReranker } = await import('./backends/reranker/onnx.ts');
    return { reranker: await onnxReranker({ model: await store.resolve(model, { signal }), tokensOf }), mix: null };
  },
};

const GENERATORS: Makers<Generator> = {
  async quote(context) {
    const { quoteGenerator, sentenceRanker } = await import('./backends/generator/quote.ts');
    const { quoteRanker } = context.config.generate;
    const ranker =
      quoteRanker === null
        ? null
        : sentenceRanker(await classifierNamed(quoteRanker, 'ranker of quotes', ['none'], context));
    return quoteGenerator({ embedder: await context.embedder(), ranker });
  },
  async gguf({ config, store, signal }) {
    const { ggufGenerator } = await import('./backends/generator/gguf.ts');
    return ggufGenerator({ model: await store.resolve(config.generate.model, { signal }) });
  },
  async langchain({ config: { generate } }) {
    const { langchainGenerator } = await import('./backends/generator/langchain.ts');
    return langchainGenerator({ model: generate.serverModel });
  },
  async openai({ config: { generate }, keys }) {
    const { openaiGenerator } = await import('./backends/generator/openai.ts');
    return openaiGenerator({ model: generate.serverModel, baseUrl: generate.baseUrl, apiKey: keys.openai });
  },
  async 'reflection-tokens'(context) {
    return (await reflectionPartsOf(context, context.config.generate.model)).generator();
  },
};

/** Loads nothing yet, but checks the files. Whoever asks closes it. */
export async function openClassifier(folder: string, signal?: AbortSignal, tokensOf?: TokensOf): Promise<Classifier> {
  const [{ createClassifier }, { loadClassifier }] = await Promise.all([
    import('./backends/classifier.ts'),
    import('./backends/classifier-definition.ts'),
  ]);
  return createClassifier({ files: await loadClassifier(folder, signal), tokensOf });
}

export const createEmbedder = (context: PresetContext): Promise<Embedder> =>
  pick(EMBEDDERS, 'embedder', context.config.embedder.backend)(context);

export const createRewriter = (name: string, context: PresetContext): Promise<Rewriter> =>
  pick(REWRITERS, 'rewriter', name)(context);

export async function createReranker(name: string, context: PresetContext): Promise<PresetReranker> {
  const make = makerOf(RERANKERS, name);
  if (make) return make(context);
  const classifier = await classifierNamed(name, 'reranker', ['none', ...Object.keys(RERANKERS)], context);
  const { classifierReranker } = await import('./backends/reranker/classifier.ts');
  return { reranker: classifierReranker(classifier), mix: classifier.definition.rerankMix };
}

/** `prompted`, a classifier by its name or folder; otherwise an NLI model: its folder, or `owner/repo` of the hub. */
export async function createEntailment(
  name: string,
  { config, store, classifier, signal }: Pick<PresetContext, 'config' | 'store' | 'classifier' | 'signal'>,
): Promise<Entailment> {
  if (name === 'prompted') {
    const { promptedEntailment } = await import('./backends/entailment/prompted.ts');
    return promptedEntailment({ model: await store.resolve(config.critics.model, { signal }) });
  }
  const { classifierFolder } = await import('./backends/classifier-folder.ts');
  const folder = await classifierFolder(name);
  if (folder !== null) {
    const { classifierEntailment } = await import('./backends/entailment/classifier.ts');
    return classifierEntailment(await classifier(folder));
  }
  if (!/[\\/]/.test(name))
    throw unknown('entailment model', name, ['mini', 'prompted', 'or the folder of an NLI model']);
  const { onnxEntailment } = await import('./backends/entailment/onnx.ts');
  return onnxEntailment({ model: await store.resolve(name, { signal }) });
}

/** The estimate of P(context helps) by its name or folder, and the parts that it was fitted for. */
export async function createEstimator(name: string) {
  const { loadEstimator } = await import('./backends/gate-estimator.ts');
  return loadEstimator(name);
}

export const createGenerator = (name: string, context: PresetContext): Promise<Generator> =>
  pick(GENERATORS, 'generator', name)(context);

/** The embedder with its vectors kept in a file until they are cleared: a run that was killed goes on where it ended. */
export async function keptVectors(embedder: Embedder, file: string) {
  const { cachedVectors } = await import('./backends/embedder/vector-cache.ts');
  return cachedVectors(
    { file },
    {
      get id() {
        return embedder.id;
      },
      fingerprint: () => embedder.fingerprint(),
      embed: (texts, kind, options) => embedder.embed(texts, kind, options),
      tokens: async (texts, options) => (await embedder.tokens?.(texts, options)) ?? null,
      notice: async () => (await embedder.notice?.()) ?? null,
      close: async () => {}, // it is not ours
    },
  );
}

/** Opens the index in a folder (null: in memory), made for the vectors of this embedder. */
export async function openIndex(
  config: Config,
  embedder: Embedder,
  dir: string | null,
  create: boolean,
): Promise<PassageIndex> {
  if (config.index.backend !== 'hnsw')
    throw new DiscernError('BACKEND_UNKNOWN', `no index is called "${config.index.backend}"; there are: hnsw`);
  const { hnswIndex } = await import('./backends/index/hnsw.ts');
  const { dimensions, ...facts } = await embedder.fingerprint();
  const { exactUpTo, targetRecall, efMax } = config.index;
  return hnswIndex({ dir, create, dimensions, fingerprint: { ...facts, dimensions }, exactUpTo, targetRecall, efMax });
}

export async function createLoader(config: Config): Promise<Loader> {
  const { fileLoader } = await import('./backends/loader/files.ts');
  return fileLoader({ textField: config.ingest.textField, titleField: config.ingest.titleField });
}

export async function createSplitter({ ingest: { splitter, size, overlap } }: Config): Promise<Splitter> {
  const { structureSplitter } = await import('./backends/splitter/structure.ts');
  const { recursiveSplitter } = await import('./backends/splitter/recursive.ts');
  const { wholeSplitter } = await import('./backends/splitter/whole.ts');
  const makers = { structure: structureSplitter, recursive: recursiveSplitter, whole: wholeSplitter };
  return makers[splitter]({ size, overlap });
}
