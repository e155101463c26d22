import { keyOf } from '../text/hash.ts';
import type { Candidate, Passage } from '../types.ts';

interface ListedRecall {
  readonly topK: number;
  readonly passages: readonly Passage[];
  readonly candidates: Candidate[];
}

/** What replays of one trace have in common, so that the second one does not work it out again. It decides nothing. */
export interface ReplayMemo {
  /** Key of a request. */
  keyOf(request: unknown): string;
  /** Ids of whole batches: the candidates of a recall are one and the same list in every replay. */
  readonly batches: WeakMap<readonly unknown[], readonly string[]>;
  /** The candidates that were last made of a recall, by its value. */
  readonly candidates: WeakMap<object, ListedRecall>;
  /** What a trace says of parts that are the same in every replay. */
  readonly heads: WeakMap<object, object>;
}

export function createReplayMemo(): ReplayMemo {
  const keys = new Map<string, string>();
  return {
    keyOf(request) {
      // The order of fields makes another text, and then the same key once more.
      const text = JSON.stringify(request);
      const known = keys.get(text);
      if (known !== undefined) return known;
      const key = keyOf(request);
      keys.set(text, key);
      return key;
    },
    batches: new WeakMap(),
    candidates: new WeakMap(),
    heads: new WeakMap(),
  };
}
