import type { Command } from 'commander';
import { answerMetric } from '../evaluate/metrics/registry.ts';
import type { CliContext } from './context.ts';
import { type ComparisonFlags, compareRuns, writeReport } from './diff-data.ts';
import { diffLines } from './diff-lines.ts';

interface Flags extends ComparisonFlags {
  readonly metric: readonly string[];
  readonly json?: boolean;
  readonly failOnChange?: boolean;
}

const HELP = `
For each changed answer the stage is named which, put back to what it was in the baseline, brings the old answer back:
recall, rerank, critic, gate, generator, or settings (options alone). No model is asked.
Exit code: 0; with --fail-on-change 1 where an answer changed, or a question of the baseline is missing in the second
run; 2 where the files cannot be compared.`;

const list = (text: string, before: readonly string[]): string[] => [
  ...before,
  ...text.split(',').flatMap((item) => item.trim() || []),
];

/** The flags that `discern diff` and `discern check` share. */
export const addComparisonFlags = (command: Command): Command =>
  command
    .option('--gold <file>', 'gold answers and relevant documents of the questions, for metrics of quality')
    .option('--gold-type <name>', 'what --gold is: questions (JSONL), rows, squad or beir', 'questions')
    .option('--report <file>', 'write a page with everything that is known, as HTML')
    .option('--seed <integer>', 'of the intervals', '0');

/** Adds `discern diff`: which stage is to blame for answers that changed between two runs. */
export function registerDiff(program: Command, context: CliContext): void {
  const command = program
    .command('diff')
    .description('compare two recorded runs and blame a stage for each changed answer')
    .argument('<baseline>', 'traces that `discern run` recorded, one a line, .gz or not')
    .argument('<second>', 'traces of the same questions')
    .option(
      '--metric <names>',
      'metrics whose change is shown, such as f1,calls; the first orders the answers',
      list,
      [],
    );
  addComparisonFlags(command)
    .option('--json', 'print the report as JSON')
    .option('--fail-on-change', 'exit with 1 where an answer changed or is missing')
    .addHelpText('after', HELP)
    .action(async (a: string, b: string, flags: Flags) => {
      const report = await compareRuns({ a, b }, flags.metric.map(answerMetric), flags, context);
      writeReport(flags.report, report);
      context.print(flags.json ? JSON.stringify(report, null, 2) : diffLines(report).join('\n'));
      if (flags.failOnChange && (report.changed > 0 || report.onlyA.length > 0)) process.exitCode = 1;
    });
}
