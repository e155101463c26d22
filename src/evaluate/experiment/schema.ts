import { basename, dirname, extname, resolve } from 'node:path';
import { z } from 'zod';
import { type Config, type ConfigInput, parseConfig } from '../../config.ts';
import { DiscernError } from '../../errors.ts';
import { mergeConfig } from '../../replay.ts';
import { DatasetSource } from '../data/open.ts';
import { type AnswerMetric, answerMetric } from '../metrics/registry.ts';
import { STAGES } from '../report/verdict.ts';

/** A path, relative to the experiment file. */
const path = (description: string) => z.string().min(1).meta({ description });

/** Names become names of files. */
const SystemName = z
  .string()
  .regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'a name is up to 64 letters, digits, dots, dashes and underscores');

/** What an experiment file holds. */
export const ExperimentSchema = z.strictObject({
  name: z.string().min(1).meta({ description: 'title of the report' }),
  dataset: z
    .preprocess((given) => (Array.isArray(given) ? given : [given]), z.array(DatasetSource).min(1))
    .meta({ description: 'the questions: one source, or a list of them' }),
  index: path('folder of an index; none = one is made of the documents of the dataset').optional(),
  configs: z
    .record(SystemName, z.record(z.string(), z.record(z.string(), z.unknown())))
    .meta({ description: 'what is compared: options by group under a name each, as in a config file' }),
  baseline: z
    .string()
    .optional()
    .meta({ description: 'the config that the others are compared with; none = the first' }),
  metrics: z.array(z.string()).min(1).meta({ description: 'what is measured, such as f1 or recall.ndcg@10' }),
  main: z
    .string()
    .optional()
    .meta({ description: 'the metric that tells which questions changed most; none = the first of metrics' }),
  parallel: z.int().min(1).max(64).default(2).meta({ description: 'questions that are asked at the same time' }),
  wide: z.int().min(0).max(1000).default(0).meta({
    description:
      'random settings that the baseline is recorded for as well, so that the report tells what its options and critics change; 0 = none',
  }),
  out: path('folder of traces and report; none = beside the file').optional(),
  seed: z.int().min(0).default(0).meta({ description: 'of intervals and tests' }),
});

/** A named configuration. */
export interface System {
  readonly name: string;
  readonly config: Config;
}

/** An experiment that can be run; paths are absolute. */
export interface Experiment {
  readonly name: string;
  readonly datasets: readonly DatasetSource[];
  readonly index: string | null;
  readonly systems: readonly System[];
  readonly baseline: string;
  /** In the order of the stages; cost comes last, always. */
  readonly metrics: readonly AnswerMetric[];
  readonly main: string;
  readonly parallel: number;
  readonly wide: number;
  readonly out: string;
  readonly seed: number;
}

const COST = ['calls', 'requests', 'tokens', 'ms'];

export interface ExperimentFile {
  /** Where it stands. */
  readonly file: string;
  /** What options are before a config sets them, such as the folder of models. */
  readonly base?: ConfigInput;
}

/** Checks everything that can be checked before something is asked. Throws INPUT_INVALID or CONFIG_INVALID naming the field. */
export function parseExperiment(value: unknown, { file, base = {} }: ExperimentFile): Experiment {
  const parsed = ExperimentSchema.safeParse(value);
  const isList = Array.isArray((value as { dataset?: unknown } | null)?.dataset);
  if (!parsed.success) {
    const list = parsed.error.issues.map((issue) => {
      const reasons = issue.code === 'invalid_key' ? issue.issues : [issue];
      // One source stands there without a list.
      const field = issue.path.join('.').replace(/^dataset\.0\b/, isList ? 'dataset.0' : 'dataset');
      return `${field || 'the experiment'}: ${reasons.map(({ message }) => message).join('; ')}`;
    });
    throw new DiscernError('INPUT_INVALID', `${file}: ${list.join('; ')}`);
  }
  const { dataset, index, configs, baseline, metrics, main, out, ...others } = parsed.data;
  const place = (found: string) => resolve(dirname(file), found);
  const systems = Object.entries(configs).map(([name, given]) => systemOf(name, given, { file, base }));
  checkNames(file, systems);
  if (index !== undefined) checkIngest(file, configs);
  return {
    ...others,
    datasets: dataset.map((one) => ({
      ...one,
      path: place(one.path),
      exclude: one.exclude.map(place),
      ...(one.documents !== undefined && { documents: place(one.documents) }),
    })),
    index: index === undefined ? null : place(index),
    systems,
    baseline: oneOf(file, 'baseline', baseline, Object.keys(configs)),
    metrics: metricsOf(file, metrics),
    main: oneOf(file, 'main', main, metrics),
    out: out === undefined ? place(`${basename(file, extname(file))}.results`) : place(out),
  };
}

function oneOf(file: string, field: string, given: string | undefined, names: readonly string[]): string {
  const name = given ?? names[0]!;
  if (names.includes(name)) return name;
  throw new DiscernError('INPUT_INVALID', `${file}: ${field}: "${name}" is none of ${names.join(', ')}`);
}

/** Two names that differ in case alone would be one file on some systems. */
function checkNames(file: string, systems: readonly System[]): void {
  if (systems.length === 0) throw new DiscernError('INPUT_INVALID', `${file}: configs: there is none`);
  const seen = new Map<string, string>();
  for (const { name } of systems) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined)
      throw new DiscernError('INPUT_INVALID', `${file}: configs: "${other}" and "${name}" differ in case alone`);
    seen.set(name.toLowerCase(), name);
  }
}

function checkIngest(file: string, configs: Readonly<Record<string, object>>): void {
  for (const [name, given] of Object.entries(configs))
    if ('ingest' in given)
      throw new DiscernError(
        'CONFIG_INVALID',
        `${file}: configs.${name}.ingest does nothing over an index that is there`,
        {
          hint: 'leave out "index", so that each way to ingest gets an index of its own; or leave out the group',
        },
      );
}

type Given = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function systemOf(name: string, given: Given, { file, base = {} }: ExperimentFile): System {
  try {
    return { name, config: parseConfig(mergeConfig(base, placed(given, dirname(file)) as ConfigInput)) };
  } catch (error) {
    if (!DiscernError.is(error, 'CONFIG_INVALID')) throw error;
    throw new DiscernError('CONFIG_INVALID', `${file}: configs.${name}: ${error.message}`, {
      hint: error.hint,
      cause: error,
    });
  }
}

/** Paths that begin with a dot, also as parts of a composed critic, stand relative to the folder. */
const placed = (given: Given, folder: string): Given =>
  Object.fromEntries(
    Object.entries(given).map(([group, options]) => [
      group,
      Object.fromEntries(
        Object.entries(options).map(([option, value]) => [
          option,
          typeof value === 'string'
            ? value.replace(/(^|[:,=])(\.{1,2}[\\/][^:,=*]*)/g, (_, before, found) => before + resolve(folder, found))
            : value,
        ]),
      ),
    ]),
  );

function metricsOf(file: string, names: readonly string[]): AnswerMetric[] {
  const metrics = [...new Set([...names, ...COST])].map((name) => {
    try {
      return answerMetric(name);
    } catch (error) {
      if (!DiscernError.is(error)) throw error;
      throw new DiscernError(error.code, `${file}: metrics: ${error.message}`, { hint: error.hint, cause: error });
    }
  });
  return STAGES.flatMap((stage) => metrics.filter((metric) => metric.stage === stage));
}
