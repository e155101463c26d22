import type { Command } from 'commander';
import { createRag } from '../rag.ts';
import { type CliContext, configOf, ragOptions } from './context.ts';
import { addConfigFlags } from './options.ts';
import { count, failureText, safe } from './terminal.ts';

export function registerIngest(program: Command, context: CliContext): void {
  const command = program
    .command('ingest')
    .description('read files or folders into an index; what has not changed is left alone')
    .argument('<paths...>', 'text, Markdown, HTML, PDF, JSON, JSONL or CSV')
    .requiredOption('--index <dir>', 'folder of the index')
    .option('--moved', 'the folders stand in another place than at the last ingest')
    .option('--json', 'print the report as JSON');
  addConfigFlags(command, ['ingest', 'embedder', 'index', 'models']);
  command.action(async (paths: string[], flags: { index: string; json?: boolean; moved?: boolean }, self: Command) => {
    const { endProgress, ...options } = ragOptions(configOf(self, context), context);
    const rag = await createRag({ ...options, index: flags.index });
    try {
      const report = await rag
        .ingest(paths, { signal: context.signal, moved: flags.moved ?? false })
        .finally(endProgress);
      const info = await rag.info();
      if (flags.json)
        context.print(
          JSON.stringify(
            { ...report, index: { passages: info.passages, sources: info.sources, search: info.search } },
            null,
            2,
          ),
        );
      else {
        const { added, changed, removed, unchanged, embedded } = report;
        context.print(
          `${added} added, ${changed} changed, ${removed} removed, ${unchanged} unchanged; ${count(embedded, 'passage')} embedded`,
        );
        context.print(
          `the index holds ${count(info.passages, 'passage')} of ${count(info.sources, 'file')}; search: ${info.search} (${info.note})`,
        );
      }
      if (report.added + report.changed + report.unchanged + report.failed.length === 0)
        context.note(`nothing to read in ${paths.map(safe).join(', ')}`);
      for (const key of report.ignored) context.note(`left out, no format fits: ${safe(key)}`);
      for (const failure of report.failed) context.note(`failed ${failure.code}: ${failureText(failure)}`);
      if (report.failed.length > 0) process.exitCode = 1;
    } finally {
      await rag.close();
    }
  });
}
