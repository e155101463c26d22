import { DiscernError, throwIfAborted } from '../../errors.ts';
import { prepareReplay } from '../../replay/prepared.ts';
import { keyOf } from '../../text/hash.ts';
import { seededRandom } from '../../text/random.ts';
import { REFLECTIONS, type ReflectionKind, type Trace } from '../../types.ts';
import { type PairedDifference, pairedDifference } from '../metrics/paired.ts';
import type { AnswerMetric } from '../metrics/registry.ts';
import type { RecordedQuestion } from '../tune/replay-surface.ts';
import type { Outcome } from '../tune/surface.ts';
import { COVERED, type Compared, compareOutcomes, findingOf, valuesOf } from './compared.ts';
import { ablated, corrupted, countCritiques, drawSlips, dropped, type Slip } from './corrupt.ts';

export interface NoisePoint extends Compared {
  /** Share of labels that were changed, 0..1. */
  readonly noise: number;
  /** Against the critic that knows nothing, on the same questions; null where no question has both. */
  readonly overAblated: PairedDifference | null;
}

/** How wrong a critic may be before it is of no use. */
export type NoiseVerdict =
  /** Up to this noise the interval of the difference to the ablated critic lies on the better side. */
  | { readonly is: 'gains'; readonly upTo: number }
  /** Even as recorded it cannot be told from one that knows nothing. */
  | { readonly is: 'none' }
  /** As recorded it is worse than one that knows nothing. */
  | { readonly is: 'harms' }
  /** Facts are missing to compare the two on nearly all questions. */
  | { readonly is: 'unknown' };

/** What becomes of the answers when one critic knows nothing, errs, or is not asked. */
export interface CriticSensitivity {
  readonly kind: ReflectionKind;
  /** Ids of the critics that spoke. */
  readonly critics: readonly string[];
  /** Critiques of this kind in all traces. */
  readonly critiques: number;
  /** All labels equally likely; `passes` where that is above the threshold that it is compared with, null where there is none. */
  readonly ablated: Compared & { readonly passes: boolean | null };
  readonly dropped: Compared;
  readonly noise: readonly NoisePoint[];
  readonly verdict: NoiseVerdict;
  /** From this noise on it is worse than one that knows nothing, at every level that was tried; null where at none. */
  readonly worseFrom: number | null;
}

export interface CriticOptions {
  readonly metric: AnswerMetric;
  readonly seed: number;
  /** Shares of labels that are changed, ascending, the first 0. */
  readonly noise: readonly number[];
  /** Draws of each noise level; a question counts with the mean of them. */
  readonly seeds: number;
  readonly signal?: AbortSignal;
}

/** The tokens that critics were asked for, and why the others were not. */
export function usedKinds(traces: readonly Trace[]): {
  readonly used: readonly ReflectionKind[];
  readonly idle: readonly { readonly kind: ReflectionKind; readonly reason: string }[];
} {
  const kinds = Object.keys(REFLECTIONS) as ReflectionKind[];
  const reasonOf = (kind: ReflectionKind): string | null => {
    const mode = traces[0]?.config.retrieve.mode;
    if (kind === 'retrieve' && mode !== 'adaptive') return `retrieve.mode is ${mode}`;
    if (traces.every(({ backends }) => backends[`critic.${kind}`] === undefined)) return `there is no critic.${kind}`;
    return traces.every((trace) => countCritiques(trace, kind) === 0) ? 'it was asked nothing' : null;
  };
  const reasons = kinds.map((kind) => ({ kind, reason: reasonOf(kind) }));
  return {
    used: reasons.flatMap(({ kind, reason }) => (reason === null ? [kind] : [])),
    idle: reasons.flatMap(({ kind, reason }) => (reason === null ? [] : [{ kind, reason }])),
  };
}

/** One critic ablated, corrupted and dropped. `before` is what the questions came to as recorded. */
export async function criticSensitivity(
  questions: readonly RecordedQuestion[],
  kind: ReflectionKind,
  before: readonly (Outcome | null)[],
  { metric, seed, noise, seeds, signal }: CriticOptions,
): Promise<CriticSensitivity> {
  const [uniform, without]: [(Outcome | null)[], (Outcome | null)[]] = [[], []];
  const noisy: (readonly (Outcome | null)[])[][] = noise.map(() => []);
  for (const [i, question] of questions.entries()) {
    throwIfAborted(signal);
    const { trace } = question;
    const answered = (changed: Trace) =>
      changed === trace ? before[i]! : outcomeOf({ ...question, trace: changed }, metric);
    uniform.push(await answered(ablated(trace, kind)));
    without.push(await answered(dropped(trace, kind)));
    const draws = await noisyOutcomes(question, kind, before[i]!, { metric, seed, noise, seeds });
    for (const [level, outcomes] of draws.entries()) noisy[level]!.push(outcomes);
  }
  const points = noise.map((level, l): NoisePoint => {
    const all = noisy[l]!.flat();
    const covered = all.filter((outcome) => outcome !== null).length / all.length;
    const after = noisy[l]!.map(meanOutcome);
    return {
      ...{ noise: level, ...compareOutcomes(before, after, seed, covered) },
      overAblated: pairedDifference(valuesOf(uniform), valuesOf(after), seed),
    };
  });
  const traces = questions.map(({ trace }) => trace);
  const measured = compareOutcomes(before, uniform, seed);
  return {
    kind,
    critics: [...new Set(traces.flatMap(({ backends }) => backends[`critic.${kind}`] ?? []))],
    critiques: traces.reduce((sum, trace) => sum + countCritiques(trace, kind), 0),
    ablated: { ...measured, passes: uniformPasses(kind, traces[0]!) },
    dropped: compareOutcomes(before, without, seed),
    noise: points,
    verdict: verdictOf(points, measured, metric.better),
    worseFrom: worseFrom(points, metric.better),
  };
}

function uniformPasses(kind: ReflectionKind, { config }: Trace): boolean | null {
  if (kind === 'retrieve') return 0.5 > config.retrieve.threshold;
  return kind === 'isRel' ? 0.5 > (config.isRel.threshold ?? 0) : null;
}

async function outcomeOf({ trace, gold }: RecordedQuestion, metric: AnswerMetric): Promise<Outcome | null> {
  try {
    const answer = await prepareReplay(trace).answer();
    return { values: [metric.of(answer, gold)], cost: answer.cost };
  } catch (error) {
    if (DiscernError.is(error, 'REPLAY_FACT_MISSING')) return null;
    throw error;
  }
}

/** For each noise level the outcome of each draw. */
async function noisyOutcomes(
  question: RecordedQuestion,
  kind: ReflectionKind,
  before: Outcome | null,
  { metric, seed, noise, seeds }: Pick<CriticOptions, 'metric' | 'seed' | 'noise' | 'seeds'>,
): Promise<(Outcome | null)[][]> {
  const { trace } = question;
  const count = countCritiques(trace, kind);
  const levels: (Outcome | null)[][] = noise.map(() => []);
  for (let draw = 0; draw < seeds; draw++) {
    // Of the question and not of its place: a question errs the same in any set of them.
    const own = Number.parseInt(keyOf([seed, draw, kind, trace.question]).slice(0, 8), 16);
    const slips = drawSlips(count, seededRandom(own));
    const known = new Map<number, Outcome | null>([[0, before]]);
    for (const [l, level] of noise.entries()) {
      // Slips are the same on every level, so as many of them are the same ones.
      const wrong = slipsBelow(slips, level);
      if (!known.has(wrong))
        known.set(wrong, await outcomeOf({ ...question, trace: corrupted(trace, kind, slips, level) }, metric));
      levels[l]!.push(known.get(wrong)!);
    }
  }
  return levels;
}

const slipsBelow = (slips: readonly Slip[], noise: number): number => slips.filter(({ below }) => below < noise).length;

/** The mean of what was replayed; null where nothing was. Exactly the value where all draws have it. */
function meanOutcome(outcomes: readonly (Outcome | null)[]): Outcome | null {
  const known = outcomes.filter((outcome) => outcome !== null);
  if (known.length === 0) return null;
  const mean = (of: (outcome: Outcome) => number | null): number | null => {
    const [first = null, ...others] = known.flatMap((outcome) => of(outcome) ?? []);
    if (first === null) return null;
    return first + others.reduce((sum, value) => sum + (value - first), 0) / (others.length + 1);
  };
  const cost = (name: keyof Outcome['cost']) => mean((outcome) => outcome.cost[name])!;
  return {
    values: [mean(({ values }) => values[0] ?? null)],
    cost: { calls: cost('calls'), requests: cost('requests'), tokens: cost('tokens'), ms: cost('ms') },
  };
}

function verdictOf(points: readonly NoisePoint[], uniform: Compared, better: AnswerMetric['better']): NoiseVerdict {
  const findings = points.map(({ overAblated }) => findingOf(overAblated, better));
  if (findings[0] === 'worse') return { is: 'harms' };
  const lost = findings.findIndex((finding) => finding !== 'better');
  if (lost === 0) return { is: uniform.coverage < COVERED ? 'unknown' : 'none' };
  return { is: 'gains', upTo: points[lost < 0 ? points.length - 1 : lost - 1]!.noise };
}

function worseFrom(points: readonly NoisePoint[], better: AnswerMetric['better']): number | null {
  const last = points.findLastIndex(({ overAblated }) => findingOf(overAblated, better) !== 'worse');
  return points[last + 1]?.noise ?? null;
}
