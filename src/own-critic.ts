import type { CallOptions, Critic } from './contracts.ts';
import { DiscernError, throwIfAborted } from './errors.ts';
import { type Critique, type CritiqueRequest, type Distribution, REFLECTIONS, type ReflectionKind } from './types.ts';

/** Judges all requests of one kind at once: one distribution for each, in order, over exactly the labels of the kind. */
export type Judge<K extends ReflectionKind> = (
  requests: readonly CritiqueRequest<K>[],
  options: CallOptions,
) => Promise<readonly Distribution<K>[]> | readonly Distribution<K>[];

export interface CriticDefinition {
  /** Name and version, such as `keywords@1`: lower case, digits, dots and hyphens. */
  readonly id: string;
  /** A function for each kind that it predicts. */
  readonly judges: { readonly [K in ReflectionKind]?: Judge<K> };
  readonly predictsContinue?: boolean;
  /** Called once. */
  readonly close?: () => Promise<void> | void;
}

/**
 * A critic of your own from one function a kind: kinds, signals, closing and the form of what is returned are seen to.
 * Weights are scaled to sum to one. `describeCritic` of `discern-rag/testing` checks what is left to your functions.
 */
export function defineCritic({ id, judges, predictsContinue = false, close }: CriticDefinition): Critic {
  const kinds = (Object.keys(REFLECTIONS) as ReflectionKind[]).filter((kind) => judges[kind] !== undefined);
  let closing: Promise<void> | null = null;

  async function judge<K extends ReflectionKind>(
    kind: K,
    requests: readonly CritiqueRequest<K>[],
    options: CallOptions,
  ): Promise<Critique<K>[]> {
    const said: readonly Distribution<K>[] = await judges[kind]!(requests, options);
    if (said.length !== requests.length)
      throw new DiscernError('CRITIC_INVALID', `${id} answered ${said.length} of ${requests.length} ${kind} requests`);
    return said.map((distribution) => ({ kind, probs: scaled(distribution, kind, id), mass: 1 }));
  }

  return {
    id,
    kinds,
    predictsContinue,
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], options: CallOptions = {}) {
      if (closing) throw new DiscernError('BACKEND_CLOSED', `the critic ${id} is closed`);
      throwIfAborted(options.signal);
      const other = requests.find(({ kind }) => !kinds.includes(kind));
      if (other)
        throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${id} predicts ${kinds.join(', ')}, not ${other.kind}`);
      const results: Critique<K>[] = [];
      for (const kind of kinds as K[]) {
        const places = requests.flatMap((request, i) => (request.kind === kind ? [i] : []));
        if (places.length === 0) continue;
        const mine = places.map((place) => requests[place]!);
        for (const [i, critique] of (await judge(kind, mine, options)).entries()) results[places[i]!] = critique;
      }
      return results;
    },
    close: () => (closing ??= Promise.resolve(close?.())),
  };
}

function scaled<K extends ReflectionKind>(distribution: Distribution<K>, kind: K, id: string): Distribution<K> {
  const weights = distribution as Readonly<Record<string, number>>;
  const labels: readonly string[] = REFLECTIONS[kind];
  const total = labels.reduce((sum, label) => sum + (weights[label] ?? Number.NaN), 0);
  if (!(total > 0) || !Number.isFinite(total) || labels.some((label) => weights[label]! < 0))
    throw new DiscernError(
      'CRITIC_INVALID',
      `${id} gave for ${kind}: ${JSON.stringify(distribution)?.slice(0, 200)}; expected a number from 0 for each of ${labels.join(', ')}`,
    );
  return Object.fromEntries(labels.map((label) => [label, weights[label]! / total])) as Distribution<K>;
}
