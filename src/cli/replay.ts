import type { Command } from 'commander';
import { DiscernError } from '../errors.ts';
import { replay } from '../replay.ts';
import type { CliContext } from './context.ts';
import { addConfigFlags, changedOptions } from './options.ts';
import { safe } from './terminal.ts';
import { readTraces } from './traces.ts';
import { citationLines, unansweredLine, whyLines } from './why.ts';

export function registerReplay(program: Command, context: CliContext): void {
  const command = program
    .command('replay')
    .description('answer again from recorded facts, without models; options change the decisions')
    .argument('<traces>', 'file with one trace a line')
    .option('--json', 'print each answer as a line of JSON')
    .option('--no-why', 'print the answers and their citations only');
  addConfigFlags(command, ['retrieve', 'recall', 'rerank', 'isRel', 'gate', 'generate', 'weights', 'beam', 'budget']);
  command.action(async (path: string, flags: { json?: boolean; why: boolean }, self: Command) => {
    const change = changedOptions(self.optsWithGlobals());
    let missing = 0;
    let total = 0;
    for await (const { trace } of readTraces(path)) {
      total += 1;
      try {
        const answer = await replay(trace, change, { signal: context.signal });
        const { trace: _trace, ...shown } = answer;
        if (flags.json) context.print(JSON.stringify({ id: trace.id, question: trace.question, ...shown }));
        else {
          const text = answer.unanswered === null ? safe(answer.text) : unansweredLine(answer);
          context.print(
            [
              safe(trace.question),
              text,
              '',
              ...citationLines(answer),
              ...(flags.why ? ['', ...whyLines(answer)] : []),
              '',
            ].join('\n'),
          );
        }
      } catch (error) {
        if (!DiscernError.is(error, 'REPLAY_FACT_MISSING')) throw error;
        missing += 1;
        context.note(`${safe(trace.id)}: ${error.message}`);
      }
    }
    context.note(`${total - missing} of ${total} questions replayed`);
    if (missing > 0) process.exitCode = 1;
  });
}
