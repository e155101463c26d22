import { join } from 'node:path';
import { type Config, type ConfigInput, parseConfig } from './config.ts';
import type { Critic, Embedder, Generator, IndexInfo, PassageIndex, Reranker } from './contracts.ts';
import { DiscernError } from './errors.ts';
import { createModelStore, type ModelStoreOptions } from './models/store.ts';
import { answerQuestion, type Parts } from './pipeline.ts';
import {
  createCritic,
  createEmbedder,
  createGenerator,
  createLoader,
  createReranker,
  createSplitter,
  keptVectors,
  openIndex,
  type PresetContext,
} from './presets.ts';
import { mergeConfig } from './replay.ts';
import { type IngestProgress, type IngestReport, ingest } from './stages/ingest.ts';
import { embeddingRecaller } from './stages/recall.ts';
import { type Answer, REFLECTIONS, type ReflectionKind, type TraceEvent } from './types.ts';

/** Parts of your own; each replaces the one that the config names. */
export interface OwnParts {
  readonly embedder?: Embedder;
  readonly index?: PassageIndex;
  readonly reranker?: Reranker;
  readonly critics?: Partial<Record<ReflectionKind, Critic>>;
  readonly withContext?: Generator;
  readonly closedBook?: Generator;
}

export interface RagOptions {
  /** Files or folders that are ingested before `createRag` returns. */
  readonly documents?: string | readonly string[];
  /** Folder of the index. Without one it lives in memory. */
  readonly index?: string;
  readonly config?: ConfigInput;
  readonly parts?: OwnParts;
  /** API keys by service, such as `{ openai: '…' }`. They are in no trace and no error. */
  readonly keys?: Readonly<Record<string, string | undefined>>;
  readonly onModelProgress?: ModelStoreOptions['onProgress'];
  readonly onIngestProgress?: (progress: IngestProgress) => void;
  readonly signal?: AbortSignal;
}

export interface AskOptions {
  /** Options of this question alone, over those of `createRag`. */
  readonly config?: ConfigInput;
  readonly signal?: AbortSignal;
  /** Told of every decision while it is made. */
  readonly onEvent?: (event: TraceEvent) => void;
  /** Name of the trace. */
  readonly id?: string;
}

export interface Rag {
  ask(question: string, options?: AskOptions): Promise<Answer>;
  ingest(
    paths: string | readonly string[],
    options?: { signal?: AbortSignal; onProgress?: (progress: IngestProgress) => void },
  ): Promise<IngestReport>;
  info(): Promise<IndexInfo>;
  /** What became of `documents`; null when none were given. Look at `failed`. */
  readonly ingested: IngestReport | null;
  /** Frees models and files. May be called twice. */
  close(): Promise<void>;
}

/**
 * A question-answering system over your documents, with local models unless the config says otherwise.
 *
 * @example
 * const rag = await createRag({ documents: './docs' });
 * const answer = await rag.ask('Who keeps the lighthouse?');
 */
export async function createRag(options: RagOptions = {}): Promise<Rag> {
  const config = parseConfig(options.config);
  const { parts: own = {} } = options;
  const store = createModelStore({ ...config.models, onProgress: options.onModelProgress });
  const made = new Map<string, Promise<unknown>>();
  const closers: (() => Promise<void>)[] = [];
  let closed = false;

  /** Makes each part once, however many questions ask for it; a failure is not kept. */
  function once<T>(key: string, make: () => Promise<T>): Promise<T> {
    if (closed) throw new DiscernError('BACKEND_CLOSED', 'this instance was closed');
    const existing = made.get(key) as Promise<T> | undefined;
    if (existing) return existing;
    const promise = make();
    made.set(key, promise);
    promise.catch(() => made.delete(key));
    return promise;
  }
  async function owned<T extends { close(): Promise<void> }>(part: T): Promise<T> {
    closers.push(() => part.close());
    return part;
  }

  const contextOf = (current: Config, signal?: AbortSignal): PresetContext => ({
    config: current,
    store,
    keys: options.keys ?? {},
    embedder,
    vectorsOf: async (ids) => (await index()).vectors(ids),
    signal,
  });
  const embedder = () =>
    own.embedder
      ? Promise.resolve(own.embedder)
      : once('embedder', async () => owned(await createEmbedder(contextOf(config, options.signal))));
  const index = (create = false): Promise<PassageIndex> =>
    own.index
      ? Promise.resolve(own.index)
      : once('index', async () =>
          owned(
            await openIndex(config, await embedder(), options.index ?? null, create || options.index === undefined),
          ),
        );

  async function criticOf(
    kind: ReflectionKind,
    current: Config,
  ): Promise<{ critic: Critic | null; isRelThreshold: number | null }> {
    const mine = own.critics?.[kind];
    if (mine) return { critic: mine, isRelThreshold: null };
    const name = current.critics[kind];
    if (name === null || (kind === 'retrieve' && current.retrieve.mode !== 'adaptive'))
      return { critic: null, isRelThreshold: null };
    return once(`critic ${name} ${current.critics.model}`, async () => {
      const result = await createCritic(name, kind, contextOf(current, options.signal));
      await owned(result.critic);
      await result.critic.prepare?.({ signal: options.signal });
      return result;
    }).then((result) => {
      if (!result.critic.kinds.includes(kind))
        throw new DiscernError(
          'CRITIC_KIND_UNSUPPORTED',
          `the critic "${name}" predicts ${result.critic.kinds.join(', ')}, not ${kind}`,
        );
      return result;
    });
  }

  async function generatorOf(
    name: string | null,
    mine: Generator | undefined,
    needed: boolean,
    current: Config,
  ): Promise<Generator | null> {
    if (!needed) return null;
    if (mine) return mine;
    const { model, serverModel, baseUrl } = current.generate;
    return name === null
      ? null
      : once(`generator ${JSON.stringify([name, model, serverModel, baseUrl])}`, async () =>
          owned(await createGenerator(name, contextOf(current, options.signal))),
        );
  }

  /** The parts that this config can need, and the config with fitted thresholds filled in. */
  async function assemble(current: Config): Promise<{ parts: Parts; config: Config }> {
    const { mode } = current.retrieve;
    const retrieves = mode !== 'never';
    const critics = {} as Record<ReflectionKind, Critic | null>;
    let fitted: number | null = null;
    for (const kind of Object.keys(REFLECTIONS) as ReflectionKind[]) {
      const found =
        retrieves || kind === 'isUse' ? await criticOf(kind, current) : { critic: null, isRelThreshold: null };
      critics[kind] = found.critic;
      if (kind === 'isRel') fitted = found.isRelThreshold;
    }
    const isRel = { ...current.isRel, threshold: current.isRel.threshold ?? fitted ?? 0 };
    const recaller = retrieves ? embeddingRecaller(await embedder(), await index()) : null;
    const reranker = retrieves
      ? (own.reranker ??
        (await once(`reranker ${current.rerank.backend}`, async () => {
          const made = await createReranker(contextOf(current, options.signal));
          return made && owned(made);
        })))
      : null;
    const { withContext, closedBook } = current.generate;
    const freely = mode !== 'always' || current.isRel.whenNoEvidence === 'generate';
    const generators = {
      withContext: await generatorOf(withContext, own.withContext, retrieves, current),
      closedBook: await generatorOf(closedBook, own.closedBook, freely, current),
    };
    return { parts: { recaller, reranker, critics, generators }, config: { ...current, isRel } };
  }

  let ingested: IngestReport | null = null;
  const rag: Rag = {
    get ingested() {
      return ingested;
    },
    async ask(question, { config: change = {}, signal, onEvent, id } = {}) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', 'this instance was closed');
      const current = parseConfig(mergeConfig(config, change));
      // The index comes first: that it is missing, empty or of another embedder is what the caller has to hear.
      if (current.retrieve.mode !== 'never' && (await (await index()).info()).passages === 0)
        throw new DiscernError('INDEX_EMPTY', 'the index holds no passages, so there is nothing to answer from', {
          ...(options.documents !== undefined && {
            hint: 'the documents given held no text that could be read: text, Markdown, HTML, PDF, JSON, JSONL and CSV can',
          }),
        });
      const { parts, config: resolved } = await assemble(current);
      return answerQuestion(question, parts, resolved, { signal, onEvent, id });
    },
    async ingest(paths, { signal, onProgress = options.onIngestProgress } = {}) {
      const [loader, splitter, target] = [await createLoader(config), await createSplitter(config), await index(true)];
      const embed = await embedder();
      const kept =
        options.index === undefined ? null : await keptVectors(embed, join(options.index, 'embedding.partial'));
      try {
        const report = await ingest({
          paths: typeof paths === 'string' ? [paths] : paths,
          loader,
          splitter,
          embedder: kept ?? embed,
          index: target,
          signal,
          onProgress,
        });
        await kept?.clear();
        return report;
      } finally {
        await kept?.close();
      }
    },
    async info() {
      return (await index()).info();
    },
    async close() {
      if (closed) return;
      closed = true;
      await Promise.allSettled(made.values());
      const results = await Promise.allSettled(closers.map((close) => close()));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },
  };
  if (options.documents !== undefined) {
    try {
      ingested = await rag.ingest(options.documents, { signal: options.signal });
    } catch (error) {
      await rag.close();
      throw error;
    }
  }
  return rag;
}
