import type { Trace } from '../../types.ts';
import { changeOf } from './replay-surface.ts';
import type { TuneResult } from './tune.ts';

/** A file, and the hash of its bytes. */
export interface SourceFile {
  /** Without its folder. */
  readonly name: string;
  readonly sha256: string;
}

/** What a tuned config comes from, beside the search itself. */
export interface TuneSource {
  /** Recorded answers; of closed-set answers the one file. */
  readonly traces: readonly SourceFile[];
  /** Null for closed-set answers, which bring their gold. */
  readonly gold: SourceFile | null;
  readonly packageVersion: string;
  /** ISO 8601. */
  readonly made: string;
  /** The parts that were asked, by role: critics, generators, reranker and so on. */
  readonly backends: Readonly<Record<string, string>>;
  /** Options of the recording that differ from the defaults, by dotted path. */
  readonly recordedWith: Readonly<Record<string, unknown>>;
}

/** The ids of all parts that traces name, by role. */
export function backendsOf(traces: readonly Pick<Trace, 'backends'>[]): Record<string, string> {
  const found = new Map<string, Set<string>>();
  for (const { backends } of traces)
    for (const [role, id] of Object.entries(backends)) found.set(role, (found.get(role) ?? new Set()).add(id));
  return Object.fromEntries(
    [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([role, ids]) => [role, [...ids].join(', ')]),
  );
}

/** Leaves of two configs that differ, by dotted path, as the first has them. */
export function differingOptions(config: object, other: object): Record<string, unknown> {
  const groups = other as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  return Object.fromEntries(
    Object.entries(config as Readonly<Record<string, Readonly<Record<string, unknown>>>>).flatMap(([group, options]) =>
      Object.entries(options).flatMap(([name, value]) =>
        JSON.stringify(value) === JSON.stringify(groups[group]?.[name]) ? [] : [[`${group}.${name}`, value] as const],
      ),
    ),
  );
}

/**
 * The result as a config file: the options that were tuned, and where they come from. Without evidence the options are
 * those of the recording. `--config` reads the file, and passes over `provenance`.
 */
export function tunedConfig(result: TuneResult, source: TuneSource): Record<string, Record<string, unknown>> {
  const { metric, heldOut, base, chosen, verdict, reason, strategy, trials, tried, seed, ties } = result;
  const { difference } = heldOut.metric ?? {};
  return {
    ...(changeOf(result.setting) as Record<string, Record<string, unknown>>),
    provenance: {
      ...{ made: source.made, package: `discern-rag ${source.packageVersion}`, verdict, reason },
      ...{ metric: metric.name, better: metric.better },
      heldOut: {
        base: heldOut.metric?.base ?? null,
        tuned: heldOut.metric?.tuned ?? null,
        difference: difference ?? null,
        coverage: heldOut.coverage,
        cost: heldOut.cost,
      },
      ...{ base, chosen, questions: result.questions, groups: result.groups, folds: result.folds.length },
      ...{ strategy, trials, tried, seed, ties, minCoverage: result.minCoverage, budgets: result.budgets },
      ...{ traces: source.traces, gold: source.gold, backends: source.backends, recordedWith: source.recordedWith },
    },
  };
}
