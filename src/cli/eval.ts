import type { Command } from 'commander';
import type { CliContext } from './context.ts';

/** Adds `discern eval …`: what is measured on labelled data. */
export function registerEval(program: Command, _context: CliContext): Command {
  return program.command('eval').description('measure critics and retrieval on labelled data');
}
