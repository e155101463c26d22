import type { CallOptions, Embedder } from '../../contracts.ts';
import { passageText } from '../../text/passage.ts';
import type { Passage } from '../../types.ts';

/** Vectors that exist already, such as those of the index: null where there is none. */
export type VectorsOf = (ids: readonly string[]) => Promise<(Float32Array | null)[]>;

/** Cosine similarity of two vectors of unit length. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** One vector for each passage: the stored one, else its text is embedded as it was for the index. */
export async function passageVectors(
  embedder: Embedder,
  passages: readonly Passage[],
  vectorsOf: VectorsOf | undefined,
  options: CallOptions,
): Promise<Float32Array[]> {
  const stored = vectorsOf ? await vectorsOf(passages.map(({ id }) => id)) : passages.map(() => null);
  const missing = passages.filter((_, i) => !stored[i]);
  const fresh = missing.length > 0 ? await embedder.embed(missing.map(passageText), 'passage', options) : [];
  let used = 0;
  return stored.map((vector) => vector ?? fresh[used++]!);
}
