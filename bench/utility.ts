/**
 * How well measures of a context tell whether it helps: the table that the gate was designed by.
 *   npx tsx bench/utility.ts --judged xquad=FILE,nq=FILE [--other gemma-xquad=FILE] [--seed 1]
 * The files come from utility-collect.ts and utility-judge.ts. Contexts: the gold passage, a similar wrong one, a random
 * one. Two labels: `gold`, and `gain`: F1 of the greedy answer with the context above F1 without, ties left out and counted.
 * Intervals by passage. Writes bench/results/utility.json and its table in bench/README.md.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from './lib-stats.ts';
import {
  byPassage,
  COLUMNS,
  type ContextRow,
  contextRows,
  figuresOf,
  firstOf,
  gainOf,
  type Interval,
  type Question,
  readJudged,
  samplesOf,
  someOf,
} from './lib-utility-rows.ts';

const { values: flags } = parseArgs({
  options: {
    judged: { type: 'string' },
    other: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
  },
});
if (!flags.judged) throw new Error('say where the judged samples are: --judged NAME=FILE,NAME=FILE');
const NAMES = ['gold', 'similar', 'random'];
const SIZES = [3, 5, 10, 20];
const REPEATS = 10;
const SAMPLED = ['deltaSoft', 'deltaHard', 'deltaAlike', 'entropyReduction', 'pseudoSeper', 'supported'] as const;
const seed = Number(flags.seed);

const filesOf = (list: string) =>
  list
    .split(',')
    .filter((item) => item !== '')
    .map((item) => item.split('=') as [string, string]);

const show = (value: Interval | number | null): string => {
  if (value === null) return '-';
  if (typeof value === 'number') return value.toFixed(3);
  return `${value.mean.toFixed(3)} (${value.ci95[0].toFixed(2)} to ${value.ci95[1].toFixed(2)})`;
};

/** Mean figure over random subsets of the samples: what a smaller k would have given. */
function bySize(questions: readonly Question[]) {
  const most = Math.min(...questions.map(samplesOf));
  return SIZES.filter((size) => size <= most).map((size) => {
    const repeats = size === most ? 1 : REPEATS;
    const runs = Array.from({ length: repeats }, (_, r) => {
      const rows = contextRows(questions, NAMES, size === most ? firstOf(size) : someOf(size, seed + r));
      return SAMPLED.map((column) => figuresOf(rows, ({ columns }) => columns[column]));
    });
    const mean = (at: number, key: 'gold' | 'gain' | 'pearsonGold' | 'pearsonGain') =>
      runs.reduce((sum, run) => sum + (run[at]![key] ?? 0), 0) / runs.length;
    return {
      k: size,
      repeats,
      measures: Object.fromEntries(
        SAMPLED.map((column, at) => [
          column,
          {
            gold: mean(at, 'gold'),
            gain: mean(at, 'gain'),
            pearsonGold: mean(at, 'pearsonGold'),
            pearsonGain: mean(at, 'pearsonGain'),
          },
        ]),
      ),
    };
  });
}

function report(name: string, questions: readonly Question[]) {
  const rows: ContextRow[] = contextRows(questions, NAMES, firstOf(10));
  const ties = rows.filter((row) => gainOf(row) === 0).length;
  const mean = (of: (row: ContextRow) => number, context: string) => {
    const some = rows.filter((row) => row.context === context);
    return some.reduce((sum, row) => sum + of(row), 0) / some.length;
  };
  const measures = Object.fromEntries(
    COLUMNS.map((column) => [
      column,
      byPassage(rows, (some) => figuresOf(some, ({ columns }) => columns[column]), seed),
    ]),
  );
  return {
    name,
    model: questions[0]!.row.model.split('/').at(-1)!,
    temperature: questions[0]!.row.temperature,
    questions: questions.length,
    passages: new Set(rows.map(({ passage }) => passage)).size,
    rows: rows.length,
    ties,
    rises: rows.filter((row) => gainOf(row) > 0).length,
    f1: {
      alone: mean(({ f1Without }) => f1Without, 'gold'),
      ...Object.fromEntries(NAMES.map((context) => [context, mean(({ f1With }) => f1With, context)])),
    },
    measures,
    bySize: bySize(questions),
  };
}

const sets = [];
for (const [name, file] of [...filesOf(flags.judged), ...filesOf(flags.other)]) {
  const all = await readJudged(name, file);
  // Large sets are quoted on test rows only; xquad has too few, and nothing is fitted in this table.
  const test = all.filter(({ row }) => row.split === 'test');
  sets.push(report(name, test.length >= 150 ? test : all));
}
await writeFile(new URL('results/utility.json', import.meta.url), `${JSON.stringify(sets, null, 1)}\n`);

const lines = sets.flatMap((set) => [
  `**${set.name}**, ${set.model}: ${set.questions} questions of ${set.passages} passages, ${set.rows} contexts; F1 ${show(set.f1.alone)} alone, ${NAMES.map((name) => `${show((set.f1 as Record<string, number>)[name]!)} ${name}`).join(', ')}. \`gain\`: ${set.rises} rise, ${set.rows - set.ties - set.rises} fall, ${set.ties} ties. k = 10.`,
  '',
  markdownTable(
    ['measure', 'AUROC gold', 'AUROC gain', 'r gold', 'r change in F1'],
    COLUMNS.map((column) => {
      const { gold, gain, pearsonGold, pearsonGain } = set.measures[column]!;
      return [column, show(gold), show(gain), show(pearsonGold), show(pearsonGain)];
    }),
  ),
  '',
  `Samples: mean of ${REPEATS} random subsets of the ${set.bySize.at(-1)!.k} (AUROC gain / r change in F1).`,
  '',
  markdownTable(
    ['measure', ...set.bySize.map(({ k }) => `k = ${k}`)],
    SAMPLED.map((column) => [
      column,
      ...set.bySize.map(({ measures }) => `${show(measures[column]!.gain)} / ${show(measures[column]!.pearsonGain)}`),
    ]),
  ),
  '',
]);
const [start, end] = ['<!-- utility: written by bench/utility.ts -->', '<!-- /utility -->'];
const readme = new URL('README.md', import.meta.url);
const text = await readFile(readme, 'utf8');
await writeFile(
  readme,
  `${text.slice(0, text.indexOf(start) + start.length)}\n\n${lines.join('\n')}\n${text.slice(text.indexOf(end))}`,
);
process.stdout.write(`${lines.join('\n')}\n`);
