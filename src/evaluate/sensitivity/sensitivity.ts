import { DiscernError, throwIfAborted } from '../../errors.ts';
import { prepareReplay } from '../../replay/prepared.ts';
import type { ReflectionKind } from '../../types.ts';
import { requireOneConfig } from '../data/match.ts';
import type { MeanInterval } from '../metrics/mean.ts';
import { type AnswerMetric, answerMetric } from '../metrics/registry.ts';
import { type RecordedQuestion, replaySurface } from '../tune/replay-surface.ts';
import { COVERED, compareOutcomes } from './compared.ts';
import { type CriticSensitivity, criticSensitivity, usedKinds } from './critics.ts';
import { type FlipSummary, summariseFlips } from './flip-summary.ts';
import { createChanges, type Flip, isThreshold, thresholdFlip, weightFlip } from './flips.ts';
import { type OptionRange, usedRanges } from './ranges.ts';
import { type Sweep, sweepOption } from './sweeps.ts';

export interface SensitivityOptions {
  /** Name of a metric of answers, such as `f1`. */
  readonly metric: string;
  /** Of intervals and of noise. */
  readonly seed?: number;
  /** Values of each swept option, about. */
  readonly points?: number;
  /** Shares of labels that are changed. */
  readonly noise?: readonly number[];
  /** Draws of each noise level. */
  readonly seeds?: number;
  /** The options to look at, with their ranges; absent or null: all that decide something. */
  readonly over?: readonly Omit<OptionRange, 'base'>[] | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (title: string, done: number, total: number) => void;
}

export interface QuestionFlips {
  readonly id: string;
  readonly question: string;
  /** By option. */
  readonly flips: Readonly<Record<string, Flip>>;
}

/** How much the end result hangs on each threshold, each weight and each critic. */
export interface SensitivityReport {
  readonly version: 1;
  readonly metric: Omit<AnswerMetric, 'of'>;
  readonly seed: number;
  readonly seeds: number;
  /** Below this coverage nothing is said to make no difference. */
  readonly leastCoverage: number;
  /** As recorded: questions, those that replay, the mean of the metric and of calls to models. */
  readonly base: {
    readonly questions: number;
    readonly replayed: number;
    readonly value: MeanInterval | null;
    readonly calls: number | null;
  };
  readonly sweeps: readonly Sweep[];
  readonly flips: { readonly options: readonly FlipSummary[]; readonly questions: readonly QuestionFlips[] };
  readonly critics: readonly CriticSensitivity[];
  /** What was not looked at, and why. */
  readonly idle: {
    readonly options: readonly { readonly path: string; readonly reason: string }[];
    readonly critics: readonly { readonly kind: ReflectionKind; readonly reason: string }[];
  };
}

export const NOISE = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5] as const;
const WEIGHTS: readonly string[] = ['weights.isRel', 'weights.isSup', 'weights.isUse'];

/** Answers every question again with one thing changed at a time, from recorded facts, without models. */
export async function sensitivity(
  questions: readonly RecordedQuestion[],
  options: SensitivityOptions,
): Promise<SensitivityReport> {
  if (questions.length === 0) throw new DiscernError('INPUT_INVALID', 'there are no recorded questions');
  requireOneConfig(questions);
  const { seed = 0, points = 21, seeds = 5, over = null, signal, onProgress = () => {} } = options;
  const metric = answerMetric(options.metric);
  const { of: _of, ...described } = metric;
  const noise = [...new Set([0, ...(options.noise ?? NOISE)])].sort((a, b) => a - b);
  const wrong = noise.find((level) => !(level >= 0 && level <= 1));
  if (wrong !== undefined) throw new DiscernError('INPUT_INVALID', `noise is a share of labels, 0..1, got ${wrong}`);
  const traces = questions.map(({ trace }) => trace);
  const ranges = usedRanges(traces, over);
  const kinds = usedKinds(traces);
  const surface = replaySurface(questions, [options.metric]);
  const before = await surface.at({});
  const base = compareOutcomes(before, before, seed);
  if (base.coverage === 0)
    throw new DiscernError('REPLAY_FACT_MISSING', `none of ${questions.length} questions can be answered again`);

  const sweeps: Sweep[] = [];
  for (const [i, range] of ranges.used.entries()) {
    throwIfAborted(signal);
    onProgress('options swept', i, ranges.used.length);
    sweeps.push(await sweepOption(surface, range, before, { points, seed, better: metric.better }));
  }
  const flips = await questionFlips(questions, ranges.used, options);
  const critics: CriticSensitivity[] = [];
  for (const [i, kind] of kinds.used.entries()) {
    onProgress('critics changed', i, kinds.used.length);
    critics.push(await criticSensitivity(questions, kind, before, { metric, seed, noise, seeds, signal }));
  }
  return {
    ...{ version: 1, metric: described, seed, seeds, leastCoverage: COVERED },
    base: {
      ...{ questions: questions.length, replayed: before.filter((outcome) => outcome !== null).length },
      ...{ value: base.value, calls: base.calls },
    },
    ...{ sweeps, flips, critics },
    idle: { options: ranges.idle, critics: kinds.idle },
  };
}

async function questionFlips(
  questions: readonly RecordedQuestion[],
  ranges: readonly OptionRange[],
  { signal, onProgress = () => {} }: SensitivityOptions,
): Promise<SensitivityReport['flips']> {
  const looked = ranges.filter(({ path, base }) => base !== null && (isThreshold(path) || WEIGHTS.includes(path)));
  const changeAt = createChanges();
  const found: QuestionFlips[] = [];
  for (const [i, { trace, gold }] of questions.entries()) {
    throwIfAborted(signal);
    onProgress('questions moved to their next answer', i, questions.length);
    const replayer = prepareReplay(trace);
    const base = await replayer.answer().catch((error: unknown) => {
      if (DiscernError.is(error, 'REPLAY_FACT_MISSING')) return null;
      throw error;
    });
    if (base === null) continue;
    const flips: Record<string, Flip> = {};
    for (const range of looked)
      flips[range.path] = await (isThreshold(range.path) ? thresholdFlip : weightFlip)(replayer, base, range, changeAt);
    found.push({ id: gold.id, question: gold.question, flips });
  }
  const summarised = found.length === 0 ? [] : looked;
  return {
    options: summarised.map(({ path, base }) =>
      summariseFlips(
        path,
        base!,
        found.map(({ flips }) => flips[path]!),
        !isThreshold(path),
      ),
    ),
    questions: found,
  };
}
