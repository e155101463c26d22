import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { DiscernError, messageOf } from '../errors.ts';
import type { Dataset } from '../evaluate/data/dataset.ts';
import { openDatasets } from '../evaluate/data/open.ts';
import { drawn } from '../evaluate/data/select.ts';
import { experimentChapters } from '../evaluate/experiment/chapters.ts';
import { type ExperimentChapter, experimentReport } from '../evaluate/experiment/report.ts';
import { experimentRecord } from '../evaluate/experiment/resume.ts';
import { type Observations, runExperiment } from '../evaluate/experiment/run.ts';
import { type Experiment, parseExperiment } from '../evaluate/experiment/schema.ts';
import type { ExperimentReport } from '../evaluate/report/experiment-report.ts';
import { experimentPage } from '../evaluate/report/page.ts';
import type { CliContext } from './context.ts';
import { type ExperimentFolder, openExperimentFolder } from './eval-run-folder.ts';
import { experimentLines } from './eval-run-lines.ts';
import { type OpenSystems, openSystems } from './eval-run-systems.ts';
import { FATAL } from './run.ts';
import { count, progressBar, safe } from './terminal.ts';

interface Flags {
  readonly out?: string;
  readonly parallel?: string;
  readonly limit?: string;
  readonly fresh?: boolean;
}

const HELP = `
The file is JSON: { "name", "dataset": { "type", "path" }, "configs": { NAME: options by group }, "metrics": [...] },
and where wanted "index", "baseline", "main", "parallel", "out" and "seed". Paths are relative to it.
Started again, it goes on where it stopped; what one config has asked of models is not asked again for another.
Questions that are asked at the same time wait for one another: milliseconds are told best with "parallel": 1.`;

/** Adds `discern eval run`: configurations compared on the same questions. */
export function registerEvalRun(group: Command, context: CliContext, open: OpenSystems = openSystems): void {
  group
    .command('run')
    .description('compare named configurations on a dataset: one report with intervals, paired tests and cost')
    .argument('<experiment>', 'JSON file with dataset, configs and metrics')
    .option('--out <dir>', 'folder of traces and report; without it the one that the file names, or one beside it')
    .option('--parallel <integer>', 'questions that are asked at the same time, in place of that of the file')
    .option('--limit <integer>', 'this many questions at most, drawn by the seed of the file')
    .option('--fresh', 'forget what earlier runs have left in the folder')
    .addHelpText('after', HELP)
    .action((file: string, flags: Flags) => run(file, flags, context, open));
}

async function run(file: string, flags: Flags, context: CliContext, open: OpenSystems): Promise<void> {
  const started = performance.now();
  const experiment = readExperiment(file, flags, context);
  const dataset = await readDataset(experiment, flags);
  const { systems, out } = experiment;
  const folder = await openExperimentFolder(
    out,
    systems.map(({ name }) => name),
    flags.fresh ?? false,
  );
  let report: ExperimentReport;
  try {
    folder.check(experimentRecord(experiment, dataset, {}));
    const observations = await observe(experiment, dataset, folder, context, open);
    const chapters = await chaptersOf(experiment, observations);
    report = experimentReport(experiment, observations, {
      ...{ dataset, chapters, packageVersion: packageVersion() },
      made: new Date().toISOString(),
      seconds: Math.round(performance.now() - started) / 1000,
    });
    const json = `${JSON.stringify(report, null, 2)}\n`;
    const pages = chapters.map(({ chapter }) => chapter);
    const paths = await folder.writeReport({ json, html: () => experimentPage(report, pages) });
    context.print([...experimentLines(report), `report: ${safe(paths.html)} and ${safe(paths.json)}`].join('\n'));
  } finally {
    await folder.close();
  }
  if (report.systems.some(({ failed }) => failed.length > 0)) process.exitCode = 1;
}

function readExperiment(file: string, flags: Flags, { environment }: CliContext): Experiment {
  const { modelsDir, hub, offline } = environment;
  const models = { ...(modelsDir && { dir: modelsDir }), ...(hub && { hub }), ...(offline && { offline }) };
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${file} is no JSON that can be read: ${messageOf(cause)}`, { cause });
  }
  const experiment = parseExperiment(value, { file: resolve(file), base: { models } });
  return {
    ...experiment,
    ...(flags.out !== undefined && { out: resolve(flags.out) }),
    ...(flags.parallel !== undefined && { parallel: numberOf('parallel', flags.parallel, 64) }),
  };
}

async function readDataset({ datasets, seed }: Experiment, flags: Flags): Promise<Dataset> {
  const dataset = await openDatasets(datasets);
  if (flags.limit === undefined) return dataset;
  return { ...dataset, questions: drawn(dataset.questions, numberOf('limit', flags.limit), seed) };
}

function numberOf(flag: string, text: string, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  const bounds = most === Number.MAX_SAFE_INTEGER ? 'from 1' : `from 1 to ${most}`;
  throw new DiscernError('INPUT_INVALID', `--${flag} takes a whole number ${bounds}, got "${text}"`);
}

/** What is wrong with a config fails its every question too. */
const FATAL_HERE: ReadonlySet<string> = new Set([...FATAL, 'CONFIG_INVALID', 'CRITIC_KIND_UNSUPPORTED']);

async function observe(
  experiment: Experiment,
  dataset: Dataset,
  folder: ExperimentFolder,
  context: CliContext,
  open: OpenSystems,
): Promise<Observations> {
  const opened = await open(experiment, dataset, context);
  const bar = progressBar();
  let done = 0;
  try {
    await folder.keep(experimentRecord(experiment, dataset, opened.indexes));
    return await runExperiment(experiment, dataset.questions, {
      ...{ ask: opened.ask, scopeOf: opened.scopeOf, traces: folder.traces, signal: context.signal },
      isFatal: ({ code }) => FATAL_HERE.has(code),
      onProgress: (answers, total) => {
        done = answers;
        bar.update('answers', answers, total);
      },
    });
  } catch (error) {
    if (done > 0)
      context.note(`${count(done, 'answer')} are kept in ${safe(experiment.out)}: the same command goes on`);
    throw error;
  } finally {
    bar.end();
    await opened.close();
  }
}

async function chaptersOf(experiment: Experiment, observations: Observations): Promise<ExperimentChapter[]> {
  const chapters: ExperimentChapter[] = [];
  for (const build of experimentChapters(experiment))
    chapters.push(...[await build(observations)].filter((one) => one !== null));
  return chapters;
}

const packageVersion = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
