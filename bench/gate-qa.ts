/**
 * The gate end to end, on three kinds of test questions: `answerable` (their passage is in the corpus), `lacking` (it was
 * taken out), `known` (the language model answers them alone; their passage is taken out too).
 *   npm run build && npx tsx bench/gate-qa.ts --samples xquad.jsonl,nq.jsonl [--questions 40] [--seed 1]
 * The files come from utility-collect.ts. Each question is answered with quotes, with the language model and its passages,
 * and by the language model alone; the gate is asked once, and what each policy would have answered is put together from
 * these. A right answer to a question whose passage is missing counts as right; refusing it counts as refused.
 * Writes bench/results/gate-qa.json and its table in bench/README.md.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { containsGold, tokenF1 } from '../src/evaluate/metrics/answers.ts';
import { meanInterval } from '../src/evaluate/metrics/mean.ts';
import type { Answer, ConfigInput } from '../src/index.ts';
import { random, shuffle } from './lib-fit.ts';
import { loadPackage, writeCorpus } from './lib-qa.ts';
import { machine, markdownTable } from './lib-stats.ts';
import type { Collected } from './lib-utility.ts';

const { values: flags } = parseArgs({
  options: {
    samples: { type: 'string' },
    questions: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
  },
});
if (!flags.samples) throw new Error('say where the collected samples are: --samples FILE,FILE');
const { createRag, plainText } = await loadPackage();
const rows = (await Promise.all(flags.samples.split(',').map((file) => readFile(file, 'utf8'))))
  .flatMap((text) => text.split('\n'))
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Collected);
const test = shuffle(
  rows.filter(({ split }) => split === 'test'),
  random(Number(flags.seed)),
);
const count = Number(flags.questions);
const textOf = (row: Collected) => row.contexts.gold![0]!.text;
const knows = (row: Collected) => tokenF1(row.likeliest.none!.text, row.answers) >= 0.5;

// Whole passages go one way or the other, so that taking one out hurts no answerable question.
const passages = [...new Set(test.map(textOf))];
const taken = new Set(passages.filter((_, i) => i % 2 === 0));
const known = test.filter(knows).slice(0, count);
for (const row of known) taken.add(textOf(row));
const rest = test.filter((row) => !knows(row));
const kinds: Record<string, readonly Collected[]> = {
  answerable: rest.filter((row) => !taken.has(textOf(row))).slice(0, count),
  lacking: rest.filter((row) => taken.has(textOf(row))).slice(0, count),
  known,
};
const scratch = await mkdtemp(join(tmpdir(), 'discern-gate-'));
const corpus = [...new Map(rows.flatMap((row) => Object.values(row.contexts).flat()).map((one) => [one.text, one]))]
  .map(([, passage]) => passage)
  .filter(({ text }) => !taken.has(text));
const { file } = await writeCorpus(
  corpus.map(({ text, title }) => ({ passage: text, title, question: '', answers: [], split: null })),
  scratch,
);
const rag = await createRag({ documents: file });

interface Outcome {
  readonly answered: boolean;
  readonly gold: number;
  readonly f1: number;
}
const NOTHING: Outcome = { answered: false, gold: 0, f1: 0 };
const outcomeOf = (answer: Answer, { answers }: Collected): Outcome => {
  const text = plainText(answer);
  return answer.unanswered !== null
    ? NOTHING
    : { answered: true, gold: containsGold(text, answers), f1: tokenF1(text, answers) };
};

const SHORT: ConfigInput = { beam: { maxSegments: 1 } };
interface Asked {
  readonly kind: string;
  readonly action: string;
  readonly value: number | null;
  readonly quote: Outcome;
  readonly written: Outcome;
  readonly alone: Outcome;
}
const asked: Asked[] = [];
for (const [kind, list] of Object.entries(kinds))
  for (const row of list) {
    const ask = (config: ConfigInput) => rag.ask(row.question, { config });
    const gated = await ask({ gate: { when: 'always', threshold: -1 } });
    const decision = gated.trace.events.find((event) => event.type === 'gate-decided');
    const written = await ask({ ...SHORT, generate: { withContext: 'gguf' } });
    const alone = await ask({ ...SHORT, retrieve: { mode: 'never' } });
    const entropy = decision?.entropy.without ?? 0;
    const value = decision?.value ?? null;
    const action = value === null || value > 0.5 ? 'keep' : entropy > Math.log(3) ? 'refuse' : 'drop';
    const answers = { quote: outcomeOf(gated, row), written: outcomeOf(written, row), alone: outcomeOf(alone, row) };
    asked.push({ kind, action, value, ...answers });
    if (asked.length % 10 === 0) process.stderr.write(`${asked.length} asked\n`);
  }
await rag.close();
await rm(scratch, { recursive: true });

type Policy = (one: Asked) => Outcome;
const policies: Record<string, Policy> = {
  'quotes, gate off': ({ quote }) => quote,
  'quotes, gate on': ({ quote, action }) => (action === 'keep' ? quote : NOTHING),
  'quotes, gate on, closed book': ({ quote, alone, action }) =>
    action === 'keep' ? quote : action === 'drop' ? alone : NOTHING,
  'model with passages, gate off': ({ written }) => written,
  'model with passages, gate on': ({ written, alone, action }) =>
    action === 'keep' ? written : action === 'drop' ? alone : NOTHING,
  'model with passages, gate on, never refuses': ({ written, alone, action }) => (action === 'keep' ? written : alone),
  'model alone': ({ alone }) => alone,
};
const groups = [...Object.keys(kinds), 'all'];
const figures = Object.entries(policies).map(([name, policy]) => ({
  name,
  ...Object.fromEntries(
    groups.map((group) => {
      const some = asked.filter(({ kind }) => group === 'all' || kind === group).map(policy);
      const mean = (of: (one: Outcome) => number) => meanInterval(some.map(of), 1);
      return [
        group,
        { gold: mean(({ gold }) => gold), f1: mean(({ f1 }) => f1), refused: mean((one) => Number(!one.answered)) },
      ];
    }),
  ),
}));
const decisions = Object.fromEntries(
  groups.map((group) => {
    const some = asked.filter(({ kind }) => group === 'all' || kind === group);
    const share = (action: string) => some.filter((one) => one.action === action).length;
    return [group, { n: some.length, keep: share('keep'), drop: share('drop'), refuse: share('refuse') }];
  }),
);
await writeFile(
  new URL('results/gate-qa.json', import.meta.url),
  `${JSON.stringify({ ...machine(), decisions, figures, values: asked.map(({ kind, action, value }) => ({ kind, action, value })) }, null, 1)}\n`,
);
type Means = Record<
  string,
  { gold: { mean: number; ci95: readonly [number, number] }; f1: { mean: number }; refused: { mean: number } }
>;
const percent = (value: number) => (100 * value).toFixed(0);
const table = [
  `Decisions (keep / drop / refuse): ${groups.map((group) => `${group} ${decisions[group]!.keep} / ${decisions[group]!.drop} / ${decisions[group]!.refuse}`).join('; ')}. In each cell: gold answer contained %, F1, declined %.`,
  '',
  markdownTable(
    ['policy', ...groups.map((group) => `${group} (${decisions[group]!.n})`)],
    figures.map((row) => [
      row.name,
      ...groups.map((group) => {
        const { gold, f1, refused } = (row as unknown as Means)[group]!;
        return `${percent(gold.mean)} (${percent(gold.ci95[0])} to ${percent(gold.ci95[1])}), ${(100 * f1.mean).toFixed(1)}, ${percent(refused.mean)}`;
      }),
    ]),
  ),
].join('\n');
const [start, end] = ['<!-- gate-qa: written by bench/gate-qa.ts -->', '<!-- /gate-qa -->'];
const readme = new URL('README.md', import.meta.url);
const old = await readFile(readme, 'utf8');
await writeFile(
  readme,
  `${old.slice(0, old.indexOf(start) + start.length)}\n\n${table}\n\n${old.slice(old.indexOf(end))}`,
);
process.stdout.write(`${table}\n`);
