/** What the question-answering benches share: reading data, a corpus of its passages, and figures of one question. */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { containsGold, exactMatch, tokenF1 } from '../src/evaluate/metrics/answers.ts';
import { type MeanInterval, meanInterval } from '../src/evaluate/metrics/mean.ts';
import { hitAt, reciprocalRankAt } from '../src/evaluate/metrics/retrieval.ts';
import type * as Package from '../src/index.ts';
import { random, shuffle } from './lib-fit.ts';

export interface QaRow {
  readonly question: string;
  readonly passage: string;
  readonly answers: readonly string[];
  readonly title: string | null;
  readonly split: string | null;
}

/** The built package, as a user imports it. */
export const loadPackage = (dist = new URL('../dist/', import.meta.url).href): Promise<typeof Package> =>
  import(new URL('index.js', dist).href);

/** What the figures were measured on: the last commit, marked where the sources differ from it. */
export function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src') === '' ? '' : '+');
}

interface SquadFile {
  readonly data: readonly {
    readonly title?: string;
    readonly paragraphs: readonly {
      readonly context: string;
      readonly qas: readonly { readonly question: string; readonly answers: readonly { readonly text: string }[] }[];
    }[];
  }[];
}

/** JSON lines with question, passage, answers and title, or the JSON of SQuAD; either also packed by gzip. */
export async function readRows(path: string): Promise<QaRow[]> {
  const bytes = await readFile(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  if (/\.json(\.gz)?$/.test(path))
    return (JSON.parse(text) as SquadFile).data.flatMap(({ title = null, paragraphs }) =>
      paragraphs.flatMap(({ context, qas }) =>
        qas.map(({ question, answers }) => ({
          question,
          passage: context,
          answers: answers.map((answer) => answer.text),
          title: readable(title),
          split: null,
        })),
      ),
    );
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ title: null, split: null, ...(JSON.parse(line) as object) }) as QaRow)
    .map((row) => ({ ...row, title: readable(row.title) }));
}

/** Titles of SQuAD are ends of addresses: `Doctor_Who`. */
const readable = (title: string | null): string | null => title?.replaceAll('_', ' ') ?? null;

export const sampleRows = (rows: readonly QaRow[], count: number, seed: number): QaRow[] =>
  shuffle(rows, random(seed)).slice(0, count);

/** Writes each distinct passage as one record of a file. `idOf` names the document of a passage. */
export async function writeCorpus(
  rows: readonly QaRow[],
  dir: string,
): Promise<{ file: string; size: number; idOf: (passage: string) => string }> {
  const distinct = [...new Map(rows.map((row) => [row.passage, row])).values()];
  const ids = new Map(distinct.map(({ passage }, i) => [passage, `${i + 1}`]));
  await mkdir(dir, { recursive: true });
  const file = join(dir, 'corpus.jsonl');
  const lines = distinct.map(({ passage, title }) => JSON.stringify({ id: ids.get(passage), title, text: passage }));
  await writeFile(file, `${lines.join('\n')}\n`);
  return { file, size: distinct.length, idOf: (passage) => `corpus.jsonl#${ids.get(passage)}` };
}

/** Stages of a question, as the roles of facts. `other` is what the pipeline itself took, and waiting. */
export const STAGES = ['recall', 'rerank', 'critique', 'extend', 'other'] as const;
export type Stage = (typeof STAGES)[number];

export interface QuestionFigures {
  /** Rank-based figures of recall; null where nothing was recalled on purpose. */
  readonly hit10: number | null;
  readonly hit1: number | null;
  readonly mrr10: number | null;
  readonly answered: number;
  readonly em: number;
  readonly f1: number;
  readonly gold: number;
  /** Whether the candidate with the best score of the first level holds the gold answer. */
  readonly bestGold: number;
  readonly words: number;
  readonly segments: number;
  readonly ms: number;
  /** What models were asked: one embedding of a query, one critique, one extension each. */
  readonly requests: number;
  readonly stages: Readonly<Record<Stage, number>>;
}

/** Figures of one answer. One that was not given counts 0. Each question has one gold passage, so recall@10 is hit@10. */
export function figuresOf(
  answer: Package.Answer,
  row: QaRow,
  goldDocument: string,
  ms: number,
  plainText: (answer: Package.Answer) => string,
): QuestionFigures {
  const { trace } = answer;
  const text = plainText(answer);
  const answered = answer.unanswered === null;
  const recalled = trace.events.find((event) => event.type === 'recall-end');
  const ranked = recalled?.candidates.map(({ passageId }) => trace.passages[passageId]!.docId) ?? null;
  const gold = new Set([goldDocument]);
  const first = trace.events.flatMap((event) => (event.type === 'segment-scored' && event.level === 0 ? [event] : []));
  const best = first.reduce<(typeof first)[number] | null>(
    (top, event) => (top === null || event.score.total > top.score.total ? event : top),
    null,
  );
  const stages: Record<Stage, number> = { recall: 0, rerank: 0, critique: 0, extend: 0, other: 0 };
  for (const { role, ms } of trace.facts) stages[role in stages ? (role as Stage) : 'other'] += ms;
  stages.other = Math.max(0, ms - Object.values(stages).reduce((sum, part) => sum + part, 0));
  return {
    hit10: ranked && hitAt(ranked, gold, 10),
    hit1: ranked && hitAt(ranked, gold, 1),
    mrr10: ranked && reciprocalRankAt(ranked, gold, 10),
    answered: answered ? 1 : 0,
    em: answered ? exactMatch(text, row.answers) : 0,
    f1: answered ? tokenF1(text, row.answers) : 0,
    gold: answered ? containsGold(text, row.answers) : 0,
    bestGold: best === null ? 0 : containsGold(best.text, row.answers),
    words: text.split(/\s+/).filter((word) => word !== '').length,
    segments: answer.segments.length,
    ms,
    requests: trace.facts.length,
    stages,
  };
}

export type Figure = Exclude<keyof QuestionFigures, 'stages'>;

/** Mean of a figure with its interval; null where no question has it. */
export function meanOf(rows: readonly QuestionFigures[], figure: Figure, seed: number): MeanInterval | null {
  const values = rows.map((row) => row[figure]).filter((value): value is number => value !== null);
  return values.length === 0 ? null : meanInterval(values, seed);
}

export const percent = (figure: MeanInterval | null): string =>
  figure === null
    ? '–'
    : `${(100 * figure.mean).toFixed(1)} (${figure.ci95.map((value) => (100 * value).toFixed(1)).join('–')})`;
