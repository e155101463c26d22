import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type ConfigInput, parseConfig } from '../config.ts';
import type { openCritic } from '../critics.ts';
import { DiscernError, messageOf } from '../errors.ts';
import { flipRecords, swapConfig } from '../evaluate/critics/compare-report.ts';
import { mergeConfig } from '../replay.ts';
import { REFLECTIONS } from '../types.ts';
import { type CliContext, configOf } from './context.ts';
import { type CompareFlags, checkFlags, type Opener } from './critics-compare-flags.ts';
import { comparisonLines } from './critics-compare-lines.ts';
import { compareRows } from './critics-compare-rows.ts';
import { compareTraces } from './critics-compare-traces.ts';
import { showProgress } from './models.ts';
import { addConfigFlags, changedOptions } from './options.ts';

const HELP = `
With --data the rows are those of \`discern eval critic\`. With --traces both critics are asked what the critics of the
traces were asked, and each question is answered again with one and with the other; facts stand in for all other models.
Thresholds are carried over on one half of the questions; decisions and answers are compared on the other half.`;

const list = (text: string, before: readonly string[]): string[] => [
  ...before,
  ...text.split(',').flatMap((item) => item.trim() || []),
];

/** Adds `discern critics compare`: what changes where one critic takes the place of another. */
export function registerCriticsCompare(group: Command, context: CliContext, open: typeof openCritic): void {
  const command = group
    .command('compare')
    .description('compare two critics: agreement, decisions that flip, and the thresholds that keep them')
    .requiredOption('--a <name>', 'the critic in place: its name or folder; with --traces also its id there')
    .requiredOption('--b <name>', 'the critic that is to take its place, named likewise')
    .option('--data <file...>', 'labelled rows as JSONL, .gz or not')
    .option('--traces <file...>', 'traces that `discern run` recorded, one a line, .gz or not')
    .option('--a-config <file>', 'JSON file with options of A alone, such as another critics.model')
    .option('--b-config <file>', 'the same of B; --config-out takes it over')
    .option('--answers <file>', 'gold answers to the questions of the traces: JSONL with question and answers')
    .option('--head <list>', `only these of ${Object.keys(REFLECTIONS).join(', ')}`, list, [])
    .option('--lang <code>', 'only rows of this language, such as en')
    .option('--rows <integer>', 'rows of each head, or traces, at most; drawn by the seed')
    .option('--seed <integer>', 'of the drawing, of the halves and of intervals', '0')
    .option(
      '--transfer <name>',
      'carry thresholds over by quantile (as many are kept) or calibration (the same probability; needs labels)',
      'quantile',
    )
    .option('--config-out <file>', 'write the new critic with its thresholds as a config file')
    .option('--out <dir>', 'write compare.json, and flips.jsonl with every state that the two see differently')
    .option('--json', 'print the figures as JSON')
    .addHelpText('after', HELP);
  addConfigFlags(command, ['critics', 'retrieve', 'isRel', 'embedder', 'models']);
  command.action((flags: CompareFlags, self: Command) => run(flags, self, context, open));
}

async function run(flags: CompareFlags, self: Command, context: CliContext, open: typeof openCritic): Promise<void> {
  const { environment, signal, note, print } = context;
  const config = configOf(self, context);
  const settings = checkFlags(flags, config, changedOptions(self.optsWithGlobals()));
  const ofSide = { a: optionsOf(flags.aConfig), b: optionsOf(flags.bConfig) };
  const opener: Opener = async (side) => {
    const models = showProgress();
    const own = parseConfig(mergeConfig(config, ofSide[side]));
    return open(flags[side], {
      ...{ config: own, keys: environment.keys, signal },
      ...{ onModelProgress: models.update, onNotice: note },
    }).finally(models.end);
  };
  const { data, traces } = flags;
  const { states, report, name } =
    traces === undefined
      ? await compareRows({ ...flags, data: data! }, settings, context, opener)
      : await compareTraces({ ...flags, traces }, settings, context, opener);
  const thresholds = swapConfig(report, name);
  const swapped = thresholds && mergeConfig(name === null ? {} : ofSide.b, thresholds);
  if (flags.configOut !== undefined) {
    if (swapped === null)
      throw new DiscernError('INPUT_INVALID', 'no threshold was carried over, so there is nothing for --config-out', {
        hint: 'compare states of isRel or retrieve, of two questions at least; calibration needs both labels',
      });
    writeText(flags.configOut, `${JSON.stringify(swapped, null, 2)}\n`);
  }
  if (flags.out !== undefined) {
    const flips = flipRecords(states, report).map((record) => `${JSON.stringify(record)}\n`);
    makeFolder(flags.out);
    writeText(join(flags.out, 'compare.json'), `${JSON.stringify(report, null, 2)}\n`);
    writeText(join(flags.out, 'flips.jsonl'), flips.join(''));
  }
  print(flags.json ? JSON.stringify(report, null, 2) : comparisonLines(report, swapped).join('\n'));
}

const optionsOf = (path: string | undefined): ConfigInput =>
  path === undefined ? {} : changedOptions({ config: path });

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be made: ${messageOf(cause)}`, { cause });
  }
}

function writeText(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  }
}
