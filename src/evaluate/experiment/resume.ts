import { z } from 'zod';
import { type Config, publicConfig } from '../../config.ts';
import { DiscernError } from '../../errors.ts';
import type { Trace } from '../../types.ts';
import type { GoldQuestion } from '../data/dataset.ts';
import type { Experiment, System } from './schema.ts';

/** What the traces of a folder were made with. It holds no folders of the machine. */
export interface ExperimentRecord {
  readonly version: 1;
  /** Of the files of the dataset. */
  readonly dataset: string;
  /** By the names of configs. */
  readonly configs: Readonly<Record<string, unknown>>;
  /** What was searched, by the names of configs; null: nothing. */
  readonly indexes: Readonly<Record<string, string | null>>;
}

const RecordSchema = z.object({
  version: z.literal(1),
  dataset: z.string(),
  configs: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown()))),
  indexes: z.record(z.string(), z.string().nullable()),
});

export function experimentRecord(
  { systems }: Pick<Experiment, 'systems'>,
  dataset: { readonly sha256: string },
  indexes: ExperimentRecord['indexes'],
): ExperimentRecord {
  const configs = Object.fromEntries(systems.map(({ name, config }) => [name, publicConfig(config)]));
  return { version: 1, dataset: dataset.sha256, configs, indexes };
}

const ANOTHER = { hint: 'give another folder with --out, or begin anew with --fresh' };

export function parseExperimentRecord(text: string, file: string): ExperimentRecord {
  try {
    return RecordSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${file} is no record of an experiment`, { cause, ...ANOTHER });
  }
}

/**
 * The record of a folder after a run of `now` that goes on with what stands there; configs that are no longer in the
 * experiment keep theirs. Throws INPUT_INVALID or CONFIG_INVALID where the traces were made with something else.
 */
export function continuedRecord(before: ExperimentRecord, now: ExperimentRecord): ExperimentRecord {
  if (before.dataset !== now.dataset)
    throw new DiscernError('INPUT_INVALID', 'dataset: its files have changed since the traces were made', ANOTHER);
  for (const [name, config] of Object.entries(now.configs)) {
    const other = before.configs[name];
    if (other === undefined) continue;
    refuseChange(name, differences(other as Config, config as Config));
    // An index that was made of the documents has another name where they or the way to ingest are others.
    if (before.indexes[name] !== undefined && now.indexes[name] !== undefined)
      if (before.indexes[name] !== now.indexes[name])
        throw new DiscernError(
          'INPUT_INVALID',
          `index: it has changed since the traces of "${name}" were made`,
          ANOTHER,
        );
  }
  return {
    ...now,
    configs: { ...before.configs, ...now.configs },
    indexes: { ...before.indexes, ...now.indexes },
  };
}

/** Throws INPUT_INVALID or CONFIG_INVALID unless the trace answers this question with this config. */
export function checkResumed(trace: Trace, { name, config }: System, { id, question }: GoldQuestion): void {
  if (trace.question !== question)
    throw new DiscernError('INPUT_INVALID', `the trace "${id}" of "${name}" answers another question`, ANOTHER);
  const fitted = (path: string) => path === 'isRel.threshold' || path === 'rerank.mix';
  const changed = differences(trace.config, publicConfig(config));
  // What is null in the file is filled in for the parts at hand.
  refuseChange(
    name,
    changed.filter(({ path, now }) => !(fitted(path) && now === null)),
  );
}

interface Difference {
  readonly path: string;
  readonly before: unknown;
  readonly now: unknown;
}

function refuseChange(name: string, changed: readonly Difference[]): void {
  if (changed.length === 0) return;
  const list = changed.slice(0, 3).map(({ path, before, now }) => `${path} was ${shown(before)} and is ${shown(now)}`);
  throw new DiscernError(
    'CONFIG_INVALID',
    `configs.${name} has changed since its traces were made: ${list.join('; ')}`,
    ANOTHER,
  );
}

const shown = (value: unknown): string => JSON.stringify(value ?? null);

/** Options by dotted path that differ. Where models come from says nothing of what they answer. */
export function differences(before: Config, now: Config): Difference[] {
  const [left, right] = [leaves(before), leaves(now)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((path) =>
    shown(left.get(path)) === shown(right.get(path)) ? [] : [{ path, before: left.get(path), now: right.get(path) }],
  );
}

const leaves = (config: Config): Map<string, unknown> =>
  new Map(
    Object.entries(config).flatMap(([group, options]) =>
      group === 'models' ? [] : Object.entries(options).map(([name, value]) => [`${group}.${name}`, value] as const),
    ),
  );
