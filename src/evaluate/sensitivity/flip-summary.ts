import type { Flip } from './flips.ts';

/** Distances at which shares are told. */
export const NEAR = [0.01, 0.05, 0.1, 0.25, 0.5, 1] as const;

/** Quartiles over questions; null where the question that it falls on never changes, or facts are missing to tell. */
export interface Quartiles {
  readonly lower: number | null;
  readonly median: number | null;
  readonly upper: number | null;
}

/** How near the questions are to another answer, by one option. */
export interface FlipSummary {
  readonly path: string;
  readonly base: number;
  readonly questions: number;
  /** Questions in which a decision was compared with the option; null for a weight, which decides by ranks alone. */
  readonly compared: number | null;
  /** Of those. */
  readonly decision: Quartiles | null;
  /** Of all questions; one that never changes is infinitely far. */
  readonly answer: Quartiles;
  readonly found: number;
  readonly never: number;
  readonly unknown: number;
  /**
   * Shares of all questions that change when the option is moved by at most `distance`, in the direction that is nearer.
   * Of answers at least and, if those that are unknown there all changed, at most.
   */
  readonly near: readonly {
    readonly distance: number;
    readonly decision: number | null;
    readonly answer: { readonly atLeast: number; readonly atMost: number };
  }[];
}

/** Of values that are known to lie between two bounds: null where the quartile depends on where, or is infinite. */
function quartilesOf(least: readonly number[], most: readonly number[] = least): Quartiles {
  const [low, high] = [least, most].map((values) => [...values].sort((a, b) => a - b)) as [number[], number[]];
  const at = (share: number): number | null => {
    const rank = Math.max(0, Math.ceil(share * low.length) - 1);
    return low[rank] === high[rank] && Number.isFinite(low[rank]) ? low[rank]! : null;
  };
  return { lower: at(0.25), median: at(0.5), upper: at(0.75) };
}

export function summariseFlips(path: string, base: number, flips: readonly Flip[], isWeight: boolean): FlipSummary {
  const decisions = flips.flatMap(({ decision }) => decision ?? []);
  const count = (is: Flip['answer']['is']) => flips.filter(({ answer }) => answer.is === is).length;
  const most = ({ answer }: Flip): number => (answer.is === 'found' ? answer.distance : Number.POSITIVE_INFINITY);
  const least = (flip: Flip): number => (flip.answer.is === 'unknown' ? flip.answer.beyond : most(flip));
  const share = (of: readonly unknown[]) => of.length / flips.length;
  return {
    ...{ path, base, questions: flips.length, compared: isWeight ? null : decisions.length },
    decision: decisions.length === 0 ? null : quartilesOf(decisions),
    answer: quartilesOf(flips.map(least), flips.map(most)),
    ...{ found: count('found'), never: count('never'), unknown: count('unknown') },
    near: NEAR.map((distance) => ({
      distance,
      decision: isWeight ? null : share(decisions.filter((one) => one <= distance)),
      answer: {
        atLeast: share(flips.filter((flip) => most(flip) <= distance)),
        atMost: share(flips.filter((flip) => least(flip) <= distance)),
      },
    })),
  };
}
