import { seededRandom } from '../../text/random.ts';

/** Gains of settings over the base, summed by groups; the base is the first, and nearer settings come before others. */
export interface GroupGains {
  /** For each setting a number for each group: the sum of its gains there. */
  readonly sums: readonly Float32Array[];
  /** The same: how many questions were compared. */
  readonly sizes: readonly Uint16Array[];
  /** The fold of each group. */
  readonly foldOf: ArrayLike<number>;
  readonly folds: number;
}

export interface Chance {
  /** Two-sided: how often tuning finds a gain as far out as the one seen where no setting is better. */
  readonly p: number;
  /**
   * What the parts of a 95% interval below and above a gain must be multiplied with so that each side excludes 0 in 2.5%
   * of such cases; at least 1.
   */
  readonly below: number;
  readonly above: number;
}

const ROUNDS = 2000;
const NORMAL = 1.959964;

/**
 * What choosing adds to chance. Questions that are held out once and chosen on otherwise are not independent: where no
 * setting is better, the plain interval over them excludes 0 in 10 to 15% of cases, not in 5. So the whole of choosing
 * and judging is done again with the sign of each group's residuals drawn at random, all settings alike, and the
 * gains over their standard errors are compared with the one seen. Settings that are clearly worse stay so, for
 * nobody would choose them (Hansen 2005, "A Test for Superior Predictive Ability").
 */
export function chanceOf(
  gains: GroupGains,
  seen: { readonly gain: number; readonly error: number },
  seed: number,
): Chance {
  const model = nullModel(gains);
  const next = seededRandom(seed + 2);
  const signs = new Float64Array(model.groups);
  const ratios = new Float64Array(ROUNDS);
  for (let round = 0; round < ROUNDS; round++) {
    // Thirty signs of one number.
    for (let g = 0, bits = 0; g < signs.length; g++) {
      bits = g % 30 === 0 ? Math.floor(next() * 2 ** 30) : bits >> 1;
      signs[g] = (bits & 1) === 1 ? 1 : -1;
    }
    ratios[round] = ratioOf(model, signs);
  }
  ratios.sort();
  const seenRatio = studentized(seen.gain, seen.error);
  const [atLeast, atMost] = [seenRatio - 1e-9, seenRatio + 1e-9];
  const larger = ratios.reduce((count, one) => (one >= atLeast ? count + 1 : count), 1);
  const smaller = ratios.reduce((count, one) => (one <= atMost ? count + 1 : count), 1);
  return {
    p: Math.min(1, (2 * Math.min(larger, smaller)) / (ROUNDS + 1)),
    below: Math.max(1, ratios[ROUNDS - 1 - Math.floor(0.025 * ROUNDS)]! / NORMAL),
    above: Math.max(1, -ratios[Math.floor(0.025 * ROUNDS)]! / NORMAL),
  };
}

/** A difference without any spread is as clear as can be. */
const studentized = (mean: number, error: number): number =>
  mean === 0 ? 0 : mean / Math.max(error, Math.abs(mean) * 1e-3);

/** Settings in rows, groups in columns: those of one fold beside one another. */
interface NullModel {
  readonly settings: number;
  readonly groups: number;
  readonly folds: number;
  /** Where the groups of each fold begin, and where the last ones end. */
  readonly starts: Int32Array;
  readonly sizes: Float64Array;
  /** What a group gains beyond the mean that was seen. */
  readonly residuals: Float64Array;
  /** For each setting the mean gain that is assumed: 0, or what was seen where it is clearly worse than the base. */
  readonly means: Float64Array;
  /** For each setting and fold how many questions were compared. */
  readonly foldSizes: Float64Array;
  /** For each setting and fold, made anew in each round. */
  readonly drawn: Float64Array;
  /** For each fold, made anew too: the setting chosen on the others, and its gain there. */
  readonly chosen: Int32Array;
  readonly best: Float64Array;
}

function nullModel({ sums, sizes, foldOf, folds }: GroupGains): NullModel {
  const [settings, groups] = [sums.length, foldOf.length];
  const order = Array.from({ length: groups }, (_, g) => g).sort((a, b) => foldOf[a]! - foldOf[b]! || a - b);
  const starts = new Int32Array(folds + 1);
  for (const g of order) starts[foldOf[g]! + 1]! += 1;
  for (let fold = 0; fold < folds; fold++) starts[fold + 1]! += starts[fold]!;
  const model: NullModel = {
    ...{ settings, groups, folds, starts },
    sizes: new Float64Array(settings * groups),
    residuals: new Float64Array(settings * groups),
    means: new Float64Array(settings),
    foldSizes: new Float64Array(settings * folds),
    drawn: new Float64Array(settings * folds),
    ...{ chosen: new Int32Array(folds), best: new Float64Array(folds) },
  };
  const strict = Math.sqrt(2 * Math.log(Math.log(Math.max(groups, 3))));
  for (let k = 0; k < settings; k++) {
    const size = sizes[k]!.reduce((all, count) => all + count, 0);
    const seen = size === 0 ? 0 : sums[k]!.reduce((all, gain) => all + gain, 0) / size;
    let squares = 0;
    for (const [at, g] of order.entries()) {
      const residual = sums[k]![g]! - seen * sizes[k]![g]!;
      model.residuals[k * groups + at] = residual;
      model.sizes[k * groups + at] = sizes[k]![g]!;
      model.foldSizes[k * folds + foldOf[g]!]! += sizes[k]![g]!;
      squares += residual * residual;
    }
    model.means[k] = size > 0 && seen < (-strict * Math.sqrt(squares)) / size ? seen : 0;
  }
  return model;
}

/** Chooses for each fold on the others, and gives the pooled held-out difference over its standard error. */
function ratioOf(model: NullModel, signs: Float64Array): number {
  const { settings, groups, folds, starts, sizes, residuals, means, foldSizes, drawn, chosen, best } = model;
  chosen.fill(0);
  best.fill(Number.NEGATIVE_INFINITY);
  for (let k = 0; k < settings; k++) {
    let [all, size] = [0, 0];
    for (let fold = 0; fold < folds; fold++) {
      let sum = means[k]! * foldSizes[k * folds + fold]!;
      for (let g = starts[fold]!; g < starts[fold + 1]!; g++) sum += signs[g]! * residuals[k * groups + g]!;
      drawn[k * folds + fold] = sum;
      all += sum;
      size += foldSizes[k * folds + fold]!;
    }
    for (let fold = 0; fold < folds; fold++) {
      const gain = (all - drawn[k * folds + fold]!) / (size - foldSizes[k * folds + fold]!);
      if (gain > best[fold]! + 1e-12) {
        best[fold] = gain;
        chosen[fold] = k;
      }
    }
  }
  let [sum, count] = [0, 0];
  for (let fold = 0; fold < folds; fold++) {
    sum += drawn[chosen[fold]! * folds + fold]!;
    count += foldSizes[chosen[fold]! * folds + fold]!;
  }
  if (count === 0) return 0;
  const mean = sum / count;
  let squares = 0;
  for (let fold = 0; fold < folds; fold++) {
    const k = chosen[fold]!;
    for (let g = starts[fold]!; g < starts[fold + 1]!; g++)
      squares += (signs[g]! * residuals[k * groups + g]! + (means[k]! - mean) * sizes[k * groups + g]!) ** 2;
  }
  return studentized(mean, Math.sqrt(squares) / count);
}
