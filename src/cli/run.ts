import { createWriteStream } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { DiscernError, messageOf } from '../errors.ts';
import { type AskWith, askWide } from '../evaluate/wide.ts';
import { createRag } from '../rag.ts';
import { createSharedFacts } from '../trace.ts';
import { type CliContext, configOf, ragOptions } from './context.ts';
import { wholeNumber } from './eval-rows.ts';
import { readLines, splitLines } from './lines.ts';
import { ANSWER_GROUPS, addConfigFlags } from './options.ts';
import { progressBar } from './terminal.ts';

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
    const done = await finishedIds(flags.out);
    const open = questions.filter(({ id }) => !done.has(id));
    context.note(`${questions.length} questions, ${questions.length - open.length} done before`);
    const { endProgress, ...options } = ragOptions(configOf(self, context), context);
    const rag = await createRag({ ...options, index: flags.index });
    const out = createWriteStream(flags.out, { flags: 'a' });
    const bar = progressBar();
    const failures: { id: string; code: string; message: string }[] = [];
    let unanswered = 0;
    try {
      for (const [i, { id, question }] of open.entries()) {
        try {
          const ask: AskWith = (config, shared) => rag.ask(question, { id, signal: context.signal, config, shared });
          const answer = flags.wide ? await askWide(ask, wide) : await ask({}, createSharedFacts());
          if (answer.unanswered !== null) unanswered += 1;
          await write(out, `${JSON.stringify(answer.trace)}\n`);
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
      await new Promise((resolve) => out.end(resolve));
      await rag.close();
    }
    await writeFile(`${flags.out}.failures.jsonl`, failures.map((failure) => `${JSON.stringify(failure)}\n`).join(''));
    context.print(
      `${open.length - failures.length} answered or declined (${unanswered} declined), ${failures.length} failed; traces in ${flags.out}`,
    );
    if (failures.length > 0) process.exitCode = 1;
  });
}

const FATAL: ReadonlySet<string> = new Set([
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

const TraceHead = z.looseObject({
  version: z.literal(1),
  id: z.string(),
  question: z.string(),
  facts: z.array(z.unknown()),
});
/** How every line that is written here begins. */
const LINE_START = '{"version":1,"id":';

/** Ids of the traces that are in the file already. A last line that a kill cut off is removed; another file is refused. */
async function finishedIds(path: string): Promise<Set<string>> {
  const ids = new Set<string>();
  const file = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new DiscernError('INPUT_INVALID', `${path} cannot be opened for writing: ${error.message}`, { cause: error });
  });
  if (file === null) return ids;
  try {
    const { size } = await file.stat();
    let whole = 0;
    let number = 0;
    for await (const line of splitLines(file.createReadStream({ start: 0, autoClose: false }))) {
      number += 1;
      const end = whole + Buffer.byteLength(line) + 1;
      const parsed = TraceHead.safeParse(tryJson(line));
      if (parsed.success) ids.add(parsed.data.id);
      else if (end > size && (line.startsWith(LINE_START) || LINE_START.startsWith(line))) break;
      else
        throw new DiscernError('TRACE_INVALID', `${path}, line ${number}, is no trace; the file is left as it is`, {
          hint: 'give another file with --out',
        });
      whole = end;
    }
    if (whole > size) await file.write('\n', size);
    else await file.truncate(whole);
    return ids;
  } finally {
    await file.close();
  }
}

const write = (stream: NodeJS.WritableStream, text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    stream.write(text, (error) =>
      error
        ? reject(new DiscernError('DISK_FULL', `a trace cannot be written: ${error.message}`, { cause: error }))
        : resolve(),
    );
  });
