import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { DiscernError, messageOf } from '../errors.ts';
import { type AskWith, askWide } from '../evaluate/wide.ts';
import { createRag } from '../rag.ts';
import { createSharedFacts } from '../trace.ts';
import { type CliContext, configOf, ragOptions } from './context.ts';
import { wholeNumber } from './eval-rows.ts';
import { readLines } from './lines.ts';
import { ANSWER_GROUPS, addConfigFlags } from './options.ts';
import { progressBar } from './terminal.ts';
import { finishedTraces, traceWriter } from './trace-file.ts';

const QuestionRow = z.looseObject({
  id: z.union([z.string(), z.number()]).transform(String).optional(),
  question: z.string(),
});

interface Question {
  readonly id: string;
  readonly question: string;
}

interface RunFlags {
  readonly index: string;
  readonly out: string;
  readonly wide?: boolean;
  readonly wideSettings: string;
}

export function registerRun(program: Command, context: CliContext): void {
  const command = program
    .command('run')
    .description('answer many questions and record a trace of each; started again, it goes on where it stopped')
    .argument('<questions>', 'JSONL with { id?, question } on each line, .gz or not')
    .requiredOption('--index <dir>', 'folder of an index made by `discern ingest`')
    .requiredOption('--out <file>', 'traces, one JSON line each; failures go to <file>.failures.jsonl')
    .option('--wide', 'ask more than the answers need, so that the traces can be replayed under other settings')
    .option(
      '--wide-settings <n>',
      'random settings that --wide covers, beside every single decision turned around',
      '24',
    );
  addConfigFlags(command, [...ANSWER_GROUPS, 'embedder', 'index', 'models']);
  command.action(async (path: string, flags: RunFlags, self: Command) => {
    const wide = { settings: wholeNumber('wide-settings', flags.wideSettings), seed: 0 };
    const questions = await readQuestions(path);
    const done = await finishedTraces(flags.out);
    const open = questions.filter(({ id }) => !done.has(id));
    context.note(`${questions.length} questions, ${questions.length - open.length} done before`);
    const { endProgress, ...options } = ragOptions(configOf(self, context), context);
    const rag = await createRag({ ...options, index: flags.index });
    const out = traceWriter(flags.out);
    const bar = progressBar();
    const failures: { id: string; code: string; message: string }[] = [];
    let unanswered = 0;
    try {
      for (const [i, { id, question }] of open.entries()) {
        try {
          const ask: AskWith = (config, shared) => rag.ask(question, { id, signal: context.signal, config, shared });
          const answer = flags.wide ? await askWide(ask, wide) : await ask({}, createSharedFacts());
          if (answer.unanswered !== null) unanswered += 1;
          await out.append(answer.trace);
        } catch (error) {
          // An index that cannot be used, or a cancelled run, fails every question alike.
          if (context.signal.aborted || !DiscernError.is(error) || FATAL.has(error.code)) throw error;
          failures.push({ id, code: error.code, message: messageOf(error) });
        }
        bar.update('questions', i + 1, open.length);
      }
    } finally {
      endProgress();
      bar.end();
      await out.close();
      await rag.close();
    }
    await writeFile(`${flags.out}.failures.jsonl`, failures.map((failure) => `${JSON.stringify(failure)}\n`).join(''));
    context.print(
      `${open.length - failures.length} answered or declined (${unanswered} declined), ${failures.length} failed; traces in ${flags.out}`,
    );
    if (failures.length > 0) process.exitCode = 1;
  });
}

/** What fails every question alike. */
export const FATAL: ReadonlySet<string> = new Set([
  'INDEX_EMPTY',
  'INDEX_MISSING',
  'INDEX_FINGERPRINT',
  'INDEX_CORRUPT',
  'MODEL_UNAVAILABLE',
  'MODEL_UNKNOWN',
  'MODEL_CHECKSUM',
  'PACKAGE_MISSING',
  'DISK_FULL',
  'BACKEND_UNKNOWN',
]);

async function readQuestions(path: string): Promise<Question[]> {
  const questions: Question[] = [];
  const seen = new Set<string>();
  let line = 0;
  for await (const text of readLines(path)) {
    line += 1;
    if (text.trim() === '') continue;
    const row = QuestionRow.safeParse(tryJson(text));
    if (!row.success) throw new DiscernError('INPUT_INVALID', `${path}, line ${line}: not an object with a "question"`);
    const id = row.data.id ?? `line-${line}`;
    if (seen.has(id))
      throw new DiscernError('INPUT_INVALID', `${path}, line ${line}: the id "${id}" stands there twice`);
    seen.add(id);
    questions.push({ id, question: row.data.question });
  }
  return questions;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
