import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { registerEvalCritic } from './eval-critic.ts';
import { registerEvalDataset } from './eval-dataset.ts';
import { registerEvalEmbedding } from './eval-embedding.ts';
import { registerEvalRun } from './eval-run.ts';
import { registerEvalTrec } from './eval-trec.ts';

/** Adds `discern eval …`: what is measured on labelled data. */
export function registerEval(program: Command, context: CliContext): Command {
  const group = program.command('eval').description('measure critics and retrieval on labelled data');
  registerEvalCritic(group, context);
  registerEvalEmbedding(group, context);
  registerEvalDataset(group, context);
  registerEvalTrec(group, context);
  registerEvalRun(group, context);
  return group;
}
