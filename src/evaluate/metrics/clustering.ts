import { entropyOf } from '../../semantics.ts';

/**
 * Agreement of a clustering with true classes, by the definitions of scikit-learn (purity: Manning et al., Introduction
 * to Information Retrieval, 16.3). Entropies in nats. Labels are compared as they are: 1 and '1' differ.
 */
export type ClusterLabel = string | number;

type Agreement = (truth: readonly ClusterLabel[], found: readonly ClusterLabel[]) => number;

/** How often each pair of labels occurs: `cells` has the classes' and the clusters' counts beside it. */
interface Contingency {
  readonly n: number;
  readonly classes: readonly number[];
  readonly clusters: readonly number[];
  readonly cells: readonly { readonly count: number; readonly ofClass: number; readonly ofCluster: number }[];
}

function contingencyOf(truth: readonly ClusterLabel[], found: readonly ClusterLabel[]): Contingency {
  const [classes, clusters] = [countsOf(truth), countsOf(found)];
  const table = new Map<ClusterLabel, Map<ClusterLabel, number>>();
  for (const [i, label] of truth.entries()) {
    const row = table.get(label) ?? new Map<ClusterLabel, number>();
    table.set(label, row.set(found[i]!, (row.get(found[i]!) ?? 0) + 1));
  }
  const cells = [...table].flatMap(([label, row]) =>
    [...row].map(([cluster, count]) => ({ count, ofClass: classes.get(label)!, ofCluster: clusters.get(cluster)! })),
  );
  return { n: truth.length, classes: [...classes.values()], clusters: [...clusters.values()], cells };
}

function countsOf(labels: readonly ClusterLabel[]): Map<ClusterLabel, number> {
  const counts = new Map<ClusterLabel, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const pairs = (counts: readonly number[]): number => sum(counts.map((count) => (count * (count - 1)) / 2));
const entropyOfCounts = (counts: readonly number[], n: number): number => entropyOf(counts.map((count) => count / n));

/** True when the two are one partition, up to the names; also with a single cluster on both sides, or nothing at all. */
const isSame = ({ classes, clusters, cells }: Contingency): boolean =>
  cells.length === classes.length && cells.length === clusters.length;

/** Share of the items that belong to the most frequent class of their cluster. Null without items. */
export function purity(truth: readonly ClusterLabel[], found: readonly ClusterLabel[]): number | null {
  if (truth.length === 0) return null;
  const members = new Map<ClusterLabel, ClusterLabel[]>();
  for (const [i, cluster] of found.entries()) members.set(cluster, [...(members.get(cluster) ?? []), truth[i]!]);
  return sum([...members.values()].map((labels) => Math.max(...countsOf(labels).values()))) / truth.length;
}

/** Mutual information in nats. */
export const mutualInformation: Agreement = (truth, found) => informationOf(contingencyOf(truth, found));

const informationOf = ({ n, cells }: Contingency): number =>
  Math.max(
    0,
    sum(cells.map(({ count, ofClass, ofCluster }) => (count / n) * Math.log((n * count) / ofClass / ofCluster))),
  );

/** How the two entropies make the normaliser of NMI. `arithmetic` is the usual one, and equals the V-measure. */
export const AVERAGES = {
  arithmetic: (a: number, b: number) => (a + b) / 2,
  geometric: (a: number, b: number) => Math.sqrt(a * b),
  min: Math.min,
  max: Math.max,
} as const;

/** Normalised mutual information: 1 when both sides are a single cluster. */
export function nmi(
  truth: readonly ClusterLabel[],
  found: readonly ClusterLabel[],
  average: keyof typeof AVERAGES = 'arithmetic',
): number {
  const table = contingencyOf(truth, found);
  if (isSame(table)) return 1;
  const normalizer = normalizerOf(table, average);
  return normalizer === 0 ? 0 : informationOf(table) / normalizer;
}

const normalizerOf = ({ n, classes, clusters }: Contingency, average: keyof typeof AVERAGES): number =>
  AVERAGES[average](entropyOfCounts(classes, n), entropyOfCounts(clusters, n));

/** Mutual information beyond what chance gives, over the most that it could be (arithmetic mean of the entropies). */
export const ami: Agreement = (truth, found) => {
  const table = contingencyOf(truth, found);
  if (isSame(table)) return 1;
  if (table.classes.length === 1 || table.clusters.length === 1) return 0;
  const expected = expectedInformation(table);
  return (informationOf(table) - expected) / (normalizerOf(table, 'arithmetic') - expected);
};

/** Expected mutual information of two random clusterings with these sizes (Vinh et al., 2010). */
function expectedInformation({ n, classes, clusters }: Contingency): number {
  const logFactorial = [0];
  for (let i = 1; i <= n; i++) logFactorial.push(logFactorial[i - 1]! + Math.log(i));
  const log = (i: number) => logFactorial[i]!;
  let expected = 0;
  for (const a of classes)
    for (const b of clusters)
      for (let both = Math.max(1, a + b - n); both <= Math.min(a, b); both++) {
        const ways = log(a) + log(b) + log(n - a) + log(n - b);
        const chance = ways - log(n) - log(both) - log(a - both) - log(b - both) - log(n - a - b + both);
        expected += (both / n) * Math.log((n * both) / a / b) * Math.exp(chance);
      }
  return expected;
}

/** Homogeneity (each cluster one class), completeness (each class one cluster), and their weighted harmonic mean. */
export function vMeasure(truth: readonly ClusterLabel[], found: readonly ClusterLabel[], beta = 1) {
  const table = contingencyOf(truth, found);
  const information = informationOf(table);
  const share = (counts: readonly number[]) =>
    counts.length <= 1 ? 1 : information / entropyOfCounts(counts, table.n);
  const [homogeneity, completeness] = [share(table.classes), share(table.clusters)];
  const weight = beta * homogeneity + completeness;
  return { homogeneity, completeness, v: weight === 0 ? 0 : ((1 + beta) * homogeneity * completeness) / weight };
}

/** Share of the pairs of items on which both agree (together or apart). */
export const randIndex: Agreement = (truth, found) => {
  const { n, classes, clusters, cells } = contingencyOf(truth, found);
  if (n < 2) return 1;
  const together = pairs(cells.map(({ count }) => count));
  return 1 - (pairs(classes) + pairs(clusters) - 2 * together) / pairs([n]);
};

/** Rand index beyond what chance gives. */
export const adjustedRand: Agreement = (truth, found) => {
  const table = contingencyOf(truth, found);
  if (isSame(table)) return 1;
  const [inClasses, inClusters] = [pairs(table.classes), pairs(table.clusters)];
  const expected = (inClasses / pairs([table.n])) * inClusters;
  return (pairs(table.cells.map(({ count }) => count)) - expected) / ((inClasses + inClusters) / 2 - expected);
};

/** Geometric mean of the precision and recall of pairs that are together. */
export const fowlkesMallows: Agreement = (truth, found) => {
  const { classes, clusters, cells } = contingencyOf(truth, found);
  const together = pairs(cells.map(({ count }) => count));
  return together === 0 ? 0 : Math.sqrt(together / pairs(classes)) * Math.sqrt(together / pairs(clusters));
};
