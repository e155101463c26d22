import type { CallOptions, Critic } from '../contracts.ts';
import { DiscernError, throwIfAborted } from '../errors.ts';
import { type Critique, type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../types.ts';

/** Weights of labels for a request; they are scaled to sum to one. Labels left out get zero. */
export type CriticOracle = (request: CritiqueRequest) => Readonly<Record<string, number>>;

export interface ScriptedCriticOptions {
  readonly id?: string;
  readonly kinds?: readonly ReflectionKind[];
  readonly predictsContinue?: boolean;
  readonly mass?: number;
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu) ?? [];

/** Share of the words of `part` that stand in `whole`; 0 without words. */
function overlap(part: string, whole: string): number {
  const words = wordsOf(part);
  const known = new Set(wordsOf(whole));
  return words.length === 0 ? 0 : words.filter((word) => known.has(word)).length / words.length;
}

/** Judges by shared words: enough to tell a passage on the subject from one that is not. */
export const overlapOracle: CriticOracle = (request): Record<string, number> => {
  switch (request.kind) {
    case 'isRel': {
      const relevant = overlap(request.question, request.passage.text);
      return { relevant, irrelevant: 1 - relevant };
    }
    case 'isSup': {
      const fully = overlap(request.segment, request.passage.text);
      return { fully, partially: (1 - fully) / 3, none: (2 * (1 - fully)) / 3 };
    }
    case 'isUse': {
      const useful = overlap(request.question, request.answer);
      return { '5': useful, '4': useful / 2, '3': 0.1, '2': (1 - useful) / 2, '1': 1 - useful };
    }
    case 'retrieve':
      return request.question.trim().endsWith('?') ? { yes: 0.8, no: 0.2 } : { yes: 0.1, no: 0.9 };
  }
};

/** A critic without a model: a function of the request, so the same in every run. */
export function scriptedCritic(oracle: CriticOracle = overlapOracle, options: ScriptedCriticOptions = {}): Critic {
  const kinds = options.kinds ?? (Object.keys(REFLECTIONS) as ReflectionKind[]);
  let closed = false;

  function one<K extends ReflectionKind>(request: CritiqueRequest<K>): Critique<K> {
    if (!kinds.includes(request.kind))
      throw new DiscernError(
        'CRITIC_KIND_UNSUPPORTED',
        `the scripted critic predicts ${kinds.join(', ')}, not ${request.kind}`,
      );
    const weights = oracle(request);
    const total = Object.values(weights).reduce((a, b) => a + b, 0);
    const probs = REFLECTIONS[request.kind].map((label) => [label, (weights[label] ?? 0) / total]);
    return { kind: request.kind, probs: Object.fromEntries(probs), mass: options.mass ?? 1 } as Critique<K>;
  }

  return {
    id: options.id ?? 'scripted@1',
    kinds,
    predictsContinue: options.predictsContinue ?? true,
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], { signal }: CallOptions = {}) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', 'the scripted critic is closed');
      throwIfAborted(signal);
      return requests.map(one);
    },
    async close() {
      closed = true;
    },
  };
}
