/** Leaks of kept-out texts into training examples, looked for in another way than the fence of data.ts keeps them out. */
import { hashOf, type Row, type Split } from './data.ts';

/** What a text is kept for: figures of the whole product, or of a critic on that split. */
export type Kept = 'benchmark' | 'test' | 'dev';

export type LeakKind =
  | 'row unknown'
  | 'row of another split'
  | 'passage hash missing'
  | 'passage is not that of the row'
  | 'mined passage unknown'
  | `question of ${Kept}`
  | `passage of ${Kept}`
  | 'passage within one of benchmark';

/** What one line of the examples says about where it comes from. */
export interface ExampleOrigin {
  readonly id: string;
  readonly source: string;
  readonly split: Split;
  readonly passage?: string;
}

export interface Leaks {
  readonly examples: number;
  /** Ids by kind; empty when nothing leaks. */
  readonly found: ReadonlyMap<LeakKind, readonly string[]>;
  /** Ids whose passage shares a run of RUN words with a benchmark's passage but is not within it: other editions. */
  readonly near: readonly string[];
  /** Ids of texts that are equal but shorter than SHORTEST letters: taken for chance. */
  readonly short: readonly string[];
}

const SHORTEST = 12;
const RUN = 12;

/** Without accents and case; tokenised texts write brackets as -lrb-, -rrb-, -lsb-, -rsb-, -lcb-, -rcb-. */
const plain = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/-[lr][rsc]b-/g, ' ');
const letters = (text: string): string => plain(text).replace(/[^\p{L}\p{N}]+/gu, '');

/** Numbers for the runs of so many words of a text (two FNV-1a of 26 bits side by side). */
function runsOf(text: string): number[] {
  const words = plain(text).match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.slice(RUN - 1).map((_, i) => {
    let [one, two] = [0x811c9dc5, 0x01234567];
    for (const character of words.slice(i, i + RUN).join(' ')) {
      one = Math.imul(one ^ character.codePointAt(0)!, 0x01000193);
      two = Math.imul(two ^ character.codePointAt(0)!, 0x85ebca6b);
    }
    return (one >>> 6) * 2 ** 26 + (two >>> 6);
  });
}

export interface KeptTexts {
  add(kept: Kept, text: { readonly question?: string | null; readonly passage?: string | null }): void;
  readonly questions: ReadonlyMap<string, Kept>;
  readonly passages: ReadonlyMap<string, Kept>;
  /** True, false or `part`: whether a passage stands in one of a benchmark. */
  within(passage: string): boolean | 'part';
}

/** The first kind that a text is added with stays: add benchmarks first, dev last, and all before anything is asked. */
export function createKeptTexts(): KeptTexts {
  const questions = new Map<string, Kept>();
  const passages = new Map<string, Kept>();
  const runs = new Set<number>();
  const known = new Map<string, boolean | 'part'>();
  let whole = '';
  const look = (passage: string): boolean | 'part' => {
    const own = runsOf(passage);
    const shared = own.filter((run) => runs.has(run)).length;
    if (own.length > 0) return shared === 0 ? false : shared === own.length ? true : 'part';
    const key = letters(passage);
    whole ||= [...passages].flatMap(([text, kind]) => (kind === 'benchmark' ? [text] : [])).join('\n');
    return key.length >= SHORTEST && whole.includes(key);
  };
  return {
    questions,
    passages,
    within(passage) {
      const result = known.get(passage) ?? look(passage);
      known.set(passage, result);
      return result;
    },
    add(kept, { question, passage }) {
      for (const [text, map] of [
        [question, questions],
        [passage, passages],
      ] as const) {
        const key = letters(text ?? '');
        if (key !== '' && !map.has(key)) map.set(key, kept);
      }
      if (kept === 'benchmark') for (const run of runsOf(passage ?? '')) runs.add(run);
    },
  };
}

/** Where the rows of the examples stand: by id, with the split of the file (or of the row, where files hold all). */
export type RowsById = ReadonlyMap<string, { readonly row: Row; readonly split: Split }>;

export async function leaksOf(
  examples: AsyncIterable<ExampleOrigin> | Iterable<ExampleOrigin>,
  rows: RowsById,
  kept: KeptTexts,
): Promise<Leaks> {
  const found = new Map<LeakKind, string[]>();
  const near: string[] = [];
  const short: string[] = [];
  const told = (kind: LeakKind, id: string) => found.set(kind, [...(found.get(kind) ?? []), id]);
  const pool = new Map<string, string>();
  for (const { row, split } of rows.values())
    if (split === 'train' && ['relevance', 'support'].includes(row.task)) pool.set(hashOf(row.passage!), row.passage!);

  const against = (split: Split, text: string, map: ReadonlyMap<string, Kept>, id: string): Kept | null => {
    const key = letters(text);
    const kind = map.get(key);
    if (kind === undefined || (split === 'dev' && kind === 'dev')) return null;
    if (key.length >= SHORTEST) return kind;
    short.push(id);
    return null;
  };
  let count = 0;
  for await (const { id, source, split, passage: hash } of examples) {
    count++;
    const origin = rows.get(id);
    if (origin === undefined) {
      told('row unknown', id);
      continue;
    }
    const { row } = origin;
    if (origin.split !== split) told('row of another split', id);
    const mined = [`${row.source}+mined`, `${row.source}+evidence+mined`].includes(source);
    const passage = mined ? pool.get(hash ?? '') : (row.passage ?? '');
    if (mined && passage === undefined) told(hash ? 'mined passage unknown' : 'passage hash missing', id);
    if (!mined && hash !== undefined && hash !== hashOf(passage!)) told('passage is not that of the row', id);
    const question = against(split, row.question ?? '', kept.questions, id);
    if (question) told(`question of ${question}`, id);
    if (!passage) continue;
    const kind = against(split, passage, kept.passages, id);
    if (kind) told(`passage of ${kind}`, id);
    else if (kept.within(passage) === true) told('passage within one of benchmark', id);
    else if (kept.within(passage) === 'part') near.push(id);
  }
  return { examples: count, found, near, short };
}
