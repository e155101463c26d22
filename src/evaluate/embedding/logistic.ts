import { minimize } from './lbfgs.ts';

export interface LogisticOptions {
  /** Inverse strength of the L2 penalty, as `C` of scikit-learn. Biases are free of it. */
  readonly c: number;
}

export interface LogisticModel {
  /** One for each class: a weight for each dimension. */
  readonly weights: readonly Float64Array[];
  readonly biases: readonly number[];
  /** False where the fit ended before its gradient was small. */
  readonly converged: boolean;
}

/**
 * Multinomial logistic regression, the same as that of scikit-learn: it minimises c * (sum of the negative log-likelihoods)
 * + half the sum of the squared weights. With two classes the first has no weights, so that the fit is the binary one.
 * Classes are numbered from 0; vectors and labels one for one, at least one.
 */
export function fitLogistic(
  vectors: readonly Float32Array[],
  labels: readonly number[],
  classes: number,
  { c }: LogisticOptions = { c: 1 },
): LogisticModel {
  const width = vectors[0]!.length;
  const first = classes <= 2 ? 1 : 0;
  const stride = width + 1;
  const size = (classes - first) * stride;
  const penalty = 1 / (c * vectors.length);
  const logits = new Float64Array(classes);

  const objective = (x: Float64Array, gradient: Float64Array): number => {
    gradient.fill(0);
    let loss = 0;
    for (const [i, vector] of vectors.entries()) {
      logits.fill(0);
      for (let k = first; k < classes; k++) logits[k] = logitOf(x, (k - first) * stride, vector);
      loss += toProbabilities(logits, labels[i]!) / vectors.length;
      for (let k = first; k < classes; k++) {
        const excess = (logits[k]! - (k === labels[i] ? 1 : 0)) / vectors.length;
        const at = (k - first) * stride;
        for (let d = 0; d < width; d++) gradient[at + d]! += excess * vector[d]!;
        gradient[at + width]! += excess;
      }
    }
    for (let j = 0; j < size; j++) {
      if (j % stride === width) continue;
      loss += (penalty / 2) * x[j]! ** 2;
      gradient[j]! += penalty * x[j]!;
    }
    return loss;
  };

  const { x, converged } = minimize(objective, new Float64Array(size), { tolerance: 1e-7, rounds: 2000 });
  const rows = Array.from({ length: classes }, (_, k) =>
    k < first ? new Float64Array(stride) : x.slice((k - first) * stride, (k - first + 1) * stride),
  );
  return {
    weights: rows.map((row) => row.slice(0, width)),
    biases: rows.map((row) => row[width]!),
    converged,
  };
}

/** The likeliest class of a vector, the lowest on a tie. */
export function predictLogistic({ weights, biases }: LogisticModel, vector: Float32Array): number {
  const logits = weights.map((row, k) => biases[k]! + row.reduce((sum, weight, d) => sum + weight * vector[d]!, 0));
  return logits.indexOf(Math.max(...logits));
}

function logitOf(x: Float64Array, at: number, vector: Float32Array): number {
  let sum = x[at + vector.length]!;
  for (let d = 0; d < vector.length; d++) sum += x[at + d]! * vector[d]!;
  return sum;
}

/** Turns logits into probabilities in place; returns the negative log-likelihood of the label. */
function toProbabilities(logits: Float64Array, label: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const own = logits[label]! - most;
  let total = 0;
  for (let k = 0; k < logits.length; k++) {
    logits[k] = Math.exp(logits[k]! - most);
    total += logits[k]!;
  }
  for (let k = 0; k < logits.length; k++) logits[k]! /= total;
  return Math.log(total) - own;
}
