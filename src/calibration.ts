import { logSumExp } from './text/math.ts';

/**
 * What turns a model's raw label logits into probabilities that come true. One score for each label, in order.
 * - `temperature`: softmax(logits / temperature) (Guo et al., arXiv 1706.04599)
 * - `platt`: softmax(scale * logits + bias), one bias for each label; for two labels this is Platt's logistic curve
 * - `isotonic`: a rising curve over the log-odds of the first label; the others share the rest as before
 */
export type Calibration =
  | { readonly method: 'temperature'; readonly temperature: number }
  | { readonly method: 'platt'; readonly scale: number; readonly bias: readonly number[] }
  | { readonly method: 'isotonic'; readonly x: readonly number[]; readonly y: readonly number[] };

/** Softmax in log space. */
export function softmax(logits: readonly number[]): number[] {
  const total = logSumExp(logits);
  return logits.map((logit) => Math.exp(logit - total));
}

/** The log-odds of the first label against all others together. */
export const firstLogOdds = ([first, ...others]: readonly number[]): number => first! - logSumExp(others);

/** Probabilities of the labels from their logits. */
export function calibrated(logits: readonly number[], calibration: Calibration | null): number[] {
  if (calibration === null) return softmax(logits);
  switch (calibration.method) {
    case 'temperature':
      return softmax(logits.map((logit) => logit / calibration.temperature));
    case 'platt':
      return softmax(logits.map((logit, i) => calibration.scale * logit + calibration.bias[i]!));
    case 'isotonic': {
      const raw = softmax(logits);
      const first = applyIsotonic(calibration, firstLogOdds(logits)) ?? raw[0]!;
      const rest = raw.slice(1).reduce((sum, p) => sum + p, 0);
      return raw.map((p, i) =>
        i === 0 ? first : rest === 0 ? (1 - first) / (raw.length - 1) : (p * (1 - first)) / rest,
      );
    }
  }
}

/** Points of a curve that never falls, by rising x. */
export interface Isotonic {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** The curve at a score: a straight line between its points, its ends outside. Null where nothing was fitted. */
export function applyIsotonic({ x, y }: Isotonic, score: number): number | null {
  if (x.length === 0) return null;
  const above = x.findIndex((value) => value >= score);
  if (above === -1) return y.at(-1)!;
  if (above === 0 || x[above] === score) return y[above]!;
  const [x0, x1, y0, y1] = [x[above - 1]!, x[above]!, y[above - 1]!, y[above]!];
  return y0 + ((score - x0) / (x1 - x0)) * (y1 - y0);
}
