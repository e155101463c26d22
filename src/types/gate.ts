import type { GATE_FEATURES, GATE_MEASURES } from '../config/gate.ts';

export type GateFeature = (typeof GATE_FEATURES)[number];
export type GateMeasure = (typeof GATE_MEASURES)[number];

/** Null where a part that it needs is missing. */
export type GateFeatures = Readonly<Record<GateFeature, number | null>>;
/** The estimate of P(context helps): a logistic regression over standardised features, fitted on labelled contexts. */
export interface GateEstimator {
  readonly id: string;
  readonly bias: number;
  /** A feature that is null counts as its mean. */
  readonly features: readonly {
    readonly name: GateFeature;
    readonly mean: number;
    readonly scale: number;
    readonly weight: number;
  }[];
  /**
   * How far from its threshold a measure must be after so many samples of each condition for the decision to change with
   * at most `risk` probability when all samples are drawn; by rising number of samples, then falling risk.
   */
  readonly stopping: readonly {
    readonly measure: GateMeasure;
    readonly samples: number;
    readonly risk: number;
    readonly margin: number;
  }[];
}

/** A meaning among sampled answers: the answer that stands for it, and its mass, 0..1. */
export interface Meaning {
  readonly text: string;
  readonly probability: number;
}

/** What became of a retrieved context, and why. */
export interface GateDecision {
  /** `drop`: the answer goes on without it. `refuse`: neither with nor without it is there an answer to trust. */
  readonly action: 'keep' | 'drop' | 'refuse';
  readonly measure: GateMeasure;
  /** Null where the measure is undefined: then the context stays. */
  readonly value: number | null;
  readonly threshold: number;
  readonly reason: string;
  readonly features: GateFeatures;
  /** Of the estimate: what each feature adds to its log-odds, largest first; empty for a single measure. */
  readonly shares: readonly { readonly feature: GateFeature; readonly logOdds: number }[];
  /** Samples of each condition that were drawn, and how many would have been at most. */
  readonly samples: number;
  readonly samplesAtMost: number;
  /** Entropy of the meanings, nats; null where no answer has any weight. */
  readonly entropy: { readonly with: number | null; readonly without: number | null };
  readonly meanings: { readonly with: readonly Meaning[]; readonly without: readonly Meaning[] };
  /** Of each passage, if asked for: the measure with it minus the measure of the others alone. */
  readonly utilities: readonly { readonly passageId: string; readonly value: number | null }[];
}
