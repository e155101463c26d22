import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { openCritic } from '../critics.ts';
import { DiscernError, messageOf } from '../errors.ts';
import { reliabilityChart } from '../evaluate/critics/chart.ts';
import { type HeadFigures, measureHead, positiveName, reliabilityOf } from '../evaluate/critics/measure.ts';
import { type CriticReport, confusionTable, criticReportPage } from '../evaluate/critics/report.ts';
import type { EvalHead } from '../evaluate/critics/rows.ts';
import { type CliContext, configOf } from './context.ts';
import { reportLines } from './eval-lines.ts';
import { addRowFlags, type JudgedHead, judgeHeads, type RowFlags, readCases, wholeNumber } from './eval-rows.ts';
import { showProgress } from './models.ts';
import { addConfigFlags } from './options.ts';

interface Flags extends RowFlags {
  readonly critic: string;
  readonly json?: boolean;
  readonly out?: string;
}

/** Adds `discern eval critic`: how often a critic is right, and how far its probabilities can be believed. */
export function registerEvalCritic(group: Command, context: CliContext, open = openCritic): void {
  const command = group
    .command('critic')
    .description('measure a critic on labelled rows: accuracy, AUROC, calibration, each with its 95% interval')
    .requiredOption('--critic <name>', 'name of a critic, or the folder of one');
  addRowFlags(command)
    .option('--out <dir>', 'write report.html, eval.json, and a reliability plot and a confusion table of each head')
    .option('--json', 'print the figures as JSON');
  addConfigFlags(command, ['critics', 'embedder', 'models']);
  command.action(async (flags: Flags, self: Command) => {
    const config = configOf(self, context);
    const cases = await readCases(flags, context);
    const models = showProgress();
    const { environment, signal, note } = context;
    const opened = await open(flags.critic, {
      ...{ config, keys: environment.keys, signal },
      ...{ onModelProgress: models.update, onNotice: note },
    }).finally(models.end);
    try {
      const judged = await judgeHeads(cases, opened, context);
      const seed = wholeNumber('seed', flags.seed);
      const heads: Partial<Record<EvalHead, HeadFigures>> = {};
      for (const [head, { judged: rows, pace }] of judged) heads[head] = measureHead(head, rows, pace, seed);
      const report = { critic: opened.critic.id, heads };
      if (flags.out !== undefined) await writeReport(flags.out, report, judged);
      context.print(flags.json ? JSON.stringify(report, null, 2) : reportLines(report).join('\n'));
    } finally {
      await opened.close();
    }
  });
}

async function writeReport(
  dir: string,
  report: CriticReport,
  judged: ReadonlyMap<EvalHead, JudgedHead>,
): Promise<void> {
  const charts: Partial<Record<EvalHead, string>> = {};
  const files: Record<string, string> = {};
  for (const [head, { judged: rows }] of judged) {
    const chart = await reliabilityChart(`P(${positiveName(head)}) of ${report.critic}`, reliabilityOf(head, rows));
    charts[head] = chart;
    files[`reliability-${head}.svg`] = chart;
    files[`confusion-${head}.html`] = confusionTable(report.heads[head]!);
  }
  files['report.html'] = criticReportPage(report, charts);
  files['eval.json'] = `${JSON.stringify(report, null, 2)}\n`;
  try {
    mkdirSync(dir, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `the report cannot be written to ${dir}: ${messageOf(cause)}`, { cause });
  }
}
