import { parseConfig } from '../../src/config.ts';
import type { Axis } from '../../src/evaluate/tune/axes.ts';
import type { Outcome, Setting, Surface } from '../../src/evaluate/tune/surface.ts';
import { seededRandom } from '../../src/text/random.ts';

export interface Synthetic {
  readonly questions: number;
  /** Group of a question; each alone unless given. */
  readonly group?: (i: number) => string;
  readonly metrics?: readonly string[];
  /** What question i comes to; null where it does not replay. */
  readonly outcome: (
    i: number,
    setting: Setting,
  ) =>
    | (Partial<Omit<Outcome, 'cost'>> & {
        readonly value?: number | null;
        readonly calls?: number;
      })
    | null;
}

/** A surface that answers from a function, and counts what it is asked. */
export function syntheticSurface({ questions, group, metrics = ['f1'], outcome }: Synthetic): Surface {
  const counts = { replayed: 0, remembered: 0 };
  const all = Array.from({ length: questions }, (_, i) => i);
  return {
    ids: all.map((i) => `q${i}`),
    groups: all.map((i) => group?.(i) ?? `q${i}`),
    metrics,
    base: parseConfig(),
    counts,
    async at(setting) {
      counts.replayed += questions;
      return all.map((i) => {
        const found = outcome(i, setting);
        if (found === null) return null;
        const { value = 0, values = [value], calls = 1 } = found;
        return { values, cost: { calls, requests: 2 * calls, tokens: 0, ms: 10 * calls } };
      });
    },
  };
}

/** Values that no setting has anything to do with: the same for a setting that is asked again. */
export function randomSurface(questions: number, path: string, seed: number): Surface {
  const next = seededRandom(seed);
  const values = new Map<unknown, number[]>();
  return syntheticSurface({
    questions,
    outcome(i, setting) {
      if (!values.has(setting[path])) values.set(setting[path], Array.from({ length: questions }, next));
      return { value: values.get(setting[path])![i]! };
    },
  });
}

export const range = (path: string, low: number, high: number, step: number | null = null): Axis => ({
  path,
  values: { low, high, step, integer: false },
});

/** A number in 0..1 that looks random and depends on all of its input. */
export function noise(...parts: readonly (number | string)[]): number {
  let hash = 2166136261;
  for (const char of parts.join(' ')) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 2246822519) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13), 3266489917) >>> 0;
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
