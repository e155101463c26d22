import type {
  AnswerSegment,
  Candidate,
  Citation,
  Cost,
  Critique,
  Decision,
  Passage,
  Span,
  UnansweredReason,
} from '../types.ts';
import type { Trace } from './trace.ts';

/** What was asked where it was not an answer. */
export type TraceTask =
  | { readonly type: 'retrieve' }
  | { readonly type: 'check'; readonly answer: string; readonly passageIds: readonly string[] };

/** A passage that is brought along: at least its text. What is not said follows from the text. */
export type PassageInput = string | (Partial<Passage> & { readonly text: string });

/** Why there is no context. */
export type EmptyReason = Extract<
  UnansweredReason,
  'not-needed' | 'no-evidence' | 'context-dropped' | 'uncertain' | 'budget'
>;

export interface RetrievedPassage extends Candidate {
  /** P(relevant), 0..1; null where no critic was asked or it was undecided. */
  readonly isRel: number | null;
}

/** The context for a question, and why it is this one. */
export interface Retrieved {
  /** Best first. */
  readonly passages: readonly RetrievedPassage[];
  /** Null where there are passages. */
  readonly empty: null | { readonly reason: EmptyReason; readonly detail: string };
  readonly decisions: readonly Decision[];
  readonly cost: Cost;
  readonly trace: Trace;
}

/** A sentence of a checked answer. Its citation is the passage that supports it best; null where none does. */
export interface CheckedSegment extends AnswerSegment {
  /** Where it stands in the answer. */
  readonly span: Span;
  /** P(fully) + 0.5 P(partially) by the best passage, 0..1; null where no critic was asked. */
  readonly support: number | null;
  /** Above the threshold, or a whole sentence of a passage, word for word. */
  readonly supported: boolean;
}

/** An answer of somebody else, weighed against its passages. */
export interface Checked {
  /** Every sentence is supported, and the usefulness is not below its threshold. */
  readonly accepted: boolean;
  /** The answer with numbers of citations after its sentences. */
  readonly text: string;
  readonly segments: readonly CheckedSegment[];
  /** Share of the sentences that are supported, 0..1; null where the answer has none. */
  readonly support: number | null;
  readonly isUse: Critique<'isUse'> | null;
  /** Usefulness, -1..1; null where no critic was asked. */
  readonly use: number | null;
  readonly citations: readonly Citation[];
  readonly decisions: readonly Decision[];
  readonly cost: Cost;
  readonly trace: Trace;
}
