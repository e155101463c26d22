import { z } from 'zod';
import { type Config, parseConfig } from '../../config.ts';
import { DiscernError } from '../../errors.ts';
import { Id, jsonRows, type Lines } from '../data/json-rows.ts';
import type { Setting } from './surface.ts';
import type { ColumnSurface, Columns } from './tally.ts';

const Part = z.number().nullable().default(null);

const ClosedSetRowSchema = z.object({
  id: Id,
  group: Id.nullable().default(null),
  gold: z.string(),
  candidates: z
    .array(
      z.object({
        answer: z.string(),
        parts: z.object({ lm: z.number().default(0), isRel: Part, isSup: Part, isUse: Part }),
      }),
    )
    .min(1),
});

/**
 * A question with given answers (multiple choice, true or false), and for each passage the answer that it led to, with
 * the parts of its segment's score: `lm` as it is added, the others unweighted, null where the critique is absent.
 */
export type ClosedSetRow = z.output<typeof ClosedSetRowSchema>;

/** The share of right answers; 1 or 0 for one question. */
export const CLOSED_SET_METRIC = { name: 'accuracy', better: 'higher' } as const;

const WEIGHTS = ['weights.isRel', 'weights.isSup', 'weights.isUse'] as const;

/** Reads JSON lines. Throws INPUT_INVALID that names a wrong line, or an id that stands there twice. */
export async function readClosedSet(lines: Lines, name: string): Promise<ClosedSetRow[]> {
  const rows = new Map<string, ClosedSetRow>();
  for await (const { row, place } of jsonRows(lines, name, ClosedSetRowSchema)) {
    if (rows.has(row.id)) throw new DiscernError('INPUT_INVALID', `${place}: the id "${row.id}" stands there twice`);
    rows.set(row.id, row);
  }
  if (rows.size === 0) throw new DiscernError('INPUT_INVALID', `${name} has no rows`);
  return [...rows.values()];
}

/** What closed-set questions come to under other weights: an answer's score is a sum of parts times weights. */
export function closedSetSurface(rows: readonly ClosedSetRow[], base: Config = parseConfig()): ColumnSurface {
  const sums = rows.map(sumsOf);
  // Where the answers of each question begin, and where the last ones end.
  const first = new Int32Array(rows.length + 1);
  for (const [i, { size }] of sums.entries()) first[i + 1] = first[i]! + size;
  const counts = { replayed: 0, remembered: 0 };
  // One number for each answer of each question, in the order in which answers are first seen.
  const column = (part: keyof ClosedSetRow['candidates'][number]['parts']) =>
    Float64Array.from(sums.flatMap((answers) => [...answers.values()].map((parts) => parts[part])));
  const [lm, isRel, isSup, isUse] = [column('lm'), column('isRel'), column('isSup'), column('isUse')];
  const gold = Int32Array.from(sums, (answers, i) => {
    const at = [...answers.keys()].indexOf(rows[i]!.gold);
    return at < 0 ? -1 : first[i]! + at;
  });

  const fill = async (setting: Setting, into: Columns): Promise<void> => {
    const [rel, sup, use] = WEIGHTS.map((path) => weightOf(setting, path, base.weights));
    counts.replayed += rows.length;
    for (let i = 0; i < rows.length; i++) {
      let [best, most] = [-1, Number.NEGATIVE_INFINITY];
      for (let k = first[i]!; k < first[i + 1]!; k++) {
        const score = lm[k]! + rel! * isRel[k]! + sup! * isSup[k]! + use! * isUse[k]!;
        if (score > most) {
          most = score;
          best = k;
        }
      }
      into.values[i] = best === gold[i] ? 1 : 0;
      into.replayed[i] = 1;
    }
  };
  return {
    ids: rows.map(({ id }) => id),
    groups: rows.map(({ id, group }) => group ?? id),
    metrics: [CLOSED_SET_METRIC.name],
    base,
    counts,
    fill,
    async at(setting) {
      const into = { values: new Float64Array(rows.length), replayed: new Uint8Array(rows.length), cost: NONE };
      await fill(setting, into);
      return rows.map((_, i) => ({ values: [into.values[i]!], cost: { calls: 0, requests: 0, tokens: 0, ms: 0 } }));
    },
  };
}

const NONE = new Float64Array(0);

type Parts = { lm: number; isRel: number; isSup: number; isUse: number };

function sumsOf({ candidates }: ClosedSetRow): Map<string, Parts> {
  const answers = new Map<string, Parts>();
  for (const { answer, parts } of candidates) {
    const sum = answers.get(answer) ?? { lm: 0, isRel: 0, isSup: 0, isUse: 0 };
    answers.set(answer, sum);
    sum.lm += parts.lm;
    sum.isRel += parts.isRel ?? 0;
    sum.isSup += parts.isSup ?? 0;
    sum.isUse += parts.isUse ?? 0;
  }
  return answers;
}

/** Throws INPUT_INVALID for an option that closed-set answers do not know. */
export function checkClosedSetAxes(paths: readonly string[]): void {
  const wrong = paths.find((path) => !WEIGHTS.some((known) => known === path));
  if (wrong !== undefined)
    throw new DiscernError('INPUT_INVALID', `closed-set answers know ${WEIGHTS.join(', ')}, not ${wrong}`);
}

function weightOf(
  setting: Setting,
  path: (typeof WEIGHTS)[number],
  weights: Readonly<Record<'isRel' | 'isSup' | 'isUse', number>>,
): number {
  const value = setting[path];
  return typeof value === 'number' ? value : weights[path.slice('weights.'.length) as 'isRel' | 'isSup' | 'isUse'];
}
