import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { DiscernError, messageOf } from '../errors.ts';
import { createRag } from '../rag.ts';
import type { Answer, TraceEvent } from '../types.ts';
import { type CliContext, checkDocuments, configOf, ragOptions } from './context.ts';
import { ANSWER_GROUPS, addConfigFlags } from './options.ts';
import { failureText, safe } from './terminal.ts';
import { citationLines, unansweredLine, whyLines } from './why.ts';

interface AskFlags {
  readonly index?: string;
  readonly docs?: readonly string[];
  readonly json?: boolean;
  readonly trace?: string;
  readonly why: boolean;
}

export function registerAsk(program: Command, context: CliContext): void {
  const command = program
    .command('ask')
    .description('answer a question from documents, with citations and the reasons')
    .argument('<question>')
    .option('--index <dir>', 'folder of an index made by `discern ingest`')
    .option('--docs <path...>', 'files or folders to read now, instead of an index')
    .option('--json', 'print the answer as JSON')
    .option('--trace <file>', 'write the trace, one JSON line: `discern replay` answers from it without models')
    .option('--no-why', 'print the answer and its citations only');
  addConfigFlags(command, [...ANSWER_GROUPS, 'ingest', 'embedder', 'index', 'models']);
  command.action(async (question: string, flags: AskFlags, self: Command) => {
    if (question.trim() === '') throw new DiscernError('INPUT_INVALID', 'the question is empty');
    const config = configOf(self, context);
    checkDocuments(config, flags);
    const { endProgress, ...options } = ragOptions(config, context);
    const rag = await createRag({
      ...options,
      ...(flags.index !== undefined && { index: flags.index }),
      ...(flags.docs !== undefined && { documents: flags.docs }),
    }).finally(endProgress);
    try {
      for (const failure of rag.ingested?.failed ?? []) context.note(`not read: ${failureText(failure)}`);
      const stream = flags.json ? null : segmentStream();
      const answer = await rag
        .ask(question, { signal: context.signal, onEvent: (event) => stream?.(event) })
        .finally(endProgress);
      if (flags.trace !== undefined) writeTrace(flags.trace, answer);
      printAnswer(answer, flags, context);
    } finally {
      await rag.close();
    }
  });
}

/** Writes each segment once it has won the beam; what was written is never taken back. */
function segmentStream(): (event: TraceEvent) => void {
  let first = true;
  return (event) => {
    if (event.type !== 'segment-committed') return;
    process.stdout.write(
      `${first ? '' : ' '}${safe(event.text)}${event.citation === null ? '' : ` [${event.citation}]`}`,
    );
    first = false;
  };
}

function printAnswer(answer: Answer, flags: AskFlags, { print }: CliContext): void {
  if (flags.json) {
    const { trace: _trace, ...shown } = answer;
    print(JSON.stringify(shown, null, 2));
    return;
  }
  print(answer.unanswered === null ? '' : unansweredLine(answer));
  if (answer.citations.length > 0) print(['', ...citationLines(answer)].join('\n'));
  if (flags.why) print(['', ...whyLines(answer)].join('\n'));
}

function writeTrace(path: string, answer: Answer): void {
  try {
    writeFileSync(path, `${JSON.stringify(answer.trace)}\n`);
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `the trace cannot be written to ${path}: ${messageOf(cause)}`, { cause });
  }
}
