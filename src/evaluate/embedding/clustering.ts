import { bootstrap } from '../metrics/bootstrap.ts';
import { adjustedRand, type ClusterLabel, nmi, purity, vMeasure } from '../metrics/clustering.ts';
import type { MeanInterval } from '../metrics/mean.ts';
import { type KMeansOptions, kMeans } from './kmeans.ts';
import { roundsFor } from './rounds.ts';
import { grouped, type Slices, sliced, type Tagged } from './slices.ts';

/** A text as a vector, with its true class. */
export interface ClusterItem extends Tagged {
  readonly vector: Float32Array;
  readonly label: ClusterLabel;
}

const MEASURES = ['purity', 'nmi', 'ari', 'vMeasure', 'homogeneity', 'completeness'] as const;
export type ClusteringMeasure = (typeof MEASURES)[number];

/** Means over the sets; null without items. NMI is normalised by the arithmetic mean, so that it equals the V-measure. */
export interface ClusteringFigures extends Readonly<Record<ClusteringMeasure, MeanInterval | null>> {
  readonly n: number;
  readonly sets: number;
}

export type ClusteringOptions = Partial<KMeansOptions>;

type Values = Record<ClusteringMeasure, number | null>;
type Placed = ClusterItem & { readonly set: number };

/**
 * How far k-means finds the true classes again, with as many clusters as the set has classes. Each set is clustered
 * alone; of a language or a domain the items of a set that belong to it. The intervals have the spread of items drawn
 * again within their set, the clusters kept, around the figure itself: an item that is drawn twice agrees with itself,
 * so the drawn figures as they are would lie too high.
 */
export function evaluateClustering(
  sets: readonly (readonly ClusterItem[])[],
  { seed = 0, restarts = 5 }: ClusteringOptions = {},
): Slices<ClusteringFigures> {
  const items = sets.flatMap((set, i) => set.map((item): Placed => ({ ...item, set: i })));
  return sliced(items, (own) => {
    const groups = [...grouped(own, ({ set }) => set).values()].map((group) => clustered(group, seed, restarts));
    return { n: own.length, sets: groups.length, ...figuresOf(groups, seed) };
  });
}

interface Clustered {
  readonly truth: readonly ClusterLabel[];
  readonly found: readonly number[];
}

function clustered(items: readonly ClusterItem[], seed: number, restarts: number): Clustered {
  const truth = items.map(({ label }) => label);
  const vectors = items.map(({ vector }) => vector);
  return { truth, found: kMeans(vectors, new Set(truth).size, { seed, restarts }).clusters };
}

function figuresOf(groups: readonly Clustered[], seed: number): Record<ClusteringMeasure, MeanInterval | null> {
  const n = groups.reduce((sum, { truth }) => sum + truth.length, 0);
  const draws: Values[] = [];
  const found = bootstrap(
    groups.map(({ truth }) => truth.length),
    seed,
    (places) => {
      const values = meanValues(groups, places);
      draws.push(values);
      return values;
    },
    roundsFor(n),
  );
  // The first is the figure of the items as they are.
  return Object.fromEntries(
    MEASURES.map((name) => [name, found[name] && centred(found[name], meanOf(draws.slice(1), name), name)]),
  ) as Record<ClusteringMeasure, MeanInterval | null>;
}

function meanValues(groups: readonly Clustered[], places: readonly (readonly number[])[]): Values {
  const each = groups.map(({ truth, found }, i) => {
    const [classes, clusters] = [places[i]!.map((place) => truth[place]!), places[i]!.map((place) => found[place]!)];
    const { homogeneity, completeness, v } = vMeasure(classes, clusters);
    return {
      ...{ homogeneity, completeness, vMeasure: v, purity: purity(classes, clusters) },
      ...{ nmi: nmi(classes, clusters), ari: adjustedRand(classes, clusters) },
    };
  });
  return Object.fromEntries(MEASURES.map((name) => [name, each.length === 0 ? null : meanOf(each, name)])) as Values;
}

const meanOf = (rows: readonly Values[], name: ClusteringMeasure): number =>
  rows.reduce((sum, row) => sum + (row[name] ?? 0), 0) / rows.length;

/** The interval moved so that the mean of the draws lies on the figure. */
function centred({ mean, ci95: [low, high], n }: MeanInterval, drawn: number, name: ClusteringMeasure): MeanInterval {
  const shift = mean - drawn;
  const least = name === 'ari' ? -1 : 0;
  return { mean, ci95: [Math.max(least, low + shift), Math.min(1, high + shift)], n };
}
