import type { MeanInterval } from '../metrics/mean.ts';
import type { PairedDifference } from '../metrics/paired.ts';
import type { AnswerMetric } from '../metrics/registry.ts';

/** Where a trace stands, so that a reader of a figure can look at what it came from. */
export interface TracePlace {
  /** Relative to the report. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export interface SystemReport {
  readonly name: string;
  /** Options by dotted path that differ from the defaults. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly backends: Readonly<Record<string, string>>;
  readonly traces: string;
  /** Questions that could not be answered for an error. */
  readonly failed: readonly { readonly id: string; readonly code: string; readonly message: string }[];
}

/** One metric of one system, over its questions. */
export interface TableCell {
  readonly metric: string;
  readonly system: string;
  /** Null where the metric is undefined for every question. */
  readonly value: MeanInterval | null;
  /** Against the baseline on the same questions; null for the baseline itself. */
  readonly difference: PairedDifference | null;
  /** p of the difference after Holm's correction, over all cells of quality; those of cost are a family of their own. */
  readonly adjustedP: number | null;
}

export interface QuestionReport {
  readonly id: string;
  readonly question: string;
  /** None: declining is right; null: nobody said what is. */
  readonly answers: readonly string[] | null;
  readonly results: Readonly<
    Record<
      string,
      {
        readonly text: string;
        readonly unanswered: string | null;
        readonly values: Readonly<Record<string, number | null>>;
        readonly trace: TracePlace;
      }
    >
  >;
}

/** A question on which a system differs much from the baseline. */
export interface ChangedQuestion {
  readonly id: string;
  readonly system: string;
  readonly metric: string;
  readonly before: number;
  readonly after: number;
}

/** Everything that the page of an experiment shows, as JSON. */
export interface ExperimentReport {
  readonly version: 1;
  readonly name: string;
  readonly made: string;
  readonly packageVersion: string;
  readonly dataset: {
    readonly name: string;
    readonly sha256: string;
    readonly questions: number;
    readonly documents: number | null;
  };
  readonly metrics: readonly Omit<AnswerMetric, 'of'>[];
  readonly systems: readonly SystemReport[];
  readonly baseline: string;
  readonly table: readonly TableCell[];
  /** Largest first, per system and main metric. */
  readonly changed: readonly ChangedQuestion[];
  readonly questions: readonly QuestionReport[];
  /** Wall time of the run and what sharing saved. */
  readonly run: {
    readonly seconds: number;
    readonly requests: number;
    readonly sharedRequests: number;
  };
  /** Figures of the further chapters of the page, by their ids. */
  readonly chapters: Readonly<Record<string, unknown>>;
}
