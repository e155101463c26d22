/**
 * Which rule tells best whether two answers to a question mean the same (`gate.equivalence`): the equivalence head of
 * mini, entailment both ways, no contradiction, or the normalised texts alone.
 *
 *   npm run build && npx tsx bench/equivalence.ts --data FILE [--critic mini] [--prompted 200] [--seed 1]
 *
 * `--data`: labelled lines of the task answer_equivalence, also packed by gzip; `possible` is left out. An answer is
 * compared with the 3 references that have most words in common with it, and is right if it equals any of them.
 * `--prompted`: so many rows, drawn with the seed, are asked of the language model too; 0 for none.
 * Writes results/equivalence.json and the tables between the marks in bench/README.md.
 */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { Entailment } from '../src/contracts.ts';
import { type Comparison, caseOf, parseEvalRow } from '../src/evaluate/critics/rows.ts';
import { bootstrap } from '../src/evaluate/metrics/bootstrap.ts';
import type { MeanInterval } from '../src/evaluate/metrics/mean.ts';
import { isEquivalent, sameMeaning } from '../src/semantics.ts';
import { normalizeAnswer } from '../src/text/answer.ts';
import { random, shuffle } from './lib-fit.ts';
import { commit, loadPackage } from './lib-qa.ts';
import { machine, markdownTable } from './lib-stats.ts';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    critic: { type: 'string', default: 'mini' },
    prompted: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
  },
});
if (flags.data === undefined) throw new Error('give the labelled rows with --data');
const SEED = Number(flags.seed);
const BATCH = 64;

const RULES = ['head', 'strict', 'loose'] as const;
type Rule = (typeof RULES)[number];

interface Row {
  readonly source: string;
  readonly equivalent: boolean;
  readonly asked: readonly Comparison[];
}

/** Of each row, by the name of a rule: whether it takes the answer for one of the references. */
type Verdicts = ReadonlyMap<string, readonly boolean[]>;

async function readLabelled(path: string): Promise<Row[]> {
  const bytes = await readFile(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  const cases = text
    .split('\n')
    .map((line, i) => ({ line, place: `${basename(path)}:${i + 1}` }))
    .filter(({ line }) => line.trim() !== '')
    .map(({ line, place }) => caseOf(parseEvalRow(line, place)));
  return cases.flatMap((one) =>
    typeof one === 'string' || one.head !== 'entail'
      ? []
      : [{ source: one.source, equivalent: 'label' in one.truth && one.truth.label === 0, asked: one.asked }],
  );
}

/** Texts that are equal after normalisation are the same for every rule, as they are in the product. */
const sameText = ({ first, second }: Comparison) => normalizeAnswer(first) === normalizeAnswer(second);

/** What each rule says of each pair; a pair is asked about once. */
async function verdictsOf(name: string, entailment: Entailment, rows: readonly Row[]): Promise<Verdicts> {
  const keyOf = ({ question, first, second }: Comparison) => JSON.stringify([question, first, second]);
  const pairs = [...new Map(rows.flatMap(({ asked }) => asked).map((pair) => [keyOf(pair), pair])).values()];
  const said = new Map<string, Record<Rule, boolean>>();
  for (let from = 0; from < pairs.length; from += BATCH) {
    const batch = pairs.slice(from, from + BATCH);
    const chances = await entailment.equivalent(batch);
    const forward = await entailment.entail(batch);
    const backward = await entailment.entail(
      batch.map((pair) => ({ ...pair, first: pair.second, second: pair.first })),
    );
    for (const [i, pair] of batch.entries())
      said.set(keyOf(pair), {
        head: sameMeaning(chances[i]!),
        strict: isEquivalent(forward[i]!, backward[i]!, 'strict'),
        loose: isEquivalent(forward[i]!, backward[i]!, 'loose'),
      });
    process.stderr.write(`\r${name}: ${from + batch.length} of ${pairs.length} pairs `);
  }
  process.stderr.write('\n');
  return new Map(
    RULES.map((rule) => [
      `${name} ${rule}`,
      rows.map(({ asked }) => asked.some((pair) => sameText(pair) || said.get(keyOf(pair))![rule])),
    ]),
  );
}

interface Figures {
  readonly rule: string;
  readonly accuracy: MeanInterval;
  /** The rule named first minus this one, on the same rows. */
  readonly behind: MeanInterval | null;
  /** Shares that it takes for equivalent. */
  readonly ofEquivalent: MeanInterval;
  readonly ofDifferent: MeanInterval;
  readonly bySource: Readonly<Record<string, MeanInterval>>;
}

const about = (of: readonly Row[]) => ({
  rows: of.length,
  equivalent: of.filter(({ equivalent }) => equivalent).length,
  pairs: of.reduce((sum, row) => sum + row.asked.length, 0),
});

const share = (places: readonly number[], of: (place: number) => boolean): number | null =>
  places.length === 0 ? null : places.filter(of).length / places.length;

function figuresOf(rows: readonly Row[], verdicts: Verdicts): Figures[] {
  const [reference] = verdicts.values();
  const sources = [...new Set(rows.map(({ source }) => source))].sort();
  return [...verdicts].map(([rule, says]) => {
    const right = (place: number) => says[place] === rows[place]!.equivalent;
    const found = bootstrap([rows.length], SEED, ([places = []]) => {
      const accuracy = share(places, right)!;
      const first = share(places, (place) => reference![place] === rows[place]!.equivalent)!;
      const among = (wanted: (row: Row) => boolean, of: (place: number) => boolean) =>
        share(
          places.filter((place) => wanted(rows[place]!)),
          of,
        );
      return {
        accuracy,
        behind: first - accuracy,
        ofEquivalent: among(
          ({ equivalent }) => equivalent,
          (place) => says[place]!,
        ),
        ofDifferent: among(
          ({ equivalent }) => !equivalent,
          (place) => says[place]!,
        ),
      };
    });
    const bySource = sources.map((source) => {
      const own = rows.flatMap((row, place) => (row.source === source ? [place] : []));
      const { accuracy } = bootstrap([own.length], SEED, ([places = []]) => ({
        accuracy: share(places, (place) => right(own[place]!)),
      }));
      return [source, accuracy!];
    });
    return {
      rule,
      accuracy: found.accuracy!,
      behind: says === reference ? null : found.behind,
      ofEquivalent: { ...found.ofEquivalent!, n: about(rows).equivalent },
      ofDifferent: { ...found.ofDifferent!, n: rows.length - about(rows).equivalent },
      bySource: Object.fromEntries(bySource),
    };
  });
}

const { openEntailment } = await loadPackage();
const textAlone = (rows: readonly Row[]): Verdicts =>
  new Map([['the same text alone', rows.map(({ asked }) => asked.some(sameText))]]);

const models: string[] = [];

async function asked(name: string, rows: readonly Row[]): Promise<Verdicts> {
  const entailment = await openEntailment(name);
  models.push(entailment.id);
  try {
    return await verdictsOf(name, entailment, rows);
  } finally {
    await entailment.close();
  }
}

const rows = await readLabelled(flags.data);
const verdicts: Verdicts = new Map([...(await asked(flags.critic, rows)), ...textAlone(rows)]);
const places = shuffle([...rows.keys()], random(SEED)).slice(0, Number(flags.prompted));
const fewRows = places.map((place) => rows[place]!);
const few: Verdicts = new Map([
  ...[...verdicts].map(([rule, says]) => [rule, places.map((place) => says[place]!)] as const),
  ...(places.length === 0 ? [] : await asked('prompted', fewRows)),
]);

const results = {
  about: { ...machine(), commit: commit(), data: basename(flags.data), models, seed: SEED },
  all: { ...about(rows), rules: figuresOf(rows, verdicts) },
  drawn: places.length === 0 ? null : { ...about(fewRows), rules: figuresOf(fewRows, few) },
};

const percent = (value: number) => (100 * value).toFixed(1);
const interval = ({ mean, ci95: [low, high] }: MeanInterval) => `${percent(mean)} (${percent(low)}–${percent(high)})`;
const apart = ({ mean, ci95: [low, high] }: MeanInterval) => `${percent(mean)} (${percent(low)} to ${percent(high)})`;

function table(figures: readonly Figures[]): string {
  const sources = Object.keys(figures[0]!.bySource);
  return markdownTable(
    [
      'rule',
      'accuracy',
      `${figures[0]!.rule} minus it`,
      'taken for the same: of equivalent',
      'of different',
      ...sources.map((source) => `accuracy, ${source} (${figures[0]!.bySource[source]!.n})`),
    ],
    figures.map(({ rule, accuracy, behind, ofEquivalent, ofDifferent, bySource }) => [
      rule,
      interval(accuracy),
      behind === null ? '' : apart(behind),
      interval(ofEquivalent),
      interval(ofDifferent),
      ...sources.map((source) => interval(bySource[source]!)),
    ]),
  );
}

const { all, drawn } = results;
const blocks = [
  `${all.rows} rows of \`${results.about.data}\`, ${all.equivalent} of them equivalent (${percent(all.equivalent / all.rows)}%), ${all.pairs} pairs of answer and reference. In %, with a bootstrap interval of 95% over the rows.`,
  table(all.rules),
  ...(drawn === null
    ? []
    : [
        `${drawn.rows} of these rows (seed ${SEED}), ${drawn.equivalent} of them equivalent, asked of a language model too (${models[1]}):`,
        table(drawn.rules),
      ]),
];

const place = (path: string) => new URL(path, import.meta.url);
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Number(value.toFixed(4)) : value);
await writeFile(place('results/equivalence.json'), `${JSON.stringify(results, rounded, 2)}\n`);
const [start, end] = ['<!-- equivalence: written by bench/equivalence.ts -->', '<!-- /equivalence -->'];
const readme = await readFile(place('README.md'), 'utf8');
const [head, rest] = readme.split(start);
if (rest === undefined || !rest.includes(end)) throw new Error(`bench/README.md has no ${start} … ${end}`);
await writeFile(place('README.md'), `${head}${start}\n\n${blocks.join('\n\n')}\n\n${end}${rest.split(end)[1]}`);
execFileSync('npx', ['biome', 'format', '--write', fileURLToPath(place('results/equivalence.json'))]);
process.stdout.write(`${blocks.join('\n\n')}\n`);
