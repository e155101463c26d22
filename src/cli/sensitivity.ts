import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { ConfigInput } from '../config.ts';
import { DiscernError, messageOf } from '../errors.ts';
import { DATASET_TYPES } from '../evaluate/data/open.ts';
import { answerMetric } from '../evaluate/metrics/registry.ts';
import { chaptersPage } from '../evaluate/report/chapters-page.ts';
import { sensitivityChapter } from '../evaluate/report/sensitivity-chapter.ts';
import type { OptionRange } from '../evaluate/sensitivity/ranges.ts';
import { NOISE, type SensitivityReport, sensitivity } from '../evaluate/sensitivity/sensitivity.ts';
import { parseAxes } from '../evaluate/tune/axes.ts';
import type { CliContext } from './context.ts';
import { wholeNumber } from './eval-rows.ts';
import { addConfigFlags, changedOptions } from './options.ts';
import { type RecordedFlags, readRecorded } from './recorded-questions.ts';
import { sensitivityLines } from './sensitivity-lines.ts';
import { count, progressBar } from './terminal.ts';

interface Flags extends RecordedFlags {
  readonly metric: string;
  readonly over?: string;
  readonly points: string;
  readonly noise: string;
  readonly seeds: string;
  readonly seed: string;
  readonly json?: boolean;
  readonly report?: string;
}

const HELP = `
Every question is answered again from its facts with one thing changed at a time; no model is asked. Options such as
--weights.isSup, or a file with --config, say which settings are looked at in place of the recorded ones. Record with
\`discern run --wide\` for more coverage.`;

/** Adds `discern sensitivity`: how much the end result hangs on each threshold, weight and critic. */
export function registerSensitivity(program: Command, context: CliContext): void {
  const command = program
    .command('sensitivity')
    .description('how much the end result hangs on each threshold, weight and critic, from recorded facts')
    .requiredOption('--traces <file...>', 'traces that `discern run` recorded, one a line, .gz or not')
    .requiredOption('--gold <file>', 'gold answers to the questions of the traces')
    .option('--gold-type <name>', `what --gold is: one of ${DATASET_TYPES.join(', ')}`, 'questions')
    .option('--metric <name>', 'metric of an answer, such as f1, em or calls', 'f1')
    .option(
      '--over <ranges>',
      'only these options, as retrieve.threshold=0..1,weights.isSup=0..3; default: all that decide',
    )
    .option('--points <integer>', 'values of each option', '21')
    .option('--noise <list>', 'shares of labels of a critic that are changed', NOISE.join(','))
    .option('--seeds <integer>', 'draws of each share; their mean counts', '5')
    .option('--seed <integer>', 'of the draws and of intervals', '0')
    .option('--report <file>', 'write a page with everything that is known, as HTML')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', HELP);
  addConfigFlags(command, ['retrieve', 'rerank', 'isRel', 'gate', 'generate', 'weights', 'beam', 'budget']);
  command.action((flags: Flags, self: Command) => run(flags, changedOptions(self.optsWithGlobals()), context));
}

async function run(flags: Flags, change: ConfigInput, context: CliContext): Promise<void> {
  const options = {
    ...{ metric: answerMetric(flags.metric).name, over: flags.over === undefined ? null : rangesOf(flags.over) },
    ...{ points: wholeNumber('points', flags.points, 2), seeds: wholeNumber('seeds', flags.seeds, 1) },
    ...{ noise: sharesOf(flags.noise), seed: wholeNumber('seed', flags.seed) },
  };
  const questions = await readRecorded(flags, change, context);
  const bar = progressBar();
  try {
    const { signal } = context;
    const report = await sensitivity(questions, { ...options, signal, onProgress: bar.update });
    bar.end();
    if (flags.report !== undefined) await writePage(flags.report, report);
    context.print(flags.json ? JSON.stringify(report, null, 2) : sensitivityLines(report).join('\n'));
  } finally {
    bar.end();
  }
}

function sharesOf(text: string): number[] {
  return text.split(',').map((item) => {
    const share = Number(item);
    if (item.trim() !== '' && share >= 0 && share <= 1) return share;
    throw new DiscernError('INPUT_INVALID', `--noise takes shares from 0 to 1, as 0.1,0.2,0.5; got "${item.trim()}"`);
  });
}

function rangesOf(text: string): Omit<OptionRange, 'base'>[] {
  return parseAxes(text).map(({ path, values }) => {
    if (!('low' in values))
      throw new DiscernError('INPUT_INVALID', `--over ${path} needs a range of numbers, such as ${path}=0..1`);
    return { path, low: values.low, high: values.high, whole: values.integer };
  });
}

async function writePage(path: string, report: SensitivityReport): Promise<void> {
  const title = `${report.metric.name} of ${count(report.base.questions, 'question')}`;
  const page = chaptersPage('Sensitivity', title, [await sensitivityChapter(report)]);
  try {
    writeFileSync(path, page);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  }
}
