import type { Trace } from './types/trace.ts';

export type { Capabilities } from './types/capabilities.ts';
export type {
  GateDecision,
  GateEstimator,
  GateFeature,
  GateFeatures,
  GateMeasure,
  Meaning,
} from './types/gate.ts';
export type {
  Checked,
  CheckedSegment,
  EmptyReason,
  PassageInput,
  Retrieved,
  RetrievedPassage,
  TraceTask,
} from './types/tasks.ts';
export type { Fact, FactRole, Trace, TraceEvent } from './types/trace.ts';

/** The reflection tokens of Self-RAG (arXiv 2310.11511, table 1) and their labels, in the order used everywhere. */
export const REFLECTIONS = {
  retrieve: ['yes', 'no', 'continue'],
  isRel: ['relevant', 'irrelevant'],
  isSup: ['fully', 'partially', 'none'],
  isUse: ['1', '2', '3', '4', '5'],
} as const;

export type ReflectionKind = keyof typeof REFLECTIONS;
export type Label<K extends ReflectionKind> = (typeof REFLECTIONS)[K][number];

/** The strings that published Self-RAG checkpoints write, one for each label. */
export const PUBLISHED_TOKENS = {
  retrieve: { yes: '[Retrieval]', no: '[No Retrieval]', continue: '[Continue to Use Evidence]' },
  isRel: { relevant: '[Relevant]', irrelevant: '[Irrelevant]' },
  isSup: {
    fully: '[Fully supported]',
    partially: '[Partially supported]',
    none: '[No support / Contradictory]',
  },
  isUse: { '1': '[Utility:1]', '2': '[Utility:2]', '3': '[Utility:3]', '4': '[Utility:4]', '5': '[Utility:5]' },
} as const satisfies { [K in ReflectionKind]: Record<Label<K>, string> };

/** Probabilities over exactly the labels of a kind; they sum to one. */
export type Distribution<K extends ReflectionKind> = Readonly<Record<Label<K>, number>>;

/** Half-open range of UTF-16 code units in the text of a document. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type Metadata = Readonly<Record<string, string | number | boolean>>;

/** What a loader makes of a file or a record: one text, with the places where pages and headings begin. */
export interface SourceDocument {
  /** Stable over runs: the path below the ingested folder, plus `#record` for one record of a file. */
  readonly id: string;
  readonly title: string | null;
  readonly text: string;
  /** Where each page begins, ascending; empty where the format has no pages. */
  readonly pages: readonly { readonly page: number; readonly start: number }[];
  /** Where each heading's section begins, ascending; empty where there are none. `path` is outermost first. */
  readonly headings: readonly { readonly path: readonly string[]; readonly start: number }[];
  readonly metadata: Metadata;
}

/** A piece of a document. `text` is exactly `document.text.slice(span.start, span.end)`. */
export interface Passage {
  /** Hash of docId and span: the same document gives the same ids in every run. */
  readonly id: string;
  readonly docId: string;
  readonly text: string;
  readonly title: string | null;
  readonly span: Span;
  readonly page: number | null;
  /** The headings above it, outermost first, joined by ` > `. */
  readonly heading: string | null;
  readonly metadata: Metadata;
}

/** A passage found for a question. `recallScore` is the cosine similarity, -1..1. Ranks start at 1. */
export interface Candidate {
  readonly passage: Passage;
  readonly recallRank: number;
  readonly recallScore: number;
  readonly rerankScore: number | null;
}

/** What a critic says of one subject. `mass` is the share of raw probability that the model gave to the labels at all. */
export interface Critique<K extends ReflectionKind = ReflectionKind> {
  readonly kind: K;
  readonly probs: Distribution<K>;
  readonly mass: number;
  /** What the model said before calibration; absent where `probs` is that already. */
  readonly raw?: Distribution<K>;
  /**
   * Absent: a model's own probabilities. `stated`: numbers that a model wrote down, on a scale of their own until they
   * are calibrated. `sampled`: shares of labels among drawn answers.
   */
  readonly basis?: 'stated' | 'sampled';
  /** For shares of samples: the 95% interval of each. */
  readonly interval?: Readonly<Record<Label<K>, readonly [low: number, high: number]>>;
  /** Of several critics: half the largest difference between any two of them, 0..1. */
  readonly disagreement?: number;
  /** Of several critics: the one that this is from. */
  readonly by?: string;
  /** Why it is not as configured: what the critic asked lacks or failed with. The trace tells it as `degraded`. */
  readonly degraded?: string;
  /** Present when labels outside the returned ones could change the decision: upper bounds on their raw probability. */
  readonly undecided?: { readonly bounds: Readonly<Partial<Record<Label<K>, number>>> };
}

/** What is asked of a critic: exactly the inputs of the paper for each token. */
export type CritiqueRequest<K extends ReflectionKind = ReflectionKind> = {
  retrieve: { readonly kind: 'retrieve'; readonly question: string; readonly answerSoFar: string };
  isRel: { readonly kind: 'isRel'; readonly question: string; readonly passage: Passage };
  isSup: { readonly kind: 'isSup'; readonly question: string; readonly passage: Passage; readonly segment: string };
  isUse: { readonly kind: 'isUse'; readonly question: string; readonly answer: string };
}[K];

/** One step of generation: a sentence, or the end of the answer. */
export interface Segment {
  readonly text: string;
  readonly tokens: number;
  /** Sum of the token log-probabilities; null for a quote, or where the backend gives none. */
  readonly logprob: number | null;
  /** The passage that it was generated from; null without evidence. */
  readonly passageId: string | null;
  /** For a quote: its exact place in the text of the document. */
  readonly quoted: Span | null;
  readonly critiques: {
    readonly isRel?: Critique<'isRel'>;
    readonly isSup?: Critique<'isSup'>;
    readonly isUse?: Critique<'isUse'>;
  };
}

/** The parts are unweighted; null where the critique is absent. */
export interface SegmentScore {
  readonly total: number;
  readonly parts: {
    readonly lm: number;
    readonly isRel: number | null;
    readonly isSup: number | null;
    readonly isUse: number | null;
  };
}

/** A place in a document that backs a segment. `quote` is null unless the words stand there exactly. */
export interface Citation {
  /** Number shown in the text, from 1. */
  readonly number: number;
  readonly passageId: string;
  readonly docId: string;
  readonly title: string | null;
  readonly page: number | null;
  readonly heading: string | null;
  readonly start: number;
  readonly end: number;
  readonly quote: string | null;
  readonly isSup: Label<'isSup'> | null;
}

export interface AnswerSegment extends Segment {
  readonly score: SegmentScore;
  /** Number of the citation, null where the segment has no passage. */
  readonly citation: number | null;
}

export type UnansweredReason =
  | 'no-evidence'
  | 'no-generator'
  | 'no-segment'
  | 'no-support'
  | 'budget'
  | 'context-dropped'
  | 'uncertain'
  /** Of a retrieval alone: Retrieve said that no passage is needed. */
  | 'not-needed';

/** A choice that was made, and how near it was to going the other way. */
export interface Decision {
  readonly about: 'retrieve' | 'isRel' | 'gate' | 'budget' | 'isSup' | 'isUse';
  readonly outcome: string;
  /** The compared number and its threshold; null where the choice is not a comparison. */
  readonly value: number | null;
  readonly threshold: number | null;
  readonly reason: string;
  readonly passageId: string | null;
  /** Segment level from 0, of a checked answer the place of the sentence; null outside. */
  readonly level: number | null;
}

/** What an answer took. A replay counts what it would have taken, since facts keep their time. */
export interface Cost {
  /** Calls to models, each for one batch of requests. */
  readonly calls: number;
  /** Requests in them. */
  readonly requests: number;
  /** Generated tokens. */
  readonly tokens: number;
  /** Milliseconds of model time. */
  readonly ms: number;
}

export interface Answer {
  readonly text: string;
  /** No answer is an ordinary result; the reason says why. */
  readonly unanswered: null | { readonly reason: UnansweredReason; readonly detail: string };
  readonly segments: readonly AnswerSegment[];
  readonly citations: readonly Citation[];
  readonly usedContext: boolean;
  readonly decisions: readonly Decision[];
  readonly cost: Cost;
  readonly trace: Trace;
}
