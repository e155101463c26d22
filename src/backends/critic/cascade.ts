import type { Critic } from '../../contracts.ts';
import type { Critique, ReflectionKind } from '../../types.ts';
import { commonKinds, composedCritic, onOneScale, partName } from './composed.ts';

export interface CascadeOptions {
  readonly cheap: Critic;
  readonly dear: Critic;
  /** What the deciding number of a kind is compared with later; of a kind without one the cheap critic decides alone. */
  readonly thresholds: Readonly<Partial<Record<ReflectionKind, number>>>;
  /** The dear critic is asked where the cheap one's deciding number is at most so far from the threshold. */
  readonly band: number;
}

export interface CascadeCritic extends Critic {
  /** Requests so far: all of them went to the cheap critic, these to the dear one. */
  readonly asked: { readonly cheap: number; readonly dear: number };
}

/** Distances are differences of decimal numbers. */
const ROUNDING = 1e-9;

/**
 * The number, 0..1, that a choice hangs on: P(yes) against P(no), P(relevant), the values of IsSUP and IsUSE in the score
 * of a segment (that of IsUSE from -1..1). Null where neither yes nor no has any probability.
 */
export function decidingNumber({ kind, probs }: Pick<Critique, 'kind' | 'probs'>): number | null {
  const p = (label: string): number => (probs as Readonly<Record<string, number>>)[label]!;
  switch (kind) {
    case 'retrieve':
      return p('yes') + p('no') > 0 ? p('yes') / (p('yes') + p('no')) : null;
    case 'isRel':
      return p('relevant');
    case 'isSup':
      return p('fully') + p('partially') / 2;
    case 'isUse':
      return p('5') + 0.75 * p('4') + 0.5 * p('3') + 0.25 * p('2');
  }
}

/**
 * Two critics as one: the cheap one decides, the dear one is asked only where that is a close thing or undecided, all
 * such requests in one call. What the dear one cannot decide stays as the cheap one said. `by` tells whose it is.
 * Numbers on different scales are refused: `calibratedCritic` puts them on one. A trace holds what came of it, so a
 * replay with another threshold takes it from the same critic as before.
 */
export function cascadeCritic({ cheap, dear, thresholds, band }: CascadeOptions): CascadeCritic {
  const id = `cascade-${partName(cheap.id)}-${partName(dear.id)}@1`;
  const parts = [cheap, dear];
  const asked = { cheap: 0, dear: 0 };

  function isClose(said: Critique): boolean {
    const threshold = thresholds[said.kind];
    if (threshold === undefined) return false;
    if (said.undecided) return true;
    const value = decidingNumber(said);
    return value === null || Math.abs(value - threshold) <= band + ROUNDING;
  }

  /** What the dear critic says, else the cheap one; a reason why either is not itself stays. */
  function chosen(first: Critique, second: Critique): Critique {
    const both = [first, second];
    const decided = both.flatMap(({ undecided }, place) => (undecided ? [] : [place]));
    const place = onOneScale(id, parts, both, decided).at(-1) ?? 1;
    const reason = second.degraded ?? first.degraded;
    return { ...signed(both[place]!, parts[place]!), ...(reason !== undefined && { degraded: reason }) };
  }

  return {
    ...composedCritic({
      id,
      kinds: commonKinds(parts),
      parts,
      async ask(requests, options) {
        const first = await cheap.critique(requests, options);
        const places = first.flatMap((said, place) => (isClose(said) ? [place] : []));
        const second =
          places.length === 0
            ? []
            : await dear.critique(
                places.map((place) => requests[place]!),
                options,
              );
        asked.cheap += requests.length;
        asked.dear += places.length;
        const results = first.map((said) => signed(said, cheap));
        places.forEach((place, i) => {
          results[place] = chosen(first[place]!, second[i]!);
        });
        return results;
      },
    }),
    asked,
  };
}

const signed = (said: Critique, { id }: Critic): Critique => ({ ...said, by: said.by ?? id });
