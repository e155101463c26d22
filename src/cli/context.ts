import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { DiscernError } from '../errors.ts';
import type { RagOptions } from '../rag.ts';
import type { Environment } from './environment.ts';
import { showProgress } from './models.ts';
import { configFrom } from './options.ts';
import { progressBar, safe } from './terminal.ts';

/** What every command gets: the environment as it was read once, and where lines go. */
export interface CliContext {
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
  readonly note: (line: string) => void;
}

export const configOf = (command: Command, { environment }: CliContext): Config =>
  configFrom(command.optsWithGlobals(), environment);

/** Throws INPUT_INVALID unless a config that retrieves has documents from one place. */
export function checkDocuments(
  { retrieve }: Config,
  { index, docs }: { readonly index?: string; readonly docs?: readonly string[] },
): void {
  if (retrieve.mode !== 'never' && (index === undefined) === (docs === undefined))
    throw new DiscernError('INPUT_INVALID', 'give the documents: either --index DIR or --docs PATH', {
      hint: 'or ask the model alone: --retrieve.mode never',
    });
}

/** Options of createRag that a command shares: keys, signal, and progress of downloads and of ingest on standard error. */
export function ragOptions(config: Config, context: CliContext): RagOptions & { endProgress(): void } {
  const models = showProgress();
  const ingest = progressBar();
  return {
    config,
    keys: context.environment.keys,
    signal: context.signal,
    onModelProgress: models.update,
    onNotice: (text) => context.note(safe(text)),
    onIngestProgress: ({ phase, done, total }) => {
      if (phase === 'embed') ingest.update('embedding passages', done, total);
      if (phase === 'index') ingest.update('building the search graph', done, total);
    },
    endProgress: () => {
      models.end();
      ingest.end();
    },
  };
}
