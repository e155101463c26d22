import type { Fact, Passage } from '../types.ts';

/**
 * Facts of one question that several settings may use: what was asked once is not asked again. It holds for parts that
 * are the same wherever they have the same id, over one index.
 */
export interface SharedFacts {
  readonly facts: Map<string, Fact>;
  readonly passages: Record<string, Passage>;
}

export const createSharedFacts = (): SharedFacts => ({ facts: new Map(), passages: {} });
