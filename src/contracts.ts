import type { Capabilities } from './contracts/capabilities.ts';
import type { Candidate, Critique, CritiqueRequest, Passage, ReflectionKind, Span } from './types.ts';

export type { Capabilities } from './contracts/capabilities.ts';
export type { FileListing, Loader, LoaderFile, Splitter } from './contracts/documents.ts';

/** Every asynchronous call takes a signal and stops soon after it fires, with `ABORTED`. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** What makes two vectors comparable. An index stores it and refuses another one. */
export interface EmbedderFingerprint {
  readonly model: string;
  readonly sha256: string;
  readonly dimensions: number;
  readonly pooling: string;
  readonly queryPrefix: string;
  readonly passagePrefix: string;
}

/** Texts to vectors of unit length. The batching policy is the backend's own. */
export interface Embedder {
  readonly id: string;
  fingerprint(): Promise<EmbedderFingerprint>;
  /** One vector for each text, in order. `onProgress` gets the number of texts done so far. */
  embed(
    texts: readonly string[],
    kind: 'query' | 'passage',
    options?: CallOptions & { readonly onProgress?: (done: number) => void },
  ): Promise<Float32Array[]>;
  /**
   * Token ids of bare texts, without a frame or a prefix, at most the first 4096 of each; one list for each text, in
   * order. Null where ids do not fit into 16 bits, or it has no tokenizer.
   */
  tokens?(texts: readonly string[], options?: CallOptions): Promise<TokenIds | null>;
  /** What is worth telling a person about how it runs, such as a slower way; null when all is as it should be. */
  notice?(): Promise<string | null>;
  close(): Promise<void>;
}

/** Token ids of texts, and the fingerprint of what made them: tokenizers of one fingerprint give the same ids. */
export interface TokenIds {
  readonly tokenizer: string;
  readonly ids: readonly Uint16Array[];
}

/** Every key must equal (or be among) the given value(s) in the passage's metadata, or in `docId`. */
export type MetadataFilter = Readonly<
  Record<string, string | number | boolean | readonly (string | number | boolean)[]>
>;

export interface Hit {
  readonly id: string;
  /** Cosine similarity, -1..1. */
  readonly score: number;
}

/** One ingested file and what was made of it. */
export interface SourceRecord {
  /** Stable key: `<folder>/<path below it>`, with forward slashes. */
  readonly key: string;
  /** Hash of the content and of everything that shapes its passages (loader, splitter, sizes). */
  readonly hash: string;
  /** Hash of the place that it was ingested from, so that another folder of the same name is not taken for it. */
  readonly origin: string;
  readonly passages: number;
}

export interface IndexChange {
  /** Sources that go, with all their passages. A changed source stands here and in `add`. */
  readonly remove: readonly string[];
  readonly add: readonly {
    readonly source: SourceRecord;
    readonly passages: readonly Passage[];
    readonly vectors: readonly Float32Array[];
    /** Token ids of all its passages, for models that read pairs; an index may leave them out. */
    readonly tokens?: TokenIds;
  }[];
}

export interface IndexInfo {
  readonly passages: number;
  readonly sources: number;
  readonly dimensions: number;
  readonly fingerprint: Readonly<Record<string, string | number>>;
  /** How the next search without a filter is answered. */
  readonly search: 'exact' | 'hnsw';
  /** Size of the candidate list of HNSW; null when exact. */
  readonly ef: number | null;
  /** Why it searches this way, for people. */
  readonly note: string;
}

/** Passages with their vectors. A change is applied whole or not at all, also when the process is killed. */
export interface PassageIndex {
  readonly id: string;
  info(): Promise<IndexInfo>;
  /** Best first; ties by order of insertion. Fewer than k only when fewer match. */
  search(vector: Float32Array, k: number, options?: CallOptions & { readonly filter?: MetadataFilter }): Promise<Hit[]>;
  /** One for each id, in order; unknown ids are an error. */
  passages(ids: readonly string[]): Promise<Passage[]>;
  /** The stored vectors, one for each id, in order; null where the id is unknown. */
  vectors(ids: readonly string[]): Promise<(Float32Array | null)[]>;
  /** The stored token ids, one list for each id, in order; null where there are none that this tokenizer made. */
  tokens?(ids: readonly string[], tokenizer: string): Promise<(Uint16Array | null)[]>;
  sources(): Promise<ReadonlyMap<string, SourceRecord>>;
  apply(change: IndexChange, options?: CallOptions): Promise<void>;
  /** Builds what only makes searches faster, such as a graph: for the end of an ingest. Searches are right without it. */
  prepare?(options?: CallOptions & { readonly onProgress?: (done: number, total: number) => void }): Promise<void>;
  close(): Promise<void>;
}

/** Turns questions into the queries that recall searches with. Everything behind recall sees the question itself. */
export interface Rewriter {
  readonly id: string;
  readonly prompts?: Readonly<Record<string, string>>;
  /** One for each question, in order; never empty. */
  rewrite(questions: readonly string[], options?: CallOptions): Promise<string[]>;
  close(): Promise<void>;
}

/** The recall stage as one part: query texts to candidates. Recorded as one fact a query. */
export interface Recaller {
  readonly id: string;
  /** True where `recallScore` says no more than the order: a fitted `rerank.mix` does not hold for it. */
  readonly ranksOnly?: boolean;
  recall(
    queries: readonly string[],
    options: CallOptions & { readonly topK: number; readonly filter?: MetadataFilter },
  ): Promise<Candidate[][]>;
}

/** Passages to scores, higher is better, one for each passage in order. Never returns passages. */
export interface Reranker {
  readonly id: string;
  score(question: string, candidates: readonly Candidate[], options?: CallOptions): Promise<number[]>;
  close(): Promise<void>;
}

export interface Critic {
  /** File-name-safe and versioned, such as `is-rel-mini@1`; written into traces. */
  readonly id: string;
  readonly kinds: readonly ReflectionKind[];
  /** Names and hashes of the prompts in use, for the trace. */
  readonly prompts?: Readonly<Record<string, string>>;
  /** True when its `retrieve` distribution can give weight to `continue`. */
  readonly predictsContinue?: boolean;
  /** Loads what it needs and checks it, so that a model that cannot serve is refused at the start. */
  prepare?(options?: CallOptions): Promise<void>;
  /** It runs in this process: what it can give is the same in every run, and asked by `discern doctor` only. */
  readonly local?: boolean;
  /** What it can give, from one tiny request; absent where there is nothing to find out. */
  probe?(options?: CallOptions): Promise<Capabilities>;
  critique<K extends ReflectionKind>(
    requests: readonly CritiqueRequest<K>[],
    options?: CallOptions,
  ): Promise<Critique<K>[]>;
  close(): Promise<void>;
}

/** Two texts about one question. For NLI the first is the premise. */
export interface EntailmentRequest {
  readonly question: string;
  readonly first: string;
  readonly second: string;
}

/** Natural language inference, premise to hypothesis; the three sum to one. */
export interface Entailed {
  readonly contradiction: number;
  readonly neutral: number;
  readonly entailment: number;
}

/** Says whether answers mean the same: the material of semantic clusters and SePer. */
export interface Entailment {
  readonly id: string;
  /** `entail`: three classes in one direction; `equivalent`: one symmetric probability. A part has at least one. */
  readonly outputs: readonly ('entail' | 'equivalent')[];
  /** One for each request, in order. Throws INPUT_INVALID where `outputs` lacks it. */
  entail(requests: readonly EntailmentRequest[], options?: CallOptions): Promise<Entailed[]>;
  /** P(both answers mean the same), 0..1; the order of the two does not matter. */
  equivalent(requests: readonly EntailmentRequest[], options?: CallOptions): Promise<number[]>;
  close(): Promise<void>;
}

/** One hypothesis to be extended by one segment from one passage (or from none). */
export interface ExtendRequest {
  readonly question: string;
  readonly passage: Passage | null;
  /** The segments of this hypothesis so far, in order. */
  readonly answerSoFar: readonly string[];
}

/** How well a quoted sentence fits the question, as models said: facts, of which the pipeline makes an order. */
export interface QuoteScores {
  /** Cosine of sentence and question, -1..1. */
  readonly similarity: number;
  /** Logit of a second ranker; null where it was not asked. */
  readonly encoder: number | null;
}

/** A possible next segment. Several may be offered for one request; none means that there is nothing to add. */
export interface SegmentCandidate {
  readonly text: string;
  readonly tokens: number;
  /** Log-probability of each token; null where the backend gives none (a quote). */
  readonly logprobs: readonly number[] | null;
  /** True when the answer is complete with this segment. */
  readonly end: boolean;
  /** For a quote: its exact place in the document text. */
  readonly quoted: Span | null;
  /** For a quote: what its place among the others follows from. Quotes without scores keep the order given. */
  readonly scores?: QuoteScores;
}

export interface GeneratorAbilities {
  /** Gives token log-probabilities. */
  readonly logprobs: boolean;
  /** Can answer without a passage. */
  readonly closedBook: boolean;
  /**
   * Its candidates are sentences of the passage, ranked for the question, whatever was said so far: the pipeline
   * decides which of them go on and where the answer ends.
   */
  readonly quotes: boolean;
}

export interface ExtendOptions extends CallOptions {
  readonly maxTokens: number;
  /** 0 is greedy. */
  readonly temperature: number;
  readonly seed: number;
}

export interface SampleRequest {
  readonly question: string;
  /** All in one prompt, in order; none = closed book. */
  readonly passages: readonly Passage[];
}

/** A short answer, empty where the model ended at once. */
export interface SampledAnswer {
  readonly text: string;
  readonly tokens: number;
  /** Of each token, at temperature 1; null where the backend gives none. */
  readonly logprobs: readonly number[] | null;
}

export interface SampleOptions extends CallOptions {
  /** Number of the first sample wanted, from 0. */
  readonly first: number;
  readonly count: number;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed: number;
  /** Tokens of the passages together at most. */
  readonly contextTokens: number;
}

export interface Generator {
  readonly id: string;
  readonly abilities: GeneratorAbilities;
  readonly prompts?: Readonly<Record<string, string>>;
  /** One list of candidates for each request, in order. */
  extend(requests: readonly ExtendRequest[], options: ExtendOptions): Promise<SegmentCandidate[][]>;
  /**
   * `count` short answers for each request, in order; absent where it can only quote. A local model gives sample i of a
   * seed the same text whichever others are asked for, so that more can be drawn later; a server may not keep to seeds.
   */
  sample?(requests: readonly SampleRequest[], options: SampleOptions): Promise<SampledAnswer[][]>;
  /** It runs in this process: what it can give is the same in every run, and asked by `discern doctor` only. */
  readonly local?: boolean;
  /** What it can give, from one tiny request; absent where there is nothing to find out. */
  probe?(options?: CallOptions): Promise<Capabilities>;
  close(): Promise<void>;
}
