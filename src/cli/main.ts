#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { DiscernError, messageOf } from '../errors.ts';
import { registerAsk } from './ask.ts';
import { registerCheck } from './check.ts';
import { registerConformance } from './conformance.ts';
import { type CliContext, configOf } from './context.ts';
import { registerCritics } from './critics.ts';
import { registerDiff } from './diff.ts';
import { registerDoctor } from './doctor.ts';
import { readEnvironment } from './environment.ts';
import { registerEval } from './eval.ts';
import { registerEvalRetrieval } from './eval-retrieval.ts';
import { registerExport } from './export.ts';
import { registerIngest } from './ingest.ts';
import { registerModels } from './models.ts';
import { addConfigFlags } from './options.ts';
import { registerReplay } from './replay.ts';
import { registerRun } from './run.ts';
import { registerSensitivity } from './sensitivity.ts';
import { registerSeper } from './seper.ts';
import { registerServe } from './serve.ts';
import { safe } from './terminal.ts';
import { registerTune } from './tune.ts';

const packageFile = new URL('../../package.json', import.meta.url);
const { version, description } = JSON.parse(readFileSync(packageFile, 'utf8')) as {
  version: string;
  description: string;
};

const abort = new AbortController();
process.once('SIGINT', () => abort.abort());
process.once('SIGTERM', () => abort.abort());
// `discern … | head` closes the pipe early: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const context: CliContext = {
  environment: readEnvironment(),
  signal: abort.signal,
  print: (line) => process.stdout.write(`${line}\n`),
  note: (line) => process.stderr.write(`${line}\n`),
};

const program = new Command('discern')
  .description(description)
  .version(version)
  .exitOverride()
  .showHelpAfterError('(add --help for usage)');
registerAsk(program, context);
registerIngest(program, context);
registerRun(program, context);
registerReplay(program, context);
registerDiff(program, context);
registerCheck(program, context);
registerConformance(program, context);
registerEvalRetrieval(registerEval(program, context), context);
registerCritics(program, context);
registerSeper(program, context);
registerSensitivity(program, context);
registerTune(program, context);
registerExport(program, context);
registerDoctor(program, context);
registerServe(program, context, version);
const models = registerModels(program, { configOf: (command) => configOf(command, context), print: context.print });
addConfigFlags(models, ['models']);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what happened and what to do; 2 for the user's mistake, 1 otherwise. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!DiscernError.is(error)) {
    context.note(`error: ${safe(error instanceof Error ? (error.stack ?? error.message) : messageOf(error))}`);
    return 1;
  }
  context.note(`error ${error.code}: ${safe(error.message)}\n  hint: ${safe(error.hint)}`);
  if (error.code === 'ABORTED') return 130;
  return error.blame === 'user' ? 2 : 1;
}
