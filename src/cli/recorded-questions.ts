import { type ConfigInput, parseConfig } from '../config.ts';
import { DiscernError } from '../errors.ts';
import { matchTraces } from '../evaluate/data/match.ts';
import { DATASET_TYPES, openDataset } from '../evaluate/data/open.ts';
import type { RecordedQuestion } from '../evaluate/tune/replay-surface.ts';
import { mergeConfig } from '../replay.ts';
import type { Trace } from '../types.ts';
import type { CliContext } from './context.ts';
import { count } from './terminal.ts';
import { readTraces } from './traces.ts';

/** Flags that name traces and the gold answers to their questions. */
export interface RecordedFlags {
  readonly traces: readonly string[];
  readonly gold: string;
  readonly goldType: string;
}

/** The questions of traces with their gold answers, as if recorded with `change`. Says which traces are left out. */
export async function readRecorded(
  { traces: paths, gold, goldType }: RecordedFlags,
  change: ConfigInput,
  { note }: CliContext,
): Promise<RecordedQuestion[]> {
  const type = DATASET_TYPES.find((name) => name === goldType);
  if (type === undefined)
    throw new DiscernError('INPUT_INVALID', `--gold-type is one of ${DATASET_TYPES.join(', ')}, got "${goldType}"`);
  const traces: Trace[] = [];
  for (const path of paths) for await (const { trace } of readTraces(path)) traces.push(trace);
  const { matched, unmatchedTraces } = matchTraces(traces, await openDataset({ type, path: gold }));
  if (matched.length === 0) throw new DiscernError('INPUT_INVALID', `no question of the traces stands in ${gold}`);
  if (unmatchedTraces.length > 0)
    note(`${count(unmatchedTraces.length, 'trace')} left out: ${gold} has no such question`);
  return matched.map(({ trace, gold: right }) => ({ trace: withChange(trace, change), gold: right }));
}

/** The trace as if it had been recorded with other settings. */
const withChange = (trace: Trace, change: ConfigInput): Trace =>
  Object.keys(change).length === 0 ? trace : { ...trace, config: parseConfig(mergeConfig(trace.config, change)) };
