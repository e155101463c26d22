/** Seeded vectors for the recall benchmark: unit length, as an embedder gives them. */
export type Kind = 'clustered' | 'unclustered';

export const DIMENSIONS = 384;

/** Normal deviates from a seed (mulberry32 and Box-Muller). */
export function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/**
 * `clustered`: 1000 centres of a Gaussian mixture in a latent of 32 dimensions, spread 0.35 around each, and some noise.
 * `unclustered`: one Gaussian in a latent of 64 dimensions, the hard case for graphs. Both are projected to 384.
 */
export function makeVectors(
  kind: Kind,
  count: number,
  queries: number,
): { base: Float32Array[]; held: Float32Array[] } {
  const normal = normals(kind === 'clustered' ? 7 : 11);
  const latent = kind === 'clustered' ? 32 : 64;
  const noise = kind === 'clustered' ? 0.02 : 0;
  const projection = Float64Array.from({ length: latent * DIMENSIONS }, () => normal() / Math.sqrt(latent));
  const centres = Array.from({ length: 1000 }, () => Float64Array.from({ length: latent }, normal));
  const one = (number: number): Float32Array => {
    const centre = centres[(number * 7919) % centres.length]!;
    const point = Float64Array.from({ length: latent }, (_, i) =>
      kind === 'clustered' ? centre[i]! + 0.35 * normal() : normal(),
    );
    const vector = new Float32Array(DIMENSIONS);
    for (let j = 0; j < DIMENSIONS; j++) {
      let sum = 0;
      for (let i = 0; i < latent; i++) sum += point[i]! * projection[i * DIMENSIONS + j]!;
      vector[j] = sum + noise * normal();
    }
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  };
  const all = Array.from({ length: count + queries }, (_, i) => one(i));
  return { base: all.slice(0, count), held: all.slice(count) };
}
