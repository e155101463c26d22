import { topLabel } from '../../reflection.ts';
import {
  type Critique,
  type Distribution,
  type Label,
  REFLECTIONS,
  type ReflectionKind,
  type Trace,
} from '../../types.ts';

/** A trace with what its critic said of one token changed; the trace itself where nothing changes. */
export function withCritiques<K extends ReflectionKind>(
  trace: Trace,
  kind: K,
  change: (critique: Critique<K>, n: number) => Critique<K>,
): Trace {
  const backend = trace.backends[`critic.${kind}`];
  let [n, isChanged] = [0, false];
  const facts = trace.facts.map((fact) => {
    const said = fact.value as Critique<K> | null;
    if (fact.role !== 'critique' || fact.backend !== backend || said?.kind !== kind) return fact;
    const value = change(said, n);
    n += 1;
    if (value === said) return fact;
    isChanged = true;
    return { ...fact, value };
  });
  return isChanged ? { ...trace, facts } : trace;
}

/** The labels that the critic of a trace can give: one that does not predict `continue` gives it no weight in any case. */
export function labelsGiven<K extends ReflectionKind>(trace: Trace, kind: K): readonly Label<K>[] {
  const labels = REFLECTIONS[kind] as readonly Label<K>[];
  if (kind !== 'retrieve' || trace.abilities['critic.retrieve']?.predictsContinue === true) return labels;
  return labels.filter((label) => label !== 'continue');
}

const distribution = <K extends ReflectionKind>(kind: K, of: (label: string) => number): Distribution<K> =>
  Object.fromEntries(REFLECTIONS[kind].map((label) => [label, of(label)])) as Distribution<K>;

/** A critic that knows nothing: every label that it can give is equally likely. */
export function ablated(trace: Trace, kind: ReflectionKind): Trace {
  const labels: readonly string[] = labelsGiven(trace, kind);
  const probs = distribution(kind, (label) => (labels.includes(label) ? 1 / labels.length : 0));
  return withCritiques(trace, kind, () => ({ kind, probs, mass: 1 }));
}

/** What chance does to one critique: it is wrong where `below` is under the noise, and then says label `other`. */
export interface Slip {
  /** 0..1 */
  readonly below: number;
  /** Which of the other labels takes the place of the likeliest, 0..1. */
  readonly other: number;
}

/** A slip for each of at most so many critiques. The same slips serve every noise level, so that more noise only adds errors. */
export const drawSlips = (count: number, random: () => number): Slip[] =>
  Array.from({ length: count }, () => ({ below: random(), other: random() }));

/**
 * A critic that is wrong more often: with probability `noise` a critique's likeliest label and another one, drawn evenly
 * from the others, change their probabilities.
 */
export function corrupted(trace: Trace, kind: ReflectionKind, slips: readonly Slip[], noise: number): Trace {
  const labels: readonly string[] = labelsGiven(trace, kind);
  return withCritiques(trace, kind, (critique, n) => {
    const { below, other } = slips[n]!;
    if (below >= noise) return critique;
    const probs = critique.probs as Readonly<Record<string, number>>;
    const top: string = topLabel(critique);
    const others = labels.filter((label) => label !== top);
    const drawn = others[Math.floor(other * others.length)]!;
    const said = (label: string) => probs[label === top ? drawn : label === drawn ? top : label]!;
    return { ...critique, probs: distribution(kind, said) };
  });
}

/** How many critiques of a kind a trace holds. */
export function countCritiques(trace: Trace, kind: ReflectionKind): number {
  let count = 0;
  withCritiques(trace, kind, (critique) => {
    count += 1;
    return critique;
  });
  return count;
}

/** A pipeline that does not ask for a token at all; Retrieve gives way to retrieving always. */
export function dropped(trace: Trace, kind: ReflectionKind): Trace {
  const { [`critic.${kind}`]: _critic, ...backends } = trace.backends;
  const { config } = trace;
  return {
    ...{ ...trace, backends },
    config: {
      ...{ ...config, critics: { ...config.critics, [kind]: null } },
      ...(kind === 'retrieve' && { retrieve: { ...config.retrieve, mode: 'always' as const } }),
    },
  };
}
