import type { ConfigInput } from '../../config.ts';
import { DiscernError } from '../../errors.ts';
import type { Replayer } from '../../replay/prepared.ts';
import { plainText } from '../../stages/answer.ts';
import type { Answer, Decision, Trace } from '../../types.ts';
import { changeOf } from '../tune/replay-surface.ts';
import type { OptionRange } from './ranges.ts';

/** How far an option must be moved for the words of the answer to change. */
export type AnswerFlip =
  /** To `at`. Of a weight the nearest change that the search saw. */
  | { readonly is: 'found'; readonly distance: number; readonly at: number }
  /** Nowhere in the range. */
  | { readonly is: 'never' }
  /** Up to `beyond` nothing changes; behind it facts are missing on one side or both. */
  | { readonly is: 'unknown'; readonly beyond: number };

export interface Flip {
  /** |value - threshold| of the nearest decision; null where nothing that the option decides was compared. */
  readonly decision: number | null;
  readonly answer: AnswerFlip;
}

/** The words of an answer; null where it was declined. */
export const wordsOf = (answer: Answer): string | null => (answer.unanswered === null ? plainText(answer) : null);

/** What a value of an option changes. The same object for the same value: a replay parses it once. */
export type ChangeAt = (path: string, value: number) => ConfigInput;

export function createChanges(): ChangeAt {
  const known = new Map<string, ConfigInput>();
  return (path, value) => {
    const name = `${path} ${value}`;
    const change = known.get(name) ?? changeOf({ [path]: value });
    known.set(name, change);
    return change;
  };
}

/** The answer with a change; null where facts are missing. */
async function answerWith(replayer: Replayer, change: ConfigInput): Promise<Answer | null> {
  try {
    return await replayer.answer(change);
  } catch (error) {
    if (DiscernError.is(error, 'REPLAY_FACT_MISSING')) return null;
    throw error;
  }
}

export const THRESHOLDS = {
  'retrieve.threshold': 'retrieve',
  'isRel.threshold': 'isRel',
  'gate.threshold': 'gate',
} as const satisfies Record<string, Decision['about']>;
export type ThresholdPath = keyof typeof THRESHOLDS;
export const isThreshold = (path: string): path is ThresholdPath => Object.hasOwn(THRESHOLDS, path);

const ABOVE: readonly string[] = ['retrieve', 'kept', 'keep'];
const BELOW: readonly string[] = ['none', 'dropped', 'drop', 'refuse'];

/** The decisions of a run that are comparisons with this threshold, and go by it. */
function comparisons({ decisions }: Answer, path: ThresholdPath, undecided: ReadonlySet<number>) {
  return decisions.flatMap(({ about, outcome, value, threshold }) => {
    if (about !== THRESHOLDS[path] || value === null || threshold === null || undecided.has(value)) return [];
    const above = value > threshold;
    return (above ? ABOVE : BELOW).includes(outcome) ? [{ value, threshold, above }] : [];
  });
}

/** Values of critiques that are decided by the policy for undecided ones, whatever the threshold. */
function undecidedValues({ facts }: Trace): Set<number> {
  return new Set(
    facts.flatMap(({ role, value }) => {
      const critique = value as { undecided?: unknown; probs?: Readonly<Record<string, number>> } | null;
      if (role !== 'critique' || !critique?.undecided || !critique.probs) return [];
      const { relevant, yes = 0, no = 0 } = critique.probs;
      return [relevant ?? yes / (yes + no)];
    }),
  );
}

/** The largest number below this one. */
export function nextBelow(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? -1n : 1n));
  return view.getFloat64(0);
}

interface Side {
  readonly direction: 1 | -1;
  at: number;
  stops: readonly number[];
  /** Distance at which facts were missing. */
  blocked: number | null;
}

/**
 * The smallest change of a threshold that changes a decision, and the smallest that changes the answer. A run is the same
 * until the threshold passes a value that it was compared with, so the answer is replayed just behind each, the nearest
 * first, and the values compared there are walked on from. Where the gate stops sampling early, a change that depends on
 * how many samples it drew may be passed over.
 */
export async function thresholdFlip(
  replayer: Replayer,
  base: Answer,
  range: OptionRange,
  changeAt: ChangeAt,
): Promise<Flip> {
  const path = range.path as ThresholdPath;
  const start = range.base!;
  const undecided = undecidedValues(replayer.trace);
  const compared = comparisons(base, path, undecided);
  const reachable = compared.filter(({ value, above }) => above || value > range.low);
  const distances = reachable.map(({ value, threshold }) => Math.abs(value - threshold));
  const stopsOf = (answer: Answer, direction: 1 | -1): number[] => {
    const values = comparisons(answer, path, undecided).map(({ value }) => value);
    return [
      ...values.map((value) => (direction > 0 ? value : nextBelow(value))),
      ...gateStops(replayer.trace, path, values).map((value) => value + direction * 1e-9),
    ];
  };
  const sides = ([1, -1] as const).map(
    (direction): Side => ({ direction, at: start, stops: stopsOf(base, direction), blocked: null }),
  );
  const same = wordsOf(base);
  const next = ({ direction, at, stops, blocked }: Side): number | null => {
    const ahead = stops.filter(
      (stop) => (direction > 0 ? stop > at : stop < at) && stop >= range.low && stop <= range.high,
    );
    return blocked !== null || ahead.length === 0 ? null : direction > 0 ? Math.min(...ahead) : Math.max(...ahead);
  };
  for (;;) {
    const steps = sides.flatMap((side) => {
      const stop = next(side);
      return stop === null ? [] : [{ side, stop, distance: Math.abs(stop - start) }];
    });
    const missing = Math.min(...sides.map(({ blocked }) => blocked ?? Number.POSITIVE_INFINITY));
    const nearest = steps.sort((a, b) => a.distance - b.distance)[0];
    const decision = distances.length === 0 ? null : Math.min(...distances);
    if (nearest === undefined || nearest.distance > missing)
      return { decision, answer: missing === Number.POSITIVE_INFINITY ? { is: 'never' } : unknown(missing) };
    const { side, stop, distance } = nearest;
    const answer = await answerWith(replayer, changeAt(path, stop));
    if (answer === null) side.blocked = distance;
    else if (wordsOf(answer) !== same) return { decision, answer: { is: 'found', distance, at: stop } };
    else Object.assign(side, { at: stop, stops: stopsOf(answer, side.direction) });
  }
}

const unknown = (beyond: number): AnswerFlip => ({ is: 'unknown', beyond });

/** Where an uncertain gate begins or ceases to be asked: at a distance from the threshold. */
function gateStops({ config: { gate } }: Trace, path: ThresholdPath, values: readonly number[]): number[] {
  if (gate.when !== 'uncertain' || path === 'gate.threshold') return [];
  return values.flatMap((value) => [value - gate.near, value + gate.near]);
}

/** Steps to each side in which a change of the answer is looked for, and how finely one is then narrowed down. */
const STEPS = 12;
const TOLERANCE = 0.005;

/**
 * The nearest value of a weight at which the answer is seen to change: both sides are searched in even steps, and the
 * first step that changes it is halved down to the tolerance. A change that is undone within one step is not seen.
 */
export async function weightFlip(
  replayer: Replayer,
  base: Answer,
  range: OptionRange,
  changeAt: ChangeAt,
): Promise<Flip> {
  const start = range.base!;
  const same = wordsOf(base);
  const step = Math.max(range.high - start, start - range.low) / STEPS;
  const changesAt = async (value: number): Promise<boolean | null> => {
    const answer = await answerWith(replayer, changeAt(range.path, value));
    return answer === null ? null : wordsOf(answer) !== same;
  };
  const searchSide = async (direction: 1 | -1, most: number): Promise<AnswerFlip> => {
    const end = direction > 0 ? range.high : range.low;
    const at = (distance: number) => (distance >= Math.abs(end - start) ? end : start + direction * distance);
    for (let k = 1; (k - 1) * step < Math.min(Math.abs(end - start), most); k++) {
      let [low, high] = [(k - 1) * step, Math.min(k * step, Math.abs(end - start))];
      const changes = await changesAt(at(high));
      if (changes === null) return unknown(low);
      if (!changes) continue;
      while (high - low > TOLERANCE) {
        const middle = await changesAt(at((low + high) / 2));
        if (middle === null) return unknown(low);
        if (middle) high = (low + high) / 2;
        else low = (low + high) / 2;
      }
      return { is: 'found', distance: high, at: at(high) };
    }
    return { is: 'never' };
  };
  const up = await searchSide(1, Number.POSITIVE_INFINITY);
  const down = await searchSide(-1, reachOf(up));
  return { decision: null, answer: reachOf(down) < reachOf(up) ? down : up };
}

/** Up to where nothing changes. */
const reachOf = (flip: AnswerFlip): number =>
  flip.is === 'found' ? flip.distance : flip.is === 'unknown' ? flip.beyond : Number.POSITIVE_INFINITY;
