import { seededRandom } from '../../text/random.ts';

/** Lloyd's algorithm ends here also where it has not settled. */
const MAX_ROUNDS = 300;

export interface KMeansOptions {
  readonly seed: number;
  /** How often it starts anew; the tightest clusters win. */
  readonly restarts: number;
}

export interface KMeansResult {
  /** The cluster of each vector, from 0. */
  readonly clusters: readonly number[];
  /** Sum of the squared distances to the centres. */
  readonly inertia: number;
}

/** k-means (Lloyd, 1982) from centres chosen by k-means++ (Arthur and Vassilvitskii, 2007). At least one vector. */
export function kMeans(vectors: readonly Float32Array[], k: number, { seed, restarts }: KMeansOptions): KMeansResult {
  const next = seededRandom(seed);
  let best: KMeansResult | null = null;
  for (let i = 0; i < restarts; i++) {
    const found = lloyd(vectors, chooseCentres(vectors, k, next));
    if (best === null || found.inertia < best.inertia) best = found;
  }
  return best!;
}

/** Each next centre is drawn in proportion to its squared distance from those before. Fewer where vectors repeat. */
function chooseCentres(vectors: readonly Float32Array[], k: number, next: () => number): Float64Array[] {
  const centres = [Float64Array.from(vectors[Math.floor(next() * vectors.length)]!)];
  const gaps = vectors.map((vector) => squaredDistance(vector, centres[0]!));
  while (centres.length < k) {
    const total = gaps.reduce((sum, gap) => sum + gap, 0);
    if (total === 0) break;
    let rest = next() * total;
    let drawn = gaps.findLastIndex((gap) => gap > 0);
    for (const [i, gap] of gaps.entries()) {
      rest -= gap;
      if (rest < 0) {
        drawn = i;
        break;
      }
    }
    const centre = Float64Array.from(vectors[drawn]!);
    centres.push(centre);
    for (const [i, vector] of vectors.entries()) gaps[i] = Math.min(gaps[i]!, squaredDistance(vector, centre));
  }
  return centres;
}

function lloyd(vectors: readonly Float32Array[], centres: readonly Float64Array[]): KMeansResult {
  const clusters: number[] = vectors.map(() => -1);
  const gaps = new Float64Array(vectors.length);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let moved = false;
    for (const [i, vector] of vectors.entries()) {
      let nearest = 0;
      let least = Number.POSITIVE_INFINITY;
      for (const [c, centre] of centres.entries()) {
        const gap = squaredDistance(vector, centre);
        if (gap < least) [nearest, least] = [c, gap];
      }
      moved ||= clusters[i] !== nearest;
      clusters[i] = nearest;
      gaps[i] = least;
    }
    if (!moved) break;
    moveCentres(vectors, clusters, gaps, centres);
  }
  return { clusters, inertia: gaps.reduce((sum, gap) => sum + gap, 0) };
}

/** Each centre to the mean of its vectors; one without any takes the vector that is farthest from its own centre. */
function moveCentres(
  vectors: readonly Float32Array[],
  clusters: number[],
  gaps: Float64Array,
  centres: readonly Float64Array[],
): void {
  const sizes = centres.map(() => 0);
  for (const cluster of clusters) sizes[cluster]! += 1;
  for (const [c, size] of sizes.entries()) {
    if (size > 0) continue;
    let farthest = -1;
    for (const [i, gap] of gaps.entries())
      if (sizes[clusters[i]!]! > 1 && (farthest < 0 || gap > gaps[farthest]!)) farthest = i;
    sizes[clusters[farthest]!]! -= 1;
    clusters[farthest] = c;
    gaps[farthest] = 0;
    sizes[c] = 1;
  }
  for (const centre of centres) centre.fill(0);
  for (const [i, vector] of vectors.entries()) {
    const centre = centres[clusters[i]!]!;
    for (let d = 0; d < vector.length; d++) centre[d]! += vector[d]! / sizes[clusters[i]!]!;
  }
}

function squaredDistance(vector: Float32Array, centre: Float64Array): number {
  let sum = 0;
  for (let d = 0; d < vector.length; d++) {
    const gap = vector[d]! - centre[d]!;
    sum += gap * gap;
  }
  return sum;
}
