import { join } from 'node:path';
import { type AssemblyOptions, createAssembly } from './assembly.ts';
import { type ConfigInput, parseConfig } from './config.ts';
import type { IndexInfo } from './contracts.ts';
import { DiscernError } from './errors.ts';
import { answerQuestion } from './pipeline.ts';
import { createLoader, createSplitter, keptVectors } from './presets.ts';
import { mergeConfig } from './replay.ts';
import { type IngestProgress, type IngestReport, ingest } from './stages/ingest.ts';
import type { SharedFacts } from './trace.ts';
import type { Answer, ReflectionKind, TraceEvent } from './types.ts';

export interface RagOptions extends AssemblyOptions {
  /** Files or folders that are ingested before `createRag` returns. */
  readonly documents?: string | readonly string[];
  /** The documents stand in another place than at the last ingest into this index. */
  readonly moved?: boolean;
  readonly config?: ConfigInput;
  readonly onIngestProgress?: (progress: IngestProgress) => void;
}

export interface AskOptions {
  /** Options of this question alone, over those of `createRag`. */
  readonly config?: ConfigInput;
  readonly signal?: AbortSignal;
  /** Told of every decision while it is made. */
  readonly onEvent?: (event: TraceEvent) => void;
  /** Name of the trace. */
  readonly id?: string;
  /** Facts that other settings asked for the same question over the same index: they are not asked again. */
  readonly shared?: SharedFacts;
}

export interface Rag {
  ask(question: string, options?: AskOptions): Promise<Answer>;
  ingest(
    paths: string | readonly string[],
    options?: {
      signal?: AbortSignal;
      onProgress?: (progress: IngestProgress) => void;
      /** The documents stand in another place than at the last ingest. */
      moved?: boolean;
    },
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
  const config = parseConfig(mergeConfig(options.config ?? {}, { critics: ownCritics(options) }));
  const assembly = createAssembly(config, options);
  let ingested: IngestReport | null = null;

  const rag: Rag = {
    get ingested() {
      return ingested;
    },
    async ask(question, { config: change = {}, signal, onEvent, id, shared } = {}) {
      assembly.check();
      const current = parseConfig(mergeConfig(config, change));
      // The index first: what is wrong with it is nearer to the user than what is wrong with a critic.
      const searches = current.retrieve.mode !== 'never' && !options.parts?.recaller;
      if (searches && (await rag.info()).passages === 0)
        throw new DiscernError('INDEX_EMPTY', 'the index holds no passages, so there is nothing to answer from', {
          ...(options.documents !== undefined && {
            hint: 'the documents given held no text that could be read: text, Markdown, HTML, PDF, JSON, JSONL and CSV can',
          }),
        });
      const { parts, config: resolved } = await assembly.partsFor(current);
      return answerQuestion(question, parts, resolved, { signal, onEvent, id, shared });
    },
    async ingest(paths, { signal, onProgress = options.onIngestProgress, moved = false } = {}) {
      const index = await assembly.index(true);
      const embedder = await assembly.embedder();
      const kept =
        options.index === undefined ? null : await keptVectors(embedder, join(options.index, 'embedding.partial'));
      let telling: Promise<void> | null = null;
      try {
        const report = await ingest({
          paths: typeof paths === 'string' ? [paths] : paths,
          loader: await createLoader(config),
          splitter: await createSplitter(config),
          embedder: kept ?? embedder,
          index,
          signal,
          onProgress: (progress) => {
            // A model that cannot say how it runs cannot embed either, and that error is the ingest's.
            if (progress.phase === 'embed') telling ??= assembly.tellNotice().catch(() => {});
            onProgress?.(progress);
          },
          moved,
        });
        await kept?.clear();
        await telling;
        return report;
      } finally {
        await kept?.close();
      }
    },
    async info() {
      return (await assembly.index()).info();
    },
    close: () => assembly.close(),
  };
  if (options.documents !== undefined) {
    try {
      ingested = await rag.ingest(options.documents, { signal: options.signal, moved: options.moved });
    } catch (error) {
      await rag.close();
      throw error;
    }
  }
  return rag;
}

/** Critics of your own stand in the config by their ids, so that traces name them. */
const ownCritics = ({ parts }: RagOptions): Partial<Record<ReflectionKind, string>> =>
  Object.fromEntries(Object.entries(parts?.critics ?? {}).map(([kind, { id }]) => [kind, id]));
