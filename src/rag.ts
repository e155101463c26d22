import { join } from 'node:path';
import { type AssemblyOptions, createAssembly } from './assembly.ts';
import { type ConfigInput, parseConfig } from './config.ts';
import type { IndexInfo, Recaller } from './contracts.ts';
import { DiscernError } from './errors.ts';
import { answerQuestion, checkAnswer, givenPassages, givenRecaller, retrieveEvidence } from './pipeline.ts';
import { createLoader, createSplitter, keptVectors } from './presets.ts';
import { mergeConfig } from './replay.ts';
import { critiqueAll } from './stages/critique.ts';
import {
  type DocumentInput,
  type IngestOptions,
  type IngestProgress,
  type IngestReport,
  ingest,
  ingestDocuments,
} from './stages/ingest.ts';
import { streamOf } from './stream.ts';
import {
  answerOutcome,
  checkOutcome,
  createTelemetry,
  ingestOutcome,
  type ObserveOptions,
  retrieveOutcome,
} from './telemetry.ts';
import type { SharedFacts } from './trace.ts';
import type {
  Answer,
  Checked,
  Critique,
  CritiqueRequest,
  PassageInput,
  ReflectionKind,
  Retrieved,
  TraceEvent,
} from './types.ts';

export interface RagOptions extends AssemblyOptions, ObserveOptions {
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

export interface RetrieveOptions extends AskOptions {
  /** These, in place of a search: they are reranked, judged and gated. */
  readonly passages?: readonly PassageInput[];
}

export interface IngestCall {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: IngestProgress) => void;
}

/** What `stream` gives: every event of the trace as it happens, and at last the answer. */
export type StreamEvent = TraceEvent | { readonly type: 'answer'; readonly answer: Answer };

/** One instance answers any number of questions at the same time. */
export interface Rag {
  ask(question: string, options?: AskOptions): Promise<Answer>;
  /**
   * As `ask`, event by event: `for await (const event of rag.stream(question))`. Text that can no longer change comes as
   * `segment-committed`. Leaving the loop aborts the question.
   */
  stream(question: string, options?: AskOptions): AsyncGenerator<StreamEvent, void, undefined>;
  /** The context for a question: recall, rerank, IsREL and the gate. Nothing is written. */
  retrieve(question: string, options?: RetrieveOptions): Promise<Retrieved>;
  /**
   * Weighs an answer that something else wrote against the passages that it was given: IsSUP of every sentence by every
   * passage, IsUSE of the whole, and citations.
   */
  check(
    input: { readonly question: string; readonly answer: string; readonly passages: readonly PassageInput[] },
    options?: AskOptions,
  ): Promise<Checked>;
  /**
   * Asks the critics that the config names, one critique for each request, in order. Nothing is recorded. Throws
   * CRITIC_KIND_UNSUPPORTED where there is none for a token.
   */
  critique(
    requests: readonly CritiqueRequest[],
    options?: { readonly config?: ConfigInput; readonly signal?: AbortSignal },
  ): Promise<Critique[]>;
  ingest(
    paths: string | readonly string[],
    options?: IngestCall & {
      /** The documents stand in another place than at the last ingest. */
      moved?: boolean;
    },
  ): Promise<IngestReport>;
  /**
   * Ingests documents that you have as values. One whose id the index knows replaces what it had; no other goes.
   * `cut: false` makes each of them one passage, for what a splitter has cut already.
   */
  add(documents: readonly DocumentInput[], options?: IngestCall & { cut?: boolean }): Promise<IngestReport>;
  /** What is in the index: files and documents by their keys, with their numbers of passages, ascending by key. */
  sources(): Promise<{ readonly key: string; readonly passages: number }[]>;
  /** Removes sources with all their passages; keys that are not there are left out. Gives the number of those that went. */
  remove(keys: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<number>;
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
  const telemetry = createTelemetry(options);
  const onNotice = (text: string) => {
    telemetry.log.warn(text);
    options.onNotice?.(text);
  };
  const assembly = createAssembly(config, { ...options, onNotice });
  let ingested: IngestReport | null = null;

  /** The parts for one call; `given` recalls in place of the index. */
  async function partsFor(change: ConfigInput = {}, given?: Recaller) {
    assembly.check();
    const current = parseConfig(mergeConfig(config, change));
    // The index first: what is wrong with it is nearer to the user than what is wrong with a critic.
    const searches = current.retrieve.mode !== 'never' && !given && !options.parts?.recaller;
    if (searches && (await rag.info()).passages === 0)
      throw new DiscernError('INDEX_EMPTY', 'the index holds no passages, so there is nothing to answer from', {
        ...(options.documents !== undefined && {
          hint: 'the documents given held no text that could be read: text, Markdown, HTML, PDF, JSON, JSONL and CSV can',
        }),
      });
    return assembly.partsFor(current, given);
  }

  const answer = (name: 'ask' | 'stream', question: string, options: AskOptions = {}, from = telemetry.here()) =>
    telemetry.run({ name, id: options.id, from, outcome: answerOutcome }, async (watch) => {
      const { config: change, ...rest } = options;
      const { parts, config: resolved } = await partsFor(change);
      return answerQuestion(question, parts, resolved, watch.options(rest));
    });

  /** Embeds what `work` brings into the index; what a kill loses of it is not embedded again. */
  const intoIndex = (
    { signal, onProgress = options.onIngestProgress }: IngestCall,
    work: (parts: Pick<IngestOptions, 'embedder' | 'index' | 'signal' | 'onProgress'>) => Promise<IngestReport>,
  ) =>
    telemetry.run({ name: 'ingest', outcome: ingestOutcome }, async (watch) => {
      const index = await assembly.index(true);
      const embedder = watch.embedder(await assembly.embedder());
      const kept =
        options.index === undefined ? null : await keptVectors(embedder, join(options.index, 'embedding.partial'));
      let telling: Promise<void> | null = null;
      const progress = (at: IngestProgress) => {
        // A model that cannot say how it runs cannot embed either, and that error is the ingest's.
        if (at.phase === 'embed') telling ??= assembly.tellNotice().catch(() => {});
        onProgress?.(at);
      };
      try {
        const report = await work({ embedder: kept ?? embedder, index, signal, onProgress: progress });
        await kept?.clear();
        await telling;
        return report;
      } finally {
        await kept?.close();
      }
    });

  const rag: Rag = {
    get ingested() {
      return ingested;
    },
    ask: (question, options) => answer('ask', question, options),
    stream(question, { onEvent, signal: outer, ...options } = {}) {
      const from = telemetry.here();
      return streamOf<StreamEvent>(async (emit, signal) => {
        const tell = (event: TraceEvent) => {
          onEvent?.(event);
          emit(event);
        };
        emit({ type: 'answer', answer: await answer('stream', question, { ...options, signal, onEvent: tell }, from) });
      }, outer);
    },
    retrieve(question, { config: change, passages, ...options } = {}) {
      return telemetry.run({ name: 'retrieve', id: options.id, outcome: retrieveOutcome }, async (watch) => {
        const given = passages && givenPassages(passages);
        const { parts, config: resolved } = await partsFor(change, given && givenRecaller(given));
        const topK = Math.max(resolved.recall.topK, given?.length ?? 0);
        const wide = { ...resolved, recall: { ...resolved.recall, topK } };
        return retrieveEvidence(question, parts, wide, watch.options(options));
      });
    },
    async check({ question, answer, passages }, { config: change, ...options } = {}) {
      return telemetry.run({ name: 'check', id: options.id, outcome: checkOutcome }, async (watch) => {
        const given = givenPassages(passages);
        // It is the critics that are asked: whatever the mode, nothing is recalled or written.
        const { parts, config: resolved } = await partsFor(
          mergeConfig(change ?? {}, { retrieve: { mode: 'always' }, gate: { when: 'never' } }),
          givenRecaller(given),
        );
        return checkAnswer({ question, answer, passages: given }, parts, resolved, watch.options(options));
      });
    },
    async critique(requests, { config: change = {}, signal } = {}) {
      const asked = new Set(requests.map(({ kind }) => kind));
      // Retrieve is asked in one mode alone.
      const mode = asked.has('retrieve') ? ('adaptive' as const) : ('always' as const);
      const wanted = mergeConfig(change, { retrieve: { mode }, gate: { when: 'never' } });
      const { parts } = await partsFor(wanted, givenRecaller([]));
      const said = await critiqueAll(requests, parts.critics, { signal });
      return said.map((critique, i) => {
        if (critique !== null) return critique;
        const { kind } = requests[i]!;
        throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `critics.${kind} is none, and ${kind} was asked for`);
      });
    },
    ingest: (paths, { moved = false, ...told } = {}) =>
      intoIndex(told, async (parts) =>
        ingest({
          ...parts,
          paths: typeof paths === 'string' ? [paths] : paths,
          loader: await createLoader(config),
          splitter: await createSplitter(config),
          moved,
        }),
      ),
    add: (documents, { cut = true, ...told } = {}) =>
      intoIndex(told, async (parts) => {
        const splitter = await createSplitter(
          cut ? config : parseConfig(mergeConfig(config, { ingest: { splitter: 'whole' } })),
        );
        return ingestDocuments({ ...parts, documents, splitter });
      }),
    async sources() {
      const known = await (await assembly.index()).sources();
      return [...known.values()]
        .map(({ key, passages }) => ({ key, passages }))
        .sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    async remove(keys, { signal } = {}) {
      const index = await assembly.index();
      const known = await index.sources();
      const remove = [...new Set(keys)].filter((key) => known.has(key));
      if (remove.length > 0) await index.apply({ remove, add: [] }, { signal });
      return remove.length;
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
