import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { DiscernError, messageOf } from '../errors.ts';
import { matchTraces } from '../evaluate/data/match.ts';
import { DATASET_TYPES, type DatasetType, openDataset } from '../evaluate/data/open.ts';
import type { FaultReport } from '../evaluate/faults/fault-report.ts';
import { findFaults, type Run } from '../evaluate/faults/faults.ts';
import type { AnswerMetric } from '../evaluate/metrics/registry.ts';
import { chaptersPage } from '../evaluate/report/chapters-page.ts';
import { faultsChapter } from '../evaluate/report/faults-chapter.ts';
import type { Trace } from '../types.ts';
import type { CliContext } from './context.ts';
import { progressBar } from './terminal.ts';
import { readTraces } from './traces.ts';

export interface ComparisonFlags {
  readonly gold?: string;
  readonly goldType: string;
  readonly report?: string;
  readonly seed: string;
}

/** Reads two runs and finds what changed between them. Throws INPUT_INVALID where they have no question in common. */
export async function compareRuns(
  paths: { readonly a: string; readonly b: string },
  metrics: readonly AnswerMetric[],
  flags: ComparisonFlags,
  { signal }: CliContext,
): Promise<FaultReport> {
  const seed = Number(flags.seed);
  if (!/^\d+$/.test(flags.seed))
    throw new DiscernError('INPUT_INVALID', `--seed takes a whole number from 0, got "${flags.seed}"`);
  const [a, b] = [await readRun(paths.a), await readRun(paths.b)];
  const names = a.name === b.name ? [paths.a, paths.b] : [a.name, b.name];
  const goldOf = flags.gold === undefined ? undefined : await readGold(flags.gold, flags.goldType, a.traces);
  const bar = progressBar();
  try {
    const report = await findFaults(
      { ...a, name: names[0]! },
      { ...b, name: names[1]! },
      {
        ...{ metrics, goldOf, seed, signal },
        onProgress: (done, total) => bar.update('comparing', done, total),
      },
    );
    if (report.pairs === 0)
      throw new DiscernError('INPUT_INVALID', `${paths.a} and ${paths.b} have no question in common`, {
        hint: 'give two runs over the same questions',
      });
    return report;
  } finally {
    bar.end();
  }
}

async function readRun(path: string): Promise<Run> {
  const traces: Trace[] = [];
  for await (const { trace } of readTraces(path)) traces.push(trace);
  if (traces.length === 0) throw new DiscernError('INPUT_INVALID', `${path} holds no trace`);
  return { name: basename(path), traces };
}

async function readGold(path: string, type: string, traces: readonly Trace[]) {
  if (!(DATASET_TYPES as readonly string[]).includes(type))
    throw new DiscernError('INPUT_INVALID', `--gold-type is one of ${DATASET_TYPES.join(', ')}, got "${type}"`);
  const { matched } = matchTraces(traces, await openDataset({ type: type as DatasetType, path }));
  if (matched.length === 0) throw new DiscernError('INPUT_INVALID', `no question of the traces stands in ${path}`);
  const golds = new Map(matched.map(({ trace, gold }) => [trace, gold]));
  return (trace: Trace) => golds.get(trace) ?? null;
}

/** Writes the page of a comparison, if one is wanted. */
export function writeReport(path: string | undefined, report: FaultReport): void {
  if (path === undefined) return;
  try {
    writeFileSync(
      path,
      chaptersPage('Comparison', `${report.b.name} against ${report.a.name}`, [faultsChapter(report)]),
    );
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  }
}
