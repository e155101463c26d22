import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { dataName, type FittedCalibration, listCritics, openCritic, storeCalibration } from '../critics.ts';
import { DiscernError, messageOf } from '../errors.ts';
import { CALIBRATION_METHODS, type CalibrationMethod } from '../evaluate/calibrate-labels.ts';
import { calibrateHead, type HeadCalibration, relevanceThreshold } from '../evaluate/critics/calibrate.ts';
import { type CliContext, configOf } from './context.ts';
import { registerCriticsCompare } from './critics-compare.ts';
import { addRowFlags, judgeHeads, type RowFlags, readCases, wholeNumber } from './eval-rows.ts';
import { showProgress } from './models.ts';
import { addConfigFlags } from './options.ts';
import { columns, count, style } from './terminal.ts';

interface CalibrateFlags extends RowFlags {
  readonly critic: string;
  readonly method?: string;
  readonly keepRelevant: string;
  readonly write?: boolean;
  readonly out?: string;
}

/** Adds `discern critics list|calibrate|compare`. */
export function registerCritics(program: Command, context: CliContext, open = openCritic): void {
  const group = program
    .command('critics')
    .description('list the critics that come with the package, calibrate one, compare two');
  group
    .command('list')
    .description('shipped critics: what they predict, whether their files are whole, what is calibrated')
    .option('--json', 'print the list as JSON')
    .action(async (flags: { json?: boolean }) => {
      const critics = await listCritics(undefined, context.signal);
      const rows = critics.map(({ name, version, type, kinds, files, calibrated, isRelThreshold }) => [
        ...[`${name}@${version}`, type, kinds.join(' '), files === 'none' ? '-' : files],
        ...[calibrated.join(' ') || '-', isRelThreshold === null ? '-' : `${isRelThreshold}`],
      ]);
      const titles = ['name', 'type', 'kinds', 'sha256', 'calibrated', 'isRel threshold'];
      context.print(flags.json ? JSON.stringify(critics, null, 2) : columns([titles, ...rows], '').join('\n'));
      if (critics.some(({ files }) => files === 'wrong')) process.exitCode = 1;
    });

  const command = group
    .command('calibrate')
    .description('fit what makes the probabilities of a critic come true, on labelled rows that it was not trained on')
    .requiredOption('--critic <name>', 'name of a critic, or the folder of one');
  addRowFlags(command)
    .option('--method <name>', `one of ${CALIBRATION_METHODS.join(', ')} (default: the best of these, cross-validated)`)
    .option('--keep-relevant <share>', 'share of the relevant rows that the fitted isRel threshold keeps', '0.97')
    .option('--write', 'store the result in the critic.json of the critic')
    .option('--out <file>', 'write the result to a file of its own');
  addConfigFlags(command, ['critics', 'embedder', 'models']);
  command.action((flags: CalibrateFlags, self: Command) => calibrate(flags, self, context, open));
  registerCriticsCompare(group, context, open);
}

async function calibrate(
  flags: CalibrateFlags,
  self: Command,
  context: CliContext,
  open: typeof openCritic,
): Promise<void> {
  const [method, keep] = [methodOf(flags.method), shareOf(flags.keepRelevant)];
  const seed = wholeNumber('seed', flags.seed);
  const config = configOf(self, context);
  for (const path of flags.data.filter((path) => /test/i.test(basename(path))))
    context.note(`warning: ${path} is named test; what is fitted on test rows cannot be measured on them`);
  const cases = await readCases(flags, context);
  const models = showProgress();
  const { environment, signal, note, print } = context;
  const opened = await open(flags.critic, {
    ...{ config, keys: environment.keys, signal },
    ...{ onModelProgress: models.update, onNotice: note },
  }).finally(models.end);
  try {
    if (flags.write && opened.folder === null)
      throw new DiscernError('INPUT_INVALID', `${opened.critic.id} has no critic.json that holds a calibration`, {
        hint: 'write the result to a file of its own with --out FILE',
      });
    const fitted: Record<string, FittedCalibration> = {};
    let threshold: number | null = null;
    for (const [head, { judged }] of await judgeHeads(cases, opened, context)) {
      const result = calibrateHead(head, judged, { method, seed });
      if (result === null) {
        note(`${head}: no row has a label to fit on`);
        continue;
      }
      const data = (await Promise.all([...cases.get(head)!.files].map(dataName))).join(', ');
      // The head that is asked about equal answers is `equivalent`; `entail` is that of NLI.
      fitted[head === 'entail' ? 'equivalent' : head] = {
        use: result.use,
        fittedOn: { data: `${data}${without(flags)}`, n: result.n },
      };
      print(trialLines(head, data, result).join('\n'));
      const kept = head === 'isRel' ? relevanceThreshold(judged, result.use, keep) : null;
      if (kept === null) continue;
      threshold = kept.threshold;
      print(
        `  threshold ${threshold}: ${share(kept.relevantKept)} of relevant rows stay, ${share(kept.irrelevantKept)} of others`,
      );
    }
    if (flags.write) {
      await storeCalibration(opened.folder!, fitted, threshold);
      print(`stored in ${opened.folder}/critic.json: ${Object.keys(fitted).join(', ')}`);
    }
    if (flags.out !== undefined)
      writeJson(flags.out, { critic: opened.critic.id, calibration: fitted, isRelThreshold: threshold });
  } finally {
    await opened.close();
  }
}

const share = (value: number): string => `${(100 * value).toFixed(1)}%`;

/** What was left out by flags, in words. */
const without = ({ excludeSource, source, lang }: RowFlags): string =>
  [
    source.length > 0 ? `, only ${source.join(' ')}` : '',
    excludeSource.length > 0 ? `, without ${excludeSource.join(' ')}` : '',
    lang === undefined ? '' : `, ${lang}`,
  ].join('');

function trialLines(head: string, data: string, { n, trials, use }: HeadCalibration): string[] {
  const rows = trials.map(({ method, nll, ece }) => [
    ...[method, nll.toFixed(4), ece.toFixed(4)],
    method === use.method ? parametersOf(use) : '',
  ]);
  return [
    `${style.bold(head)}: ${count(n, 'row')} of ${data}`,
    ...columns([['5-fold', 'nll', 'ece', ''].map(style.dim), ...rows]),
  ];
}

function parametersOf(use: HeadCalibration['use']): string {
  if (use.method === 'temperature') return `chosen: temperature ${use.temperature.toFixed(4)}`;
  if (use.method === 'isotonic') return `chosen: ${count(use.x.length, 'point')}`;
  return `chosen: scale ${use.scale.toFixed(4)}, bias ${use.bias.map((bias) => bias.toFixed(4)).join(' ')}`;
}

function methodOf(text: string | undefined): CalibrationMethod | null {
  const method = CALIBRATION_METHODS.find((name) => name === text);
  if (text === undefined || method !== undefined) return method ?? null;
  throw new DiscernError('INPUT_INVALID', `--method ${text}; known: ${CALIBRATION_METHODS.join(', ')}`);
}

function shareOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new DiscernError('INPUT_INVALID', `--keep-relevant takes a share above 0 up to 1, got "${text}"`);
}

function writeJson(path: string, value: unknown): void {
  try {
    writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  }
}
