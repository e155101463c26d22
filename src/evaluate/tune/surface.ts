import type { Config } from '../../config.ts';

type Leaf = string | number | boolean | null;

/** Options by dotted path, such as `{ 'retrieve.threshold': 0.4, 'weights.isSup': 2 }`. */
export type Setting = Readonly<Record<string, Leaf>>;

/** What one question comes to under one setting. */
export interface Outcome {
  /** One for each metric of the surface, in order; null where it is undefined for the question. */
  readonly values: readonly (number | null)[];
  readonly cost: { readonly calls: number; readonly requests: number; readonly tokens: number; readonly ms: number };
}

/** What a set of questions comes to under any setting, from facts, without models. */
export interface Surface {
  /** One for each question, in order. */
  readonly ids: readonly string[];
  /** What each question must not be parted from when data is split. */
  readonly groups: readonly string[];
  readonly metrics: readonly string[];
  /** The settings that the questions were recorded with, as far as they are options that may be tuned. */
  readonly base: Pick<Config, 'retrieve' | 'isRel' | 'gate' | 'weights' | 'beam' | 'rerank' | 'generate' | 'budget'>;
  /** One for each question; null where the setting asks for a fact that was not recorded. Never estimated. */
  at(setting: Setting): Promise<readonly (Outcome | null)[]>;
  /** How many questions were replayed for `at` so far, and how many answers came from memory. */
  readonly counts: { readonly replayed: number; readonly remembered: number };
}
