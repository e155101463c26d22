import type { IndexChange } from '../contracts.ts';
import { seededRandom } from '../text/random.ts';
import type { Metadata, Passage } from '../types.ts';

/** One source of a change. */
export type Source = IndexChange['add'][number];

export interface SourceItem {
  readonly vector: ArrayLike<number>;
  readonly text?: string;
  readonly metadata?: Metadata;
}

/** A source whose passages are `key#0`, `key#1` and so on, all of document `key`. */
export function sourceOf(key: string, items: readonly SourceItem[], hash = 'h1'): Source {
  return {
    source: { key, hash, origin: 'suite', passages: items.length },
    passages: items.map(
      ({ text = `text ${key} ${hash}`, metadata = {} }, i): Passage => ({
        id: `${key}#${i}`,
        docId: key,
        text,
        title: i === 0 ? null : `Title of ${key}`,
        span: { start: 10 * i, end: 10 * i + text.length },
        page: i === 0 ? null : i,
        heading: i === 0 ? null : 'A > B',
        metadata,
      }),
    ),
    vectors: items.map(({ vector }) => unit(vector)),
  };
}

/** The source with token ids for all its passages, in order. */
export const tokenised = (source: Source, tokenizer: string, ...ids: readonly number[][]): Source => ({
  ...source,
  tokens: { tokenizer, ids: ids.map((list) => Uint16Array.from(list)) },
});

/** The vector in the same direction, with length 1. */
export function unit(vector: ArrayLike<number>): Float32Array {
  const values = Float32Array.from(vector);
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

/** Vectors that look random and are the same in every run. */
export function scatter(count: number, dimensions: number, seed = 1): Float32Array[] {
  const random = seededRandom(seed);
  const next = () => random() - 0.5;
  return Array.from({ length: count }, () => unit(Array.from({ length: dimensions }, next)));
}
