import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type ConfigInput, parseConfig } from '../config.ts';
import { DiscernError } from '../errors.ts';
import type { AnswerMetric } from '../evaluate/metrics/registry.ts';
import { answerMetric } from '../evaluate/metrics/registry.ts';
import { type Axis, defaultAxes, parseAxes } from '../evaluate/tune/axes.ts';
import { CLOSED_SET_METRIC, checkClosedSetAxes, closedSetSurface, readClosedSet } from '../evaluate/tune/closed-set.ts';
import { backendsOf, differingOptions, type SourceFile, type TuneSource } from '../evaluate/tune/provenance.ts';
import { replaySurface } from '../evaluate/tune/replay-surface.ts';
import type { Surface } from '../evaluate/tune/surface.ts';
import type { CliContext } from './context.ts';
import { readLines } from './lines.ts';
import { type RecordedFlags, readRecorded } from './recorded-questions.ts';

export interface TuneDataFlags extends Partial<RecordedFlags> {
  readonly closedSet?: string;
  readonly metric?: string;
  readonly over?: string;
  readonly budget?: string;
}

export interface TuneData {
  readonly surface: Surface;
  readonly metric: Pick<AnswerMetric, 'name' | 'better'>;
  readonly axes: readonly Axis[];
  readonly source: Pick<TuneSource, 'traces' | 'gold' | 'backends' | 'recordedWith'>;
}

/** Reads what is tuned over. All flags are checked before a file is read. */
export async function openTuneData(flags: TuneDataFlags, change: ConfigInput, context: CliContext): Promise<TuneData> {
  const axes = flags.over === undefined ? null : parseAxes(flags.over);
  if (flags.closedSet !== undefined) return closedSetData(flags, flags.closedSet, axes, change);
  const { traces, gold, goldType = 'questions' } = flags;
  if (traces === undefined || gold === undefined)
    throw new DiscernError('INPUT_INVALID', 'give --traces and --gold, or --closed-set');
  const metric = answerMetric(flags.metric ?? 'f1');
  const questions = await readRecorded({ traces, gold, goldType }, change, context);
  const surface = replaySurface(questions, [metric.name]);
  const recorded = questions.map(({ trace }) => trace);
  return {
    ...{ surface, metric: { name: metric.name, better: metric.better }, axes: axes ?? defaultAxes(surface.base) },
    source: {
      ...{ traces: await Promise.all(traces.map(sourceFile)), gold: await goldFile(gold) },
      ...{ backends: backendsOf(recorded), recordedWith: differingOptions(recorded[0]!.config, parseConfig()) },
    },
  };
}

async function closedSetData(
  flags: TuneDataFlags,
  path: string,
  axes: readonly Axis[] | null,
  change: ConfigInput,
): Promise<TuneData> {
  if (flags.traces !== undefined || flags.gold !== undefined)
    throw new DiscernError('INPUT_INVALID', '--closed-set brings its gold: give it without --traces and --gold');
  if (flags.metric !== undefined && flags.metric !== CLOSED_SET_METRIC.name)
    throw new DiscernError('INPUT_INVALID', `--closed-set knows the metric ${CLOSED_SET_METRIC.name} alone`);
  if (flags.budget !== undefined)
    throw new DiscernError('INPUT_INVALID', '--closed-set knows no costs, so that --budget means nothing');
  if (axes !== null) checkClosedSetAxes(axes.map(({ path: option }) => option));
  const config = parseConfig(change);
  const surface = closedSetSurface(await readClosedSet(readLines(path), path), config);
  return {
    ...{ surface, metric: CLOSED_SET_METRIC },
    axes: axes ?? defaultAxes(config).filter(({ path: option }) => option.startsWith('weights.')),
    source: {
      ...{ traces: [await sourceFile(path)], gold: null, backends: {} },
      recordedWith: differingOptions(config, parseConfig()),
    },
  };
}

async function sourceFile(path: string): Promise<SourceFile> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return { name: basename(path), sha256: hash.digest('hex') };
}

/** A folder of a dataset has no bytes of its own. */
const goldFile = async (path: string): Promise<SourceFile | null> =>
  (await stat(path)).isFile() ? sourceFile(path) : null;
