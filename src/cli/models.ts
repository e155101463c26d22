import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { ModelProgress } from '../models/fetch.ts';
import { DEFAULT_MODELS, MANIFEST } from '../models/manifest.ts';
import { createModelStore, type VerifiedModel } from '../models/store.ts';

export interface ModelsContext {
  readonly configOf: (command: Command) => Config;
  /** One line to standard output. */
  readonly print: (line: string) => void;
}

/** Adds `discern models list|pull|verify`. Errors go up to the caller; a failed check sets the exit code to 1. */
export function registerModels(program: Command, { configOf, print }: ModelsContext): Command {
  const models = program.command('models').description('list, fetch and check model files');
  const storeOf = (command: Command) => createModelStore(configOf(command).models);
  const namesHelp = 'names of the manifest, hub paths (owner/repo/file.gguf, owner/repo) or local paths';

  models
    .command('list')
    .description('the models that are known by name, and which of them are here')
    .action(async (_options: unknown, command: Command) => {
      const store = storeOf(command);
      const rows = (await store.list()).map((model) => [
        model.name,
        model.kind,
        size(model.bytes),
        model.licence,
        model.state,
        model.state === 'missing' ? '-' : model.checked ? 'ok' : 'not checked',
      ]);
      for (const line of table([['name', 'kind', 'size', 'licence', 'state', 'sha256'], ...rows])) print(line);
      print(`folder: ${store.dir}`);
    });

  models
    .command('pull')
    .description('fetch model files and check them')
    .argument('[names...]', `${namesHelp}; without: ${DEFAULT_MODELS.join(', ')}`)
    .action(async (names: string[], _options: unknown, command: Command) => {
      const store = storeOf(command);
      for (const name of names.length > 0 ? names : DEFAULT_MODELS) {
        const progress = showProgress();
        try {
          const { dir } = await store.pull(name, { onProgress: progress.update });
          progress.end();
          print(`${name}: ready in ${dir}`);
        } finally {
          progress.end();
        }
      }
    });

  models
    .command('verify')
    .description('read the files again and compare their sha256; exit code 1 if one is missing or wrong')
    .argument('[names...]', `${namesHelp}; without: every model of the manifest that is here`)
    .action(async (names: string[], _options: unknown, command: Command) => {
      const store = storeOf(command);
      const here = (await store.list()).filter((model) => model.state !== 'missing').map((model) => model.name);
      const chosen = names.length > 0 ? names : here;
      if (chosen.length === 0)
        print(`no model is in ${store.dir}; known: ${MANIFEST.map((model) => model.name).join(', ')}`);
      for (const name of chosen) {
        const result = await store.verify(name);
        for (const file of result.files) print(`${name}: ${file.path}: ${verdict(file)}`);
        if (!result.ok) process.exitCode = 1;
      }
    });

  return models;
}

function verdict(file: VerifiedModel['files'][number]): string {
  if (file.state === 'missing') return 'missing';
  return file.state === 'ok' ? `ok (sha256 ${file.sha256})` : `WRONG: sha256 ${file.sha256}, expected ${file.expected}`;
}

const size = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

const STEPS = {
  hub: 'from the hub',
  pypi: 'from PyPI',
  maven: 'from Maven',
  wait: 'waiting: another process fetches it',
} as const satisfies Record<ModelProgress['step'], string>;

/** A bar on a terminal, one line for each file elsewhere; both on standard error. `end` may be called twice. */
export function showProgress(stream: NodeJS.WriteStream = process.stderr): {
  update(progress: ModelProgress): void;
  end(): void;
} {
  let current = '';
  let bar: SingleBar | null = null;
  const end = () => {
    bar?.stop();
    bar = null;
  };
  return {
    end,
    update(progress) {
      const title = `${progress.model} ${progress.file} ${STEPS[progress.step]}`.replace('  ', ' ');
      if (title !== current) {
        end();
        current = title;
        if (stream.isTTY && progress.step !== 'wait') {
          bar = new SingleBar({
            format: `${title} {bar} {percentage}% of {size}`,
            stream,
            hideCursor: true,
            // Dots for what is missing, so that the bar can be read without colours too.
            barCompleteChar: '#',
            barIncompleteChar: '.',
          });
          bar.start(progress.total ?? 0, progress.done, { size: progress.total === null ? '?' : size(progress.total) });
        } else stream.write(`${title}${progress.total === null ? '' : ` (${size(progress.total)})`}\n`);
      }
      if (progress.total !== null) bar?.setTotal(progress.total);
      bar?.update(progress.done, { size: progress.total === null ? '?' : size(progress.total) });
    },
  };
}
