import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { registerEvalCritic } from './eval-critic.ts';

/** Adds `discern eval …`: what is measured on labelled data. */
export function registerEval(program: Command, context: CliContext): Command {
  const group = program.command('eval').description('measure critics and retrieval on labelled data');
  registerEvalCritic(group, context);
  return group;
}
