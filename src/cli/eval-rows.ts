import type { Command } from 'commander';
import type { OpenedCritic } from '../critics.ts';
import { DiscernError } from '../errors.ts';
import { type Judged, judge, type Pace, predicts } from '../evaluate/critics/judge.ts';
import { caseOf, EVAL_LABELS, type EvalCase, type EvalHead, parseEvalRow } from '../evaluate/critics/rows.ts';
import { drawn } from '../evaluate/data/select.ts';
import type { CliContext } from './context.ts';
import { readLines } from './lines.ts';
import { count, progressBar, safe } from './terminal.ts';

/** Flags that choose labelled rows. */
export interface RowFlags {
  readonly data: readonly string[];
  readonly head: readonly string[];
  readonly source: readonly string[];
  readonly excludeSource: readonly string[];
  readonly lang?: string;
  readonly limit?: string;
  readonly seed: string;
}

const list = (text: string, before: readonly string[]): string[] => [
  ...before,
  ...text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
];

const ROWS_HELP = `
A row is a line of JSON with a task, a label, a source, and what the task needs:
  relevance           question, passage          relevant, irrelevant                  -> isRel
  support             question, passage, answer  full, partial, none, not_full         -> isSup
  utility             question, answer           1 to 5                                -> isUse
  utility_pair        question, answer_a and _b  a, b (better), tie (left out)         -> isUse
  retrieve            question                   retrieve, no_retrieve                 -> retrieve
  answer_equivalence  question, answer, refs     equivalent, different, possible (left out) -> entail`;

export const addRowFlags = (command: Command): Command =>
  command
    .requiredOption('--data <file...>', 'labelled rows as JSONL, .gz or not; the head follows from the task of a row')
    .option('--head <list>', `only these of ${Object.keys(EVAL_LABELS).join(', ')}`, list, [])
    .option('--source <list>', 'only rows of these sources', list, [])
    .option('--exclude-source <list>', 'no rows of these sources', list, [])
    .option('--lang <code>', 'only rows of this language, such as en')
    .option('--limit <integer>', 'rows of each head at most, drawn by the seed')
    .option('--seed <integer>', 'of the drawing, of folds and of intervals', '0')
    .addHelpText('after', ROWS_HELP);

/** The rows of one head, and the files that they come from. */
export interface HeadCases {
  readonly cases: EvalCase[];
  readonly files: Set<string>;
}

/** Reads all files before anything is asked, and says what is left out. Throws INPUT_INVALID that names a wrong line. */
export async function readCases(flags: RowFlags, { note }: CliContext): Promise<Map<EvalHead, HeadCases>> {
  const wrong = flags.head.find((head) => !Object.hasOwn(EVAL_LABELS, head));
  if (wrong !== undefined)
    throw new DiscernError('INPUT_INVALID', `--head ${wrong}; known: ${Object.keys(EVAL_LABELS).join(', ')}`);
  const [seed, limit] = [wholeNumber('seed', flags.seed), flags.limit && wholeNumber('limit', flags.limit)];
  const heads = new Map<EvalHead, HeadCases>();
  const undecided = { tie: 0, possible: 0 };
  for (const path of flags.data) {
    let line = 0;
    for await (const text of readLines(path)) {
      line += 1;
      if (text.trim() === '') continue;
      const row = parseEvalRow(text, `${path}, line ${line}`);
      if (flags.lang !== undefined && row.lang !== flags.lang) continue;
      if (flags.source.length > 0 && !flags.source.includes(row.source)) continue;
      if (flags.excludeSource.includes(row.source)) continue;
      const found = caseOf(row);
      if (typeof found === 'string') {
        undecided[found] += 1;
        continue;
      }
      if (flags.head.length > 0 && !flags.head.includes(found.head)) continue;
      const of = heads.get(found.head) ?? { cases: [], files: new Set() };
      heads.set(found.head, of);
      of.cases.push(found);
      of.files.add(path);
    }
  }
  if (heads.size === 0) throw new DiscernError('INPUT_INVALID', `no row is left of ${flags.data.join(', ')}`);
  for (const [label, number] of Object.entries(undecided))
    if (number > 0) note(`${count(number, 'row')} labelled ${label} left out`);
  if (limit) for (const [head, of] of heads) heads.set(head, { ...of, cases: drawn(of.cases, limit, seed) });
  return heads;
}

export function wholeNumber(name: string, text: string, least = 0): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value;
  throw new DiscernError('INPUT_INVALID', `--${name} takes a whole number from ${least}, got "${text}"`);
}

export interface JudgedHead {
  readonly judged: readonly Judged[];
  readonly pace: readonly Pace[];
}

/** Asks the critic for all heads that it predicts, and says which it does not. Throws where none is left. */
export async function judgeHeads(
  heads: ReadonlyMap<EvalHead, HeadCases>,
  opened: OpenedCritic,
  { note, signal }: CliContext,
): Promise<Map<EvalHead, JudgedHead>> {
  const results = new Map<EvalHead, JudgedHead>();
  const bar = progressBar();
  const { id } = opened.critic;
  try {
    for (const head of Object.keys(EVAL_LABELS) as EvalHead[]) {
      const of = heads.get(head);
      if (of === undefined) continue;
      if (!predicts(opened, head)) {
        note(`${safe(id)} does not predict ${head}: ${count(of.cases.length, 'row')} left out`);
        continue;
      }
      const onProgress = (done: number) => bar.update(`${head} rows`, done, of.cases.length);
      results.set(head, await judge(of.cases, opened, { signal, onProgress, now: () => performance.now() }));
    }
  } finally {
    bar.end();
  }
  if (results.size === 0)
    throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${id} predicts none of ${[...heads.keys()].join(', ')}`, {
      hint: 'give rows of a task that this critic can be asked',
    });
  return results;
}
