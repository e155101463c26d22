import type { MeanInterval } from '../metrics/mean.ts';
import type { PairedDifference } from '../metrics/paired.ts';
import type { AnswerMetric } from '../metrics/registry.ts';
import type { Blame, Said } from './blame.ts';
import type { BackendChange } from './facts.ts';
import type { FaultStage } from './stages.ts';

/** A metric over the questions of both runs where it is defined in both; `b - a`. */
export interface MetricChange extends Omit<AnswerMetric, 'of'> {
  readonly a: MeanInterval | null;
  readonly b: MeanInterval | null;
  readonly difference: PairedDifference | null;
}

export interface StageFaults {
  readonly stage: FaultStage;
  /** Changed answers that name it; where several stages are to blame together, each of them counts. */
  readonly blamed: number;
  /** Those that name no other stage. */
  readonly alone: number;
  readonly bySubstitution: number;
  readonly byFirstDifference: number;
  /** Changed answers blamed on others, where nothing but its id says that this stage is the same in both runs. */
  readonly unchecked: number;
  /** For each metric: the mean difference over the questions that name it, null where there is none. */
  readonly effects: Readonly<Record<string, PairedDifference | null>>;
  /** For each metric: what these questions add to the mean difference over all questions. */
  readonly shares: Readonly<Record<string, number | null>>;
}

export interface ChangedAnswer extends Blame {
  readonly id: string;
  readonly question: string;
  readonly before: Said;
  readonly after: Said;
  readonly metrics: Readonly<Record<string, { readonly before: number | null; readonly after: number | null }>>;
}

/** An option, or the part of a role, that is not the same in both runs. */
export interface ValueChange {
  /** Dotted path of the option, or the role as a trace names it. */
  readonly name: string;
  /** Null: the option decides nothing. */
  readonly stage: FaultStage | null;
  /** As JSON has them, of the first question where they differ; null where there is no part. */
  readonly before: unknown;
  readonly after: unknown;
  /** Questions where they differ. */
  readonly questions: number;
}

/** What changed between two runs over the same questions, and which stage is to blame; `a` is the baseline. */
export interface FaultReport {
  readonly version: 1;
  readonly a: { readonly name: string; readonly traces: number };
  readonly b: { readonly name: string; readonly traces: number };
  /** Questions in both runs. */
  readonly pairs: number;
  /** Ids of questions of one run only. */
  readonly onlyA: readonly string[];
  readonly onlyB: readonly string[];
  /** Ids of questions of both runs whose own facts no longer answer them; their recorded answers are compared. */
  readonly notReplayed: { readonly a: readonly string[]; readonly b: readonly string[] };
  /** Questions that this version answers otherwise than the one that recorded them, from the same facts. */
  readonly notAsRecorded: { readonly a: number; readonly b: number };
  /** Passages of the same id with another text: what models say of them follows from that. */
  readonly editedPassages: number;
  /** Answers that changed, and answers that did not though models said something else. */
  readonly changed: number;
  readonly otherFactsSameAnswer: number;
  readonly metrics: readonly MetricChange[];
  /** All of them, in the order of the pipeline. */
  readonly stages: readonly StageFaults[];
  /** Changed answers by the stages that they name, the most frequent first; none: no difference explains the change. */
  readonly sets: readonly { readonly stages: readonly FaultStage[]; readonly questions: number }[];
  readonly backends: readonly BackendChange[];
  /** Parts of a role that have another id, are new or are gone. */
  readonly parts: readonly ValueChange[];
  readonly options: readonly ValueChange[];
  /** The largest loss of the first metric first. */
  readonly questions: readonly ChangedAnswer[];
}
