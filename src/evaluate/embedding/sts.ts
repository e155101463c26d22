import { bootstrap } from '../metrics/bootstrap.ts';
import { cosine, pearson, spearman } from '../metrics/correlation.ts';
import type { MeanInterval } from '../metrics/mean.ts';
import { roundsFor } from './rounds.ts';
import { type Slices, sliced, type Tagged } from './slices.ts';

/** Two texts as vectors, and how similar people found them, on any scale. */
export interface StsPair extends Tagged {
  readonly first: Float32Array;
  readonly second: Float32Array;
  readonly score: number;
}

export interface StsFigures {
  readonly n: number;
  /** Correlations of the cosine with the scores, -1..1; null for fewer than two pairs, or where all are alike. */
  readonly pearson: MeanInterval | null;
  readonly spearman: MeanInterval | null;
}

/** How far cosines order pairs of texts as people do. Intervals: pairs drawn again. */
export function evaluateSts(pairs: readonly StsPair[], seed = 0): Slices<StsFigures> {
  const measured = pairs.map(({ first, second, score, lang, domain }) => ({
    ...{ score, lang, domain },
    similarity: cosine(Array.from(first), Array.from(second)),
  }));
  return sliced(measured, (items) => ({
    n: items.length,
    ...bootstrap(
      [items.length],
      seed,
      ([places = []]) => {
        const similarities = places.map((place) => items[place]!.similarity);
        const scores = places.map((place) => items[place]!.score);
        return { pearson: pearson(similarities, scores), spearman: spearman(similarities, scores) };
      },
      roundsFor(items.length),
    ),
  }));
}
