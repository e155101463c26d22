import type { CallOptions, Critic } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { type Critique, type CritiqueRequest, REFLECTIONS, type ReflectionKind } from '../types.ts';

/** Which critic predicts which token; null = the token is not asked for. */
export type Critics = Readonly<Record<ReflectionKind, Critic | null>>;

/**
 * Asks all requests, of any kinds: one call to each critic, results in order; null where no critic has the kind.
 * Throws CRITIC_INVALID when a critic breaks its contract.
 */
export async function critiqueAll<K extends ReflectionKind>(
  requests: readonly CritiqueRequest<K>[],
  critics: Critics,
  options: CallOptions,
): Promise<(Critique<K> | null)[]> {
  const results: (Critique<K> | null)[] = requests.map(() => null);
  const batches = new Map<Critic, number[]>();
  requests.forEach(({ kind }, i) => {
    const critic = critics[kind];
    if (critic === null) return;
    const places = batches.get(critic);
    if (places === undefined) batches.set(critic, [i]);
    else places.push(i);
  });
  await Promise.all(
    [...batches].map(async ([critic, places]) => {
      const critiques = await critic.critique(
        places.map((place) => requests[place]!),
        options,
      );
      critiques.forEach((critique, i) => {
        results[places[i]!] = checked(critique, requests[places[i]!]!.kind, critic.id) as Critique<K>;
      });
    }),
  );
  return results;
}

function checked(critique: Critique, kind: ReflectionKind, id: string): Critique {
  const labels: readonly string[] = REFLECTIONS[kind];
  const probs = critique.probs as Readonly<Record<string, number>>;
  let sound = critique.kind === kind && Object.keys(probs).length === labels.length;
  let sum = 0;
  for (const label of labels) {
    const value = probs[label]!;
    sound &&= value >= 0 && value <= 1 + 1e-9;
    sum += value;
  }
  sound &&= Math.abs(sum - 1) <= 1e-6 && critique.mass > 0 && critique.mass <= 1 + 1e-9;
  if (!sound)
    throw new DiscernError('CRITIC_INVALID', `${id} gave for ${kind}: ${JSON.stringify(critique).slice(0, 200)}`, {
      details: { kind },
    });
  return critique;
}
