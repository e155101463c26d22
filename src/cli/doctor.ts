import type { Command } from 'commander';
import { type Check, examine } from '../doctor.ts';
import { type CliContext, configOf } from './context.ts';
import { ANSWER_GROUPS, addConfigFlags } from './options.ts';
import { columns, count, safe, style } from './terminal.ts';

export function registerDoctor(program: Command, context: CliContext): void {
  const command = program
    .command('doctor')
    .description('look at everything that questions need, and say what to do; exit code 1 if something failed')
    .option('--index <dir>', 'folder of an index made by `discern ingest`')
    .option('--json', 'print the checks as JSON');
  addConfigFlags(command, [...ANSWER_GROUPS, 'embedder', 'index', 'models']);
  command.action(async (flags: { index?: string; json?: boolean }, self: Command) => {
    const { environment, signal, print } = context;
    const checks = await examine({
      config: configOf(self, context),
      keys: environment.keys,
      signal,
      ...(flags.index !== undefined && { index: flags.index }),
    });
    const failed = checks.some(({ state }) => state === 'failed');
    // Escapes of JSON are those of `safe`.
    if (flags.json) print(safe(JSON.stringify({ ok: !failed, checks }, null, 2)));
    else for (const line of doctorLines(checks)) print(line);
    if (failed) process.exitCode = 1;
  });
}

const COLOURS = { ok: style.green, warning: style.yellow, failed: style.red } as const;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** The checks as a person reads them: one line each, what to do below it, and what models give as a table. */
export function doctorLines(checks: readonly Check[]): string[] {
  const rows = columns(
    checks.map(({ name, state, found }) => [COLOURS[state](state), safe(name), safe(found).replaceAll('\n', ' ')]),
    '',
  );
  const indent = ' '.repeat(2 + Math.max(...checks.map(({ state }) => state.length)));
  const lines = checks.flatMap(({ advice }, i) => [
    rows[i]!,
    ...(advice === null ? [] : [style.dim(indent + capital(safe(advice).replaceAll('\n', ' ')))]),
  ]);
  const failed = checks.filter(({ state }) => state === 'failed').length;
  const warnings = checks.filter(({ state }) => state === 'warning').length;
  const summary =
    failed === 0 && warnings === 0
      ? style.green('All is well.')
      : `${failed === 0 ? 'Nothing failed' : style.red(`${failed} failed`)}, ${count(warnings, 'warning')}.`;
  return [...lines, ...capabilityLines(checks), '', summary];
}

const answer = (value: boolean | null): string => (value === null ? '?' : value ? 'yes' : 'no');

function capabilityLines(checks: readonly Check[]): string[] {
  const rows = checks.flatMap(({ name, capabilities: given }) =>
    given
      ? [
          [
            safe(name),
            given.logprobs,
            given.top === null ? '-' : String(given.top),
            answer(given.tokenIds),
            answer(given.singleTokenLabels),
            answer(given.thinksFirst),
            answer(given.prefill),
          ],
        ]
      : [],
  );
  if (rows.length === 0) return [];
  const head = ['', 'log-probabilities', 'alternatives', 'token ids', 'one-token labels', 'thinks first', 'prefill'];
  return ['', style.bold('What models give'), ...columns([head, ...rows])];
}
