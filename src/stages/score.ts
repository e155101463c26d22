import type { LabelLogprobs } from '../reflection.ts';
import type { Critique, SegmentScore } from '../types.ts';

export interface Weights {
  readonly isRel: number;
  readonly isSup: number;
  readonly isUse: number;
  readonly lm: 'none' | 'expMean' | 'expSum';
}

/** IsREL value: P(relevant). Self-RAG, arXiv 2310.11511, section 3.3. */
export const scoreIsRel = ({ probs }: Pick<Critique<'isRel'>, 'probs'>): number => probs.relevant;

/** IsSUP value: full support counts one, partial support a half. */
export const scoreIsSup = ({ probs }: Pick<Critique<'isSup'>, 'probs'>): number => probs.fully + 0.5 * probs.partially;

/** IsUSE value, -1..1: the five grades weigh -1, -0.5, 0, 0.5 and 1. */
export const scoreIsUse = ({ probs }: Pick<Critique<'isUse'>, 'probs'>): number =>
  -probs['1'] - 0.5 * probs['2'] + 0.5 * probs['4'] + probs['5'];

/** Likelihood of a segment: exp of the mean or of the sum of its token log-probabilities; 0 when absent or not asked for. */
export function scoreLikelihood(logprobs: readonly number[] | null, mode: Weights['lm']): number {
  if (mode === 'none' || logprobs === null) return 0;
  const sum = logprobs.reduce((total, logprob) => total + logprob, 0);
  return Math.exp(mode === 'expSum' || logprobs.length === 0 ? sum : sum / logprobs.length);
}

export interface Critiques {
  readonly isRel?: Pick<Critique<'isRel'>, 'probs'>;
  readonly isSup?: Pick<Critique<'isSup'>, 'probs'>;
  readonly isUse?: Pick<Critique<'isUse'>, 'probs'>;
}

/** Segment score f = lm + w_isRel*s_isRel + w_isSup*s_isSup + w_isUse*s_isUse; an absent critique contributes nothing. */
export function scoreSegment(critiques: Critiques, logprobs: readonly number[] | null, weights: Weights): SegmentScore {
  const parts = {
    lm: scoreLikelihood(logprobs, weights.lm),
    isRel: critiques.isRel ? scoreIsRel(critiques.isRel) : null,
    isSup: critiques.isSup ? scoreIsSup(critiques.isSup) : null,
    isUse: critiques.isUse ? scoreIsUse(critiques.isUse) : null,
  };
  const total =
    parts.lm +
    weights.isRel * (parts.isRel ?? 0) +
    weights.isSup * (parts.isSup ?? 0) +
    weights.isUse * (parts.isUse ?? 0);
  return { total, parts };
}

/** True when "no support" is strictly the likeliest of the three. */
export const hasNoSupport = (critique: Pick<Critique<'isSup'>, 'probs'> | undefined): boolean =>
  critique !== undefined &&
  critique.probs.none > critique.probs.fully &&
  critique.probs.none > critique.probs.partially;

export interface RetrieveDecision {
  /** P(yes) / (P(yes) + P(no)); null when neither has any probability. */
  readonly probability: number | null;
  readonly retrieve: boolean;
}

/**
 * Whether to retrieve: strictly above the threshold, or, with none given, when `yes` is likelier than `no` and not
 * less likely than `continue`. Takes probabilities, or any numbers in their proportion (see `relativeWeights`).
 */
export function decideRetrieve(
  { yes = 0, no = 0, continue: more = 0 }: { readonly yes?: number; readonly no?: number; readonly continue?: number },
  threshold: number | null,
): RetrieveDecision {
  const probability = yes + no > 0 ? yes / (yes + no) : null;
  if (threshold === null) return { probability, retrieve: yes > no && yes >= more };
  return { probability, retrieve: probability !== null && probability > threshold };
}

/** Log-probabilities as numbers in the proportion of `yes` to `no`, also where both would underflow. */
export function relativeWeights(logprobs: LabelLogprobs<'retrieve'>): { yes: number; no: number; continue: number } {
  const {
    yes = Number.NEGATIVE_INFINITY,
    no = Number.NEGATIVE_INFINITY,
    continue: more = Number.NEGATIVE_INFINITY,
  } = logprobs;
  const top = Math.max(yes, no);
  if (top === Number.NEGATIVE_INFINITY) return { yes: 0, no: 0, continue: Math.exp(more) };
  return { yes: Math.exp(yes - top), no: Math.exp(no - top), continue: Math.exp(more - top) };
}
