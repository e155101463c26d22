import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { ConfigInput } from '../config.ts';
import { DiscernError, messageOf } from '../errors.ts';
import { DATASET_TYPES } from '../evaluate/data/open.ts';
import { chaptersPage } from '../evaluate/report/chapters-page.ts';
import { plural } from '../evaluate/report/parts.ts';
import { tuneChapter } from '../evaluate/report/tune-chapter.ts';
import { parseBudget } from '../evaluate/tune/budget.ts';
import { type TuneSource, tunedConfig } from '../evaluate/tune/provenance.ts';
import { STRATEGIES } from '../evaluate/tune/search.ts';
import { type TuneOptions, tuneSurface } from '../evaluate/tune/tune.ts';
import type { CliContext } from './context.ts';
import { wholeNumber } from './eval-rows.ts';
import { addConfigFlags, changedOptions } from './options.ts';
import { progressBar } from './terminal.ts';
import { openTuneData, type TuneDataFlags } from './tune-data.ts';
import { tuneLines } from './tune-lines.ts';

interface Flags extends TuneDataFlags {
  readonly strategy: string;
  readonly trials: string;
  readonly folds: string;
  readonly seed: string;
  readonly minCoverage: string;
  readonly ties: string;
  readonly out?: string;
  readonly report?: string;
  readonly json?: boolean;
}

const HELP = `
Every question is answered again from its facts under each setting; no model is asked. A question whose facts a setting
asks for in vain is left out and counted as coverage. Record with \`discern run --wide\` for more coverage.

  --over retrieve.threshold=0..1,weights.isSup=0..3:0.5,beam.width=1|2|4

Each fold of the questions is judged under the setting that was chosen on the others; groups (documents) are never parted.
The tuned setting is promoted only where that held-out difference excludes 0. Otherwise there is no evidence, and the base
stays: the recorded options, or those that flags such as --weights.isSup or --config name. With --budget, a base that takes
more than the budget gives way to a setting that does not, whose difference is told.

A row of --closed-set is {"id", "group"?, "gold", "candidates": [{"answer", "parts": {"lm", "isRel", "isSup", "isUse"}}]}.`;

/** Adds `discern tune`: thresholds and weights from recorded facts. */
export function registerTune(program: Command, context: CliContext): void {
  const command = program
    .command('tune')
    .description('choose thresholds and weights from recorded facts, and say on held-out questions what that is worth')
    .option('--traces <file...>', 'traces that `discern run` recorded, one a line, .gz or not')
    .option('--gold <file>', 'gold answers to the questions of the traces')
    .option('--gold-type <name>', `what --gold is: one of ${DATASET_TYPES.join(', ')}`, 'questions')
    .option(
      '--closed-set <file>',
      'instead of these: questions with given answers and the parts of their scores, JSONL',
    )
    .option('--metric <name>', 'metric that is made better, such as f1, em or contains (default: f1)')
    .option('--over <axes>', 'options and their values (default: thresholds and weights that decide something)')
    .option('--strategy <name>', `how settings are found: ${STRATEGIES.join(', ')}`, 'random')
    .option('--trials <integer>', 'settings that a search tries, about', '200')
    .option('--folds <integer>', 'parts of the questions, each judged by what the others chose', '5')
    .option('--budget <limits>', 'means over questions that a setting must keep, as calls<=1.5 or calls<=2,ms<=800')
    .option('--min-coverage <share>', 'least share of questions that must replay under a setting', '0.95')
    .option(
      '--ties <rule>',
      'equal: of the best the nearest to the base; nearest: of all within a standard error',
      'equal',
    )
    .option('--seed <integer>', 'of folds, search and intervals', '0')
    .option('--out <file>', 'write the result as a config file, for --config')
    .option('--report <file>', 'write a page with everything that is known, as HTML')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', HELP);
  addConfigFlags(command, ['retrieve', 'rerank', 'isRel', 'gate', 'generate', 'weights', 'beam', 'budget']);
  command.action((flags: Flags, self: Command) => run(flags, changedOptions(self.optsWithGlobals()), context));
}

async function run(flags: Flags, change: ConfigInput, context: CliContext): Promise<void> {
  const started = performance.now();
  const options = optionsOf(flags);
  const { surface, metric, axes, source } = await openTuneData(flags, change, context);
  const bar = progressBar();
  try {
    const onProgress = (done: number, total: number) => bar.update('settings', done, total);
    const result = await tuneSurface(surface, { ...options, metric, axes, signal: context.signal, onProgress });
    bar.end();
    const full: TuneSource = { ...source, packageVersion: packageVersion(), made: new Date().toISOString() };
    if (flags.out !== undefined) write(flags.out, `${JSON.stringify(tunedConfig(result, full), null, 2)}\n`);
    if (flags.report !== undefined) {
      const title = `${metric.name} of ${plural(result.questions, 'question')}`;
      write(flags.report, chaptersPage('Tuning', title, [await tuneChapter(result)]));
    }
    const seconds = (performance.now() - started) / 1000;
    context.print(
      flags.json
        ? JSON.stringify({ ...result, source: full, seconds }, null, 2)
        : tuneLines(result, { seconds, out: flags.out ?? null }).join('\n'),
    );
  } finally {
    bar.end();
  }
}

/** Flags that need no file to be checked. */
function optionsOf(flags: Flags): Omit<TuneOptions, 'axes' | 'metric'> {
  const strategy = STRATEGIES.find((name) => name === flags.strategy);
  if (strategy === undefined)
    throw new DiscernError('INPUT_INVALID', `--strategy is one of ${STRATEGIES.join(', ')}, got "${flags.strategy}"`);
  const { ties } = flags;
  if (ties !== 'equal' && ties !== 'nearest')
    throw new DiscernError('INPUT_INVALID', `--ties is equal or nearest, got "${ties}"`);
  const minCoverage = Number(flags.minCoverage);
  if (flags.minCoverage.trim() === '' || !(minCoverage >= 0 && minCoverage <= 1))
    throw new DiscernError('INPUT_INVALID', `--min-coverage takes a share from 0 to 1, got "${flags.minCoverage}"`);
  return {
    ...{ strategy, ties, minCoverage, seed: wholeNumber('seed', flags.seed) },
    ...{ trials: wholeNumber('trials', flags.trials, 1), folds: wholeNumber('folds', flags.folds, 2) },
    budgets: flags.budget === undefined ? [] : parseBudget(flags.budget),
  };
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

const packageVersion = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;
