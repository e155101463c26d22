import type { CallOptions, Critic } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import {
  type Critique,
  type CritiqueRequest,
  type Distribution,
  REFLECTIONS,
  type ReflectionKind,
} from '../../types.ts';

export interface Composition {
  readonly id: string;
  readonly kinds: readonly ReflectionKind[];
  /** They become its own: closed with it. */
  readonly parts: readonly Critic[];
  readonly ask: (requests: readonly CritiqueRequest[], options: CallOptions) => Promise<Critique[]>;
}

/** A critic's id as a part of another id: `is-rel-mini@1` gives `is-rel-mini.1`. */
export const partName = (id: string): string =>
  id
    .toLowerCase()
    .replaceAll('@', '.')
    .replace(/[^a-z0-9.-]+/g, '-');

/** The labels of a kind, in order. */
export const labelsOf = (kind: ReflectionKind): readonly string[] => REFLECTIONS[kind];

/** A value for each label of a kind. */
export const byLabel = <K extends ReflectionKind>(kind: K, at: (label: string) => number) =>
  Object.fromEntries(labelsOf(kind).map((label) => [label, at(label)])) as Distribution<K>;

/** Nothing is known: equal shares, and each label could have all. */
export function undecidedCritique<K extends ReflectionKind>(kind: K, degraded?: string): Critique<K> {
  return {
    kind,
    probs: byLabel(kind, () => 1 / labelsOf(kind).length),
    mass: Number.MIN_VALUE,
    ...(degraded !== undefined && { degraded }),
    undecided: { bounds: byLabel(kind, () => 1) },
  };
}

/** The kinds that all of them predict. Throws CRITIC_KIND_UNSUPPORTED where there is none. */
export function commonKinds(parts: readonly Critic[]): ReflectionKind[] {
  const kinds = (Object.keys(REFLECTIONS) as ReflectionKind[]).filter((kind) =>
    parts.every((part) => part.kinds.includes(kind)),
  );
  if (kinds.length > 0) return kinds;
  throw new DiscernError(
    'CRITIC_KIND_UNSUPPORTED',
    `no reflection token is predicted by all of them: ${parts.map(({ id, kinds: own }) => `${id} predicts ${own.join(', ')}`).join('; ')}`,
    { hint: 'put together critics that predict the same tokens' },
  );
}

/** What every critic made of others does alike: its checks, and what it asks of all of them. */
export function composedCritic({ id, kinds, parts, ask }: Composition): Critic {
  let closed = false;
  return {
    id,
    kinds,
    prompts: Object.fromEntries(
      parts.flatMap((part) => Object.entries(part.prompts ?? {}).map(([name, hash]) => [`${part.id} ${name}`, hash])),
    ),
    predictsContinue: parts.every(({ predictsContinue = false }) => predictsContinue),
    async prepare(options) {
      await Promise.all(parts.map((part) => part.prepare?.(options)));
    },
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], options: CallOptions = {}) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', `the critic ${id} is closed`);
      throwIfAborted(options.signal);
      const other = requests.find(({ kind }) => !kinds.includes(kind));
      if (other)
        throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${id} predicts ${kinds.join(', ')}, not ${other.kind}`);
      return requests.length === 0 ? [] : ((await ask(requests, options)) as Critique<K>[]);
    },
    async close() {
      closed = true;
      await Promise.all(parts.map((part) => part.close()));
    },
  };
}

/** Asks all of them the same at the same time; the failure of one gives the others up. */
export async function askAll(
  parts: readonly Critic[],
  requests: readonly CritiqueRequest[],
  { signal }: CallOptions,
): Promise<Critique[][]> {
  const stop = new AbortController();
  const both = AbortSignal.any([stop.signal, ...(signal ? [signal] : [])]);
  const calls = parts.map((part) => part.critique(requests, { signal: both }));
  try {
    return await Promise.all(calls);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(calls);
    throw error;
  }
}

const SCALE = { stated: 'stated numbers', sampled: 'shares of samples' } as const;
export const scaleOf = ({ basis }: Pick<Critique, 'basis'>): string => (basis ? SCALE[basis] : 'probabilities');

/**
 * Those of one subject that are on one scale, by their places. One that stands in for another after an outage is left
 * out where its scale is another. Throws CONFIG_INVALID where the critics themselves are on different scales.
 */
export function onOneScale(id: string, parts: readonly Critic[], said: readonly Critique[], places: readonly number[]) {
  const own = places.filter((place) => said[place]!.degraded === undefined);
  const [first] = own.length > 0 ? own : places;
  if (first === undefined) return [];
  const { basis, kind } = said[first]!;
  const other = own.find((place) => said[place]!.basis !== basis);
  if (other !== undefined)
    throw mixed(
      `${id}, ${kind}: ${parts[first]!.id} gives ${scaleOf(said[first]!)}, ${parts[other]!.id} ${scaleOf(said[other]!)}`,
    );
  return places.filter((place) => said[place]!.basis === basis);
}

export const mixed = (what: string): DiscernError =>
  new DiscernError('CONFIG_INVALID', `${what}: numbers on different scales are not put together`, {
    hint: 'calibrate each with `discern critics calibrate --critic NAME --out FILE`, then name it calibrated:NAME=FILE',
  });
