import type { CallOptions, Entailed, Entailment, EntailmentRequest } from '../contracts.ts';
import { DiscernError, throwIfAborted } from '../errors.ts';

/** What a scripted model says of a request. */
export interface EntailmentOracle {
  /** Weights of the classes; they are scaled to sum to one. Classes left out get zero. */
  readonly entail: (request: EntailmentRequest) => Partial<Entailed>;
  /** 0..1; asked once for a request, so it must not depend on the order of the two itself. */
  readonly equivalent: (request: EntailmentRequest) => number;
}

export interface ScriptedEntailmentOptions {
  readonly id?: string;
  readonly outputs?: Entailment['outputs'];
}

const NEGATIONS = /\b(?:not|no|never|none|nobody)\b/i;

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Share of the words of `part` that stand in `whole`; 0 without words. */
function share(part: string, whole: string): number {
  const words = wordsOf(part);
  const known = new Set(wordsOf(whole));
  return words.length === 0 ? 0 : words.filter((word) => known.has(word)).length / words.length;
}

/** Judges by shared words, and takes a negation in just one of the two for a contradiction. */
export const wordOracle: EntailmentOracle = {
  entail({ first, second }) {
    const entailment = share(second, first);
    const contradiction = NEGATIONS.test(first) === NEGATIONS.test(second) ? 0.1 : 2;
    return { contradiction, neutral: 1 - entailment, entailment };
  },
  equivalent: ({ first, second }) => (first === second ? 1 : Math.max(share(first, second), share(second, first))),
};

/** An entailment model without a model: functions of the request, so the same in every run. */
export function scriptedEntailment(
  oracle: Partial<EntailmentOracle> = {},
  { id = 'scripted@1', outputs = ['entail', 'equivalent'] }: ScriptedEntailmentOptions = {},
): Entailment {
  const { entail, equivalent } = { ...wordOracle, ...oracle };
  let closed = false;

  function check(output: Entailment['outputs'][number], signal: AbortSignal | undefined): void {
    if (closed) throw new DiscernError('BACKEND_CLOSED', 'the scripted entailment model is closed');
    throwIfAborted(signal);
    if (!outputs.includes(output))
      throw new DiscernError('INPUT_INVALID', `the scripted entailment model gives ${outputs.join()}, not ${output}`);
  }

  function scaled({ contradiction = 0, neutral = 0, entailment = 0 }: Partial<Entailed>): Entailed {
    const total = contradiction + neutral + entailment;
    return { contradiction: contradiction / total, neutral: neutral / total, entailment: entailment / total };
  }

  return {
    id,
    outputs,
    async entail(requests, { signal }: CallOptions = {}) {
      check('entail', signal);
      return requests.map((request) => scaled(entail(request)));
    },
    async equivalent(requests, { signal }: CallOptions = {}) {
      check('equivalent', signal);
      return requests.map((request) => equivalent(request));
    },
    async close() {
      closed = true;
    },
  };
}
