import type { Flip } from './flips.ts';

/** Distances at which shares are told. */
export const NEAR = [0.01, 0.05, 0.1, 0.25, 0.5, 1] as const;

/** A number that lies between two; null: beyond everything that was looked at, which an answer that never changes is. */
export interface Bounds {
  readonly atLeast: number | null;
  readonly atMost: number | null;
}

/** Over questions, by the nearest rank. The bounds differ where facts are missing to tell. */
export interface Quartiles {
  readonly lower: Bounds;
  readonly median: Bounds;
  readonly upper: Bounds;
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

/** Of values that are known to lie between two numbers. */
function quartilesOf(least: readonly number[], most: readonly number[] = least): Quartiles {
  const sorted = [least, most].map((values) => [...values].sort((a, b) => a - b));
  const at = (share: number): Bounds => {
    const rank = Math.max(0, Math.ceil(share * least.length) - 1);
    const [atLeast, atMost] = sorted.map((values) => (Number.isFinite(values[rank]) ? values[rank]! : null));
    return { atLeast: atLeast!, atMost: atMost! };
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
