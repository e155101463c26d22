import type { Config } from '../../config.ts';
import { optionValue } from '../../options.ts';
import { thresholdOf } from '../../stages/gate-decision.ts';
import type { Trace } from '../../types.ts';

/** An option that decides by its size, and the part of its scale on which it is looked at. */
export interface OptionRange {
  /** Dotted path, such as `retrieve.threshold`. */
  readonly path: string;
  readonly low: number;
  readonly high: number;
  /** Only whole numbers. */
  readonly whole: boolean;
  /** What the questions were recorded with; null where it was off. */
  readonly base: number | null;
}

interface Row {
  readonly range: readonly [low: number, high: number] | ((gate: Config['gate']) => readonly [number, number]);
  readonly whole?: true;
  readonly base: (config: Config) => number | null;
  /** Why it decides nothing in these traces; null where it does. */
  readonly idle: (trace: Trace) => string | null;
}

const needs =
  (...roles: readonly string[]) =>
  ({ backends }: Trace): string | null =>
    roles.some((role) => backends[role] !== undefined) ? null : `there is no ${roles.join(' or ')}`;

const quoting = ({ abilities, backends }: Trace): string | null =>
  abilities['generate.withContext']?.quotes || backends['generate.quotes'] !== undefined
    ? null
    : 'nothing quotes sentences';

const gated = ({ config: { gate } }: Trace): string | null =>
  gate.when === 'never' ? 'the gate was not asked (gate.when never)' : null;

/** Of a difference of entropies or of a logit the part that samples and rerankers reach. */
function gateRange({ measure, samples }: Config['gate']): readonly [number, number] {
  const most = Math.max(Math.log(samples), 0.1);
  if (measure === 'entropyReduction') return [-most, most];
  if (measure === 'rerank') return [-10, 10];
  return measure === 'pseudoSeper' || measure === 'recall' ? [-1, 1] : [0, 1];
}

/** Every number that decides something, with a finite range inside its bounds. */
const RANGES: Readonly<Record<string, Row>> = {
  'retrieve.threshold': {
    range: [0, 1],
    base: ({ retrieve }) => retrieve.threshold,
    idle: ({ config: { retrieve }, backends }) =>
      retrieve.mode !== 'adaptive'
        ? `retrieve.mode is ${retrieve.mode}`
        : backends['critic.retrieve'] === undefined
          ? 'there is no critic.retrieve'
          : null,
  },
  'isRel.threshold': { range: [0, 1], base: ({ isRel }) => isRel.threshold ?? 0, idle: needs('critic.isRel') },
  'gate.threshold': { range: gateRange, base: ({ gate }) => thresholdOf(gate), idle: gated },
  'gate.near': {
    range: [0, 1],
    base: ({ gate }) => gate.near,
    idle: ({ config: { gate } }) => (gate.when === 'uncertain' ? null : `gate.when is ${gate.when}`),
  },
  'gate.maxEntropy': {
    range: ({ samples }) => [0, Math.max(Math.log(samples), 0.1)],
    base: ({ gate }) => gate.maxEntropy,
    idle: (trace) => gated(trace) ?? (trace.config.gate.refuse ? null : 'gate.refuse is off'),
  },
  'weights.isRel': { range: [0, 3], base: ({ weights }) => weights.isRel, idle: needs('critic.isRel') },
  'weights.isSup': { range: [0, 3], base: ({ weights }) => weights.isSup, idle: needs('critic.isSup') },
  'weights.isUse': { range: [0, 3], base: ({ weights }) => weights.isUse, idle: needs('critic.isUse') },
  'rerank.mix': { range: [0, 1], base: ({ rerank }) => rerank.mix ?? 1, idle: needs('rerank') },
  'rerank.topN': { range: [1, 10], whole: true, base: ({ rerank }) => rerank.topN, idle: needs('recall') },
  'beam.width': { range: [1, 6], whole: true, base: ({ beam }) => beam.width, idle: () => null },
  'beam.maxSegments': { range: [1, 8], whole: true, base: ({ beam }) => beam.maxSegments, idle: () => null },
  'generate.quoteGain': { range: [0, 1], base: ({ generate }) => generate.quoteGain, idle: quoting },
  'generate.quoteNear': { range: [0, 0.5], base: ({ generate }) => generate.quoteNear, idle: quoting },
  'generate.quoteMix': { range: [0, 1], base: ({ generate }) => generate.quoteMix, idle: quoting },
};

/** The paths of all of them. */
export const rangedOptions = (): string[] => Object.keys(RANGES);

/** The range of an option, wide enough to hold what the trace was recorded with; null where the table has none. */
export function rangeOf(path: string, { config }: Pick<Trace, 'config'>): OptionRange | null {
  const row = Object.hasOwn(RANGES, path) ? RANGES[path]! : null;
  if (row === null) return null;
  const [low, high] = typeof row.range === 'function' ? row.range(config.gate) : row.range;
  return withBase({ path, low, high, whole: row.whole ?? false }, { config });
}

/** A range that was chosen, with what the trace was recorded with, and wide enough to hold it. */
export function withBase(range: Omit<OptionRange, 'base'>, { config }: Pick<Trace, 'config'>): OptionRange {
  const recorded = optionValue(config, range.path);
  const row = Object.hasOwn(RANGES, range.path) ? RANGES[range.path]! : null;
  const base = row ? row.base(config) : typeof recorded === 'number' ? recorded : null;
  return {
    ...range,
    base,
    low: Math.min(range.low, base ?? range.low),
    high: Math.max(range.high, base ?? range.high),
  };
}

/** Why an option of the table decides nothing in any of the traces; null where it does. */
function idleReason(path: string, traces: readonly Trace[]): string | null {
  const row = Object.hasOwn(RANGES, path) ? RANGES[path]! : null;
  const reasons = row === null ? [null] : traces.map(row.idle);
  return reasons.includes(null) ? null : (reasons[0] ?? null);
}

/** Of the ranges that are wanted (null: all of the table) those that decide something, and why the others do not. */
export function usedRanges(
  traces: readonly Trace[],
  wanted: readonly Omit<OptionRange, 'base'>[] | null,
): {
  readonly used: readonly OptionRange[];
  readonly idle: readonly { readonly path: string; readonly reason: string }[];
} {
  const first = traces[0]!;
  const ranges =
    wanted?.map((range) => withBase(range, first)) ?? Object.keys(RANGES).map((path) => rangeOf(path, first)!);
  const reasons = ranges.map((range) => ({ range, reason: idleReason(range.path, traces) }));
  return {
    used: reasons.flatMap(({ range, reason }) => (reason === null ? [range] : [])),
    idle: reasons.flatMap(({ range, reason }) => (reason === null ? [] : [{ path: range.path, reason }])),
  };
}
