import type { Command } from 'commander';
import { DiscernError } from '../errors.ts';
import { checkLimits, type Limit } from '../evaluate/faults/check.ts';
import type { FaultReport } from '../evaluate/faults/fault-report.ts';
import { type AnswerMetric, answerMetric } from '../evaluate/metrics/registry.ts';
import { checkLines } from './check-lines.ts';
import type { CliContext } from './context.ts';
import { addComparisonFlags } from './diff.ts';
import { type ComparisonFlags, compareRuns, writeReport } from './diff-data.ts';
import { count } from './terminal.ts';

interface Flags extends ComparisonFlags {
  readonly baseline: string;
  readonly maxDrop: readonly string[];
  readonly maxRise: readonly string[];
  readonly sure?: boolean;
  readonly allowMissing?: boolean;
  readonly json?: boolean;
}

const HELP = `
Both runs are compared on the same questions, as means of paired differences with 95% intervals. No model is asked.
Exit code: 0 where all limits are kept, 1 where one is broken, 2 where the runs cannot be compared.`;

const collect = (text: string, before: readonly string[]): string[] => [...before, text];

/** Adds `discern check`: fails a build whose answers are worse than those of a baseline. */
export function registerCheck(program: Command, context: CliContext): void {
  const command = program
    .command('check')
    .description('fail where a run is worse than a baseline by more than a limit')
    .argument('<traces>', 'traces of the run to check, one a line, .gz or not')
    .requiredOption('--baseline <file>', 'traces of the baseline, over the same questions')
    .option(
      '--max-drop <metric=number>',
      'a metric may be at most so much lower, such as f1=0.01; again for more',
      collect,
      [],
    )
    .option('--max-rise <metric=number>', 'one of cost may be at most so much higher, such as calls=0.5', collect, [])
    .option('--sure', 'fail only where the whole 95% interval is beyond the limit')
    .option('--allow-missing', 'leave out questions of the baseline that the run lacks');
  addComparisonFlags(command)
    .option('--json', 'print the results and the report of `discern diff` as JSON')
    .addHelpText('after', HELP)
    .action((traces: string, flags: Flags) => check(traces, flags, context));
}

async function check(traces: string, flags: Flags, context: CliContext): Promise<void> {
  const limits = limitsOf(flags);
  const metrics = limits.map(({ metric }) => metric);
  const report = await compareRuns({ a: flags.baseline, b: traces }, metrics, flags, context);
  if (!flags.allowMissing) requireAll(report);
  const results = checkLimits(report, limits, flags.sure ?? false);
  const passed = results.every((result) => result.passed);
  writeReport(flags.report, report);
  if (flags.json)
    context.print(JSON.stringify({ passed, sure: flags.sure ?? false, limits: results, report }, null, 2));
  else context.print(checkLines(results, report, flags.sure ?? false).join('\n'));
  if (!passed) process.exitCode = 1;
}

function limitsOf({ maxDrop, maxRise }: Flags): Limit[] {
  const limits = [
    ...maxDrop.map((text) => limitOf('--max-drop', text, 'higher')),
    ...maxRise.map((text) => limitOf('--max-rise', text, 'lower')),
  ];
  const names = limits.map(({ metric }) => metric.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new DiscernError('INPUT_INVALID', `${twice} has two limits`);
  if (limits.length === 0)
    throw new DiscernError('INPUT_INVALID', 'there is no limit to check', {
      hint: 'give --max-drop f1=0.01, or --max-rise calls=0.5 for a cost',
    });
  return limits;
}

function limitOf(flag: string, text: string, better: AnswerMetric['better']): Limit {
  const cut = text.lastIndexOf('=');
  const number = text.slice(cut + 1).trim();
  const most = Number(number);
  if (cut < 1 || number === '' || !Number.isFinite(most) || most < 0)
    throw new DiscernError('INPUT_INVALID', `${flag} takes a metric and a number from 0, as f1=0.01; got "${text}"`);
  const metric = answerMetric(text.slice(0, cut).trim());
  if (metric.better !== better)
    throw new DiscernError(
      'INPUT_INVALID',
      `${metric.name} is better when ${metric.better}, so ${flag} is no limit for it`,
      {
        hint: better === 'higher' ? 'use --max-rise' : 'use --max-drop',
      },
    );
  return { metric, most };
}

/** A question without an answer must not make a run look better. */
function requireAll({ onlyA, notReplayed, pairs }: FaultReport): void {
  const lost = [...onlyA, ...new Set([...notReplayed.a, ...notReplayed.b])];
  if (lost.length === 0) return;
  const names = lost.slice(0, 3).map((id) => `"${id}"`);
  const what = onlyA.length > 0 ? 'are missing in the run' : 'lack facts to be answered again';
  throw new DiscernError(
    'INPUT_INVALID',
    `${lost.length} of ${count(onlyA.length + pairs, 'question')} ${what}: ${names.join(', ')}${lost.length > 3 ? ', …' : ''}`,
    { hint: 'answer them, or leave them out with --allow-missing' },
  );
}
