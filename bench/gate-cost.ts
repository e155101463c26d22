/**
 * What the gate costs beside the answer, on the example corpus: model time of the language model's answer, and of the
 * gate with all samples, with early stopping, and without shared prompts.
 *   npm run build && npx tsx bench/gate-cost.ts [--questions 12]
 * Each question is asked in turns of the four ways. Writes bench/results/gate-cost.json and its table in bench/README.md.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { meanInterval } from '../src/evaluate/metrics/mean.ts';
import type { Answer, ConfigInput, Generator } from '../src/index.ts';
import { loadPackage } from './lib-qa.ts';
import { machine, markdownTable } from './lib-stats.ts';

const { values: flags } = parseArgs({ options: { questions: { type: 'string', default: '12' } } });
const { createRag, parseConfig } = await loadPackage();
const built = <T>(path: string): Promise<T> => import(new URL(`../dist/${path}`, import.meta.url).href);
const { ggufGenerator } = await built<typeof import('../src/backends/generator/gguf.ts')>('backends/generator/gguf.js');
const { createModelStore } = await built<typeof import('../src/models/store.ts')>('models/store.js');

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const lines = (await readFile(here('../examples/questions.jsonl'), 'utf8')).split('\n').filter((line) => line !== '');
const questions = lines
  .map((line) => JSON.parse(line) as { question: string; kind: string })
  .filter(({ kind }) => kind !== 'closed')
  .slice(0, Number(flags.questions));

const model = await createModelStore({ ...parseConfig({}).models }).resolve('smollm2-135m-instruct');

/** One sequence and one sample a call, conditions in turn: each call pushes out what the last one had evaluated. */
function unshared(): Generator {
  const inner = ggufGenerator({ model, sequences: 1 });
  return {
    ...inner,
    async sample(requests, options) {
      const lists = requests.map((): Awaited<ReturnType<NonNullable<Generator['sample']>>>[number] => []);
      for (let n = 0; n < options.count; n++)
        for (const [i, request] of requests.entries()) {
          const [drawn] = await inner.sample!([request], { ...options, first: options.first + n, count: 1 });
          lists[i]!.push(drawn![0]!);
        }
      return lists;
    },
  };
}

const apart = unshared();
/** One instance for each way: what one has been told, another has not in memory. */
const openWay = async (gate: ConfigInput['gate'], parts: { withContext?: Generator } = {}) => {
  const config: ConfigInput = { generate: { withContext: 'gguf' }, gate: { when: 'always', ...gate } };
  const rag = await createRag({ documents: here('../examples/corpus'), config, parts });
  await rag.ask('Who keeps the light?');
  return rag;
};
const ways = new Map([
  ['all samples', await openWay({ risk: 0 })],
  ['early stopping', await openWay({ risk: 0.02 })],
  ['prompts not shared', await openWay({ risk: 0 }, { withContext: apart })],
]);

/** Milliseconds of model time: of the gate's own facts, and of what writes and judges the answer. */
function costOf({ trace }: Answer) {
  const timeOf = (facts: Answer['trace']['facts']) => facts.reduce((sum, { ms }) => sum + ms, 0);
  const of = (role: string) => timeOf(trace.facts.filter((fact) => fact.role === role));
  // What IsSUP is asked before anything is written is the gate's.
  const written = trace.facts.findIndex(({ role }) => role === 'extend');
  const before = trace.facts.slice(0, written === -1 ? undefined : written);
  const isSupport = ({ role, value }: Answer['trace']['facts'][number]) =>
    role === 'critique' && (value as { kind?: string }).kind === 'isSup';
  const decided = trace.events.find((event) => event.type === 'gate-decided');
  return {
    sampling: of('sample'),
    comparing: of('entail'),
    supporting: timeOf(before.filter(isSupport)),
    answer: of('extend'),
    samples: decided?.samples ?? 0,
  };
}

const costs = new Map([...ways.keys()].map((name) => [name, [] as ReturnType<typeof costOf>[]]));
for (const [i, { question }] of questions.entries()) {
  const order = [...ways];
  // In turns, so that a busy minute does not fall on one way alone.
  for (const [name, rag] of [...order.slice(i % order.length), ...order.slice(0, i % order.length)])
    costs.get(name)!.push(costOf(await rag.ask(question)));
  process.stderr.write(`${i + 1} of ${questions.length}\n`);
}
for (const rag of ways.values()) await rag.close();
await apart.close();

const figures = Object.fromEntries(
  [...costs].map(([name, list]) => {
    const interval = (of: (cost: ReturnType<typeof costOf>) => number) => meanInterval(list.map(of), 1);
    return [
      name,
      {
        sampling: interval(({ sampling }) => sampling),
        comparing: interval(({ comparing }) => comparing),
        answer: interval(({ answer }) => answer),
        samples: interval(({ samples }) => samples),
        supporting: interval(({ supporting }) => supporting),
        share: interval(
          ({ sampling, comparing, supporting, answer }) => (sampling + comparing + supporting) / Math.max(1, answer),
        ),
      },
    ];
  }),
);
const on = machine();
await writeFile(
  new URL('results/gate-cost.json', import.meta.url),
  `${JSON.stringify({ ...on, questions: questions.length, figures }, null, 1)}\n`,
);
const show = ({ mean, ci95 }: { mean: number; ci95: readonly [number, number] }, digits: number) =>
  `${mean.toFixed(digits)} (${ci95[0].toFixed(digits)} to ${ci95[1].toFixed(digits)})`;
const text = [
  `${questions.length} questions of the example corpus, answered by smollm2-135m-instruct; ms a question, mean and 95% interval; ${on.cpu}, ${on.cores} cores, load ${on.load1}, Node ${on.node}.`,
  '',
  markdownTable(
    ['way', 'samples of each', 'sampling ms', 'comparing ms', 'support ms', 'answer ms', 'gate / answer'],
    Object.entries(figures).map(([name, { samples, sampling, comparing, supporting, answer, share }]) => [
      ...[
        name,
        show(samples, 1),
        show(sampling, 0),
        show(comparing, 0),
        show(supporting, 0),
        show(answer, 0),
        show(share, 2),
      ],
    ]),
  ),
].join('\n');
const [start, end] = ['<!-- gate-cost: written by bench/gate-cost.ts -->', '<!-- /gate-cost -->'];
const readme = new URL('README.md', import.meta.url);
const old = await readFile(readme, 'utf8');
await writeFile(
  readme,
  `${old.slice(0, old.indexOf(start) + start.length)}\n\n${text}\n\n${old.slice(old.indexOf(end))}`,
);
process.stdout.write(`${text}\n`);
