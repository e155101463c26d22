/** The labelled data: reading them, and the fence around everything that results are quoted on. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export type Split = 'train' | 'dev' | 'test';

export interface Row {
  readonly id: string;
  readonly task: string;
  readonly question: string | null;
  readonly passage: string | null;
  readonly answer: string | null;
  readonly label: string | number;
  readonly source: string;
  readonly lang: string;
  readonly orig_label?: unknown;
  readonly title?: string;
  readonly refs?: readonly string[];
  readonly answers?: readonly string[];
  readonly answer_a?: string;
  readonly answer_b?: string;
  readonly split?: Split;
}

export const TASKS = ['relevance', 'support', 'retrieve', 'utility', 'utility_pair', 'answer_equivalence'] as const;

/** How a BERT vocabulary frames a text, and where the task tokens begin (`[unused0]`). */
export const FRAME = { start: 101, end: 102, taskBase: 1 };

/** The product is measured on these as a whole, so nothing of them is fitted on. */
export const KEPT_OUT = ['xquad_en', 'xquad_zh', 'scifact'];

export async function readRows<T = Row>(data: string, path: string): Promise<T[]> {
  const bytes = await readFile(join(data, path));
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

/**
 * Letters and digits alone: texts that differ in case, blanks and punctuation are the same text; so are tokenised ones,
 * which write brackets as -lrb-, -rrb-, -lsb-, -rsb-, -lcb-, -rcb-.
 */
export const squeeze = (text: string): string =>
  text
    .toLowerCase()
    .replace(/-[lr][rsc]b-/g, '')
    .replace(/[^\p{L}\p{N}]+/gu, '');

/** Stands for a passage in the examples: 16 hex digits of the sha256 of its letters and digits. */
export const hashOf = (text: string): string => createHash('sha256').update(squeeze(text)).digest('hex').slice(0, 16);

/** Shorter texts ("yes", a name) may stand in two files by chance. */
const SHORTEST = 12;

export interface Fence {
  readonly questions: number;
  readonly passages: number;
  /** True when neither the question nor the passage of a row is kept out. */
  free(row: Row): boolean;
}

/**
 * What may not be fitted on: every question and passage of the given splits of any task, and of the benchmarks
 * (KEPT_OUT in any file). A passage is also out when it is a part of a passage of a benchmark.
 */
export async function createFence(data: string, against: readonly Split[]): Promise<Fence> {
  const questions = new Set<string>();
  const passages = new Set<string>();
  const whole: string[] = [];
  const add = (row: Row, benchmark: boolean) => {
    for (const [text, set] of [
      [row.question, questions],
      [row.passage, passages],
    ] as const) {
      const squeezed = squeeze(text ?? '');
      if (squeezed.length >= SHORTEST) set.add(squeezed);
    }
    if (benchmark && row.passage) whole.push(squeeze(row.passage));
  };
  for (const task of TASKS)
    for (const split of ['train', 'dev', 'test'] as const)
      for (const row of await readRows(data, `${task}/${split}.jsonl.gz`)) {
        const benchmark = KEPT_OUT.includes(row.source);
        if (benchmark || against.includes(split)) add(row, benchmark);
      }
  for (const name of ['xquad_en', 'xquad_zh'])
    for (const row of await readRows(data, `qa/${name}.jsonl.gz`)) add(row, true);
  for (const name of await readdir(join(data, 'qa')))
    for (const row of await readRows(data, `qa/${name}`))
      if (row.split !== undefined && against.includes(row.split)) add(row, false);
  const benchmarks = [...new Set(whole)].join('\n');
  return {
    questions: questions.size,
    passages: passages.size,
    free(row) {
      if (KEPT_OUT.includes(row.source)) return false;
      const question = squeeze(row.question ?? '');
      if (question.length >= SHORTEST && questions.has(question)) return false;
      const passage = squeeze(row.passage ?? '');
      return passage.length < SHORTEST || !(passages.has(passage) || benchmarks.includes(passage));
    },
  };
}

export function shuffled<T>(rows: readonly T[], random: () => number): T[] {
  return rows
    .map((row) => [random(), row] as const)
    .sort((a, b) => a[0] - b[0])
    .map(([, row]) => row);
}
