/**
 * First half of the utility bench: draws sampled answers for labelled contexts and writes them, one JSON line a question.
 *   npx tsx bench/utility-collect.ts --data xquad_en.jsonl.gz --out samples.jsonl [--splits dev,test] [--questions 200]
 *     [--contexts gold,similar,random] [--model smollm2-135m-instruct] [--temperature 0.5] [--samples 20] [--part 1/2]
 * Contexts of a question: `gold` (the passage that it was written for), `similar` (the best other passage by BM25 that
 * holds none of its answers), `random` (any other that holds none), `five` (the five best by the embedder, gold among
 * them), `lacking` (the five best without any that holds an answer); of conflictqa `right` and `wrong`, the two memories. The file holds texts of the data: keep it out of the
 * repository. A run that was stopped goes on behind the last whole line.
 */
import { appendFile, readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createAssembly } from '../src/assembly.ts';
import { ggufGenerator } from '../src/backends/generator/gguf.ts';
import { parseConfig } from '../src/config.ts';
import type { SampledAnswer } from '../src/contracts.ts';
import { containsGold } from '../src/evaluate/metrics/answers.ts';
import { bm25Search } from '../src/evaluate/retrieval-bm25.ts';
import { createModelStore } from '../src/models/store.ts';
import type { Passage } from '../src/types.ts';
import { random, shuffle } from './lib-fit.ts';
import { type QaRow, readRows } from './lib-qa.ts';
import { type Collected, passageFor } from './lib-utility.ts';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    splits: { type: 'string', default: 'dev,test' },
    questions: { type: 'string', default: '200' },
    contexts: { type: 'string', default: 'gold,similar,random' },
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    temperature: { type: 'string', default: '0.5' },
    samples: { type: 'string', default: '20' },
    tokens: { type: 'string', default: '24' },
    part: { type: 'string', default: '1/1' },
    seed: { type: 'string', default: '1' },
  },
});
const { data, out } = flags;
if (!data || !out) throw new Error('say where the data are and where the samples go: --data FILE --out FILE');
const [part, parts] = flags.part.split('/').map(Number) as [number, number];
const seed = Number(flags.seed);
const rows = await readRows(data);
const chosen = flags.splits
  .split(',')
  .flatMap((split) =>
    shuffle(
      rows.filter((row) => row.split === split),
      random(seed),
    ).slice(0, Number(flags.questions)),
  )
  .filter((_, i) => i % parts === part - 1);

const corpus = [...new Map(rows.map((row) => [row.passage, passageFor(row)])).values()];
const byId = new Map(corpus.map((passage) => [passage.id, passage]));
const search = bm25Search(corpus);
const wanted = flags.contexts.split(',');
const assembly = createAssembly(parseConfig({}), {});
const embedder = await assembly.embedder();
const vectors = wanted.some((name) => name === 'five' || name === 'lacking')
  ? await embedder.embed(
      corpus.map(({ text }) => text),
      'passage',
    )
  : [];

async function nearest(question: string): Promise<Passage[]> {
  const [query] = await embedder.embed([question], 'query');
  const score = (vector: Float32Array) => vector.reduce((sum, value, i) => sum + value * query![i]!, 0);
  return corpus
    .map((passage, i) => ({ passage, score: score(vectors[i]!) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, 50)
    .map(({ passage }) => passage);
}

/** Which of two written memories of a yes-no question is right: the answer "no" goes with the one that says "not". */
function memories(row: QaRow): { right: string; wrong: string } {
  const given = row as QaRow &
    Record<'memory_answer' | 'counter_answer' | 'parametric_memory' | 'counter_memory', string>;
  const denies = (text: string) => /\b(?:not|no|never|cannot)\b|n't\b/.test(text.toLowerCase());
  const memoryDenies = denies(given.memory_answer) && !denies(given.counter_answer);
  const memoryIsRight = memoryDenies === (row.answers[0] === 'no');
  const [first, second] = [given.parametric_memory, given.counter_memory];
  return memoryIsRight ? { right: first, wrong: second } : { right: second, wrong: first };
}

async function contextsOf(row: QaRow): Promise<Record<string, readonly Passage[]>> {
  const gold = passageFor(row);
  const wrong = ({ text, id }: Passage) => id !== gold.id && !containsGold(text, row.answers);
  const makers: Record<string, () => readonly Passage[] | Promise<readonly Passage[]>> = {
    gold: () => [gold],
    similar: () => [
      search(row.question, 200)
        .map((id) => byId.get(id)!)
        .find(wrong)!,
    ],
    random: () => [shuffle(corpus, random(Number.parseInt(gold.id.slice(0, 6), 16) + seed)).find(wrong)!],
    five: async () => {
      const best = (await nearest(row.question)).slice(0, 5);
      return best.some(({ id }) => id === gold.id) ? best : [...best.slice(0, 4), gold];
    },
    right: () => [passageFor({ ...row, passage: memories(row).right })],
    wrong: () => [passageFor({ ...row, passage: memories(row).wrong })],
    lacking: async () => (await nearest(row.question)).filter(wrong).slice(0, 5),
  };
  const made: Record<string, readonly Passage[]> = {};
  for (const name of wanted) made[name] = await makers[name]!();
  return made;
}

const store = createModelStore({ ...parseConfig({}).models });
const generator = ggufGenerator({ model: await store.resolve(flags.model), threads: 1 });
const done = new Set(
  (await readFile(out, 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as Collected).question),
);
for (const [i, row] of chosen.entries()) {
  if (done.has(row.question)) continue;
  const contexts = await contextsOf(row);
  const names = Object.keys(contexts);
  const started = performance.now();
  const requests = [[], ...names.map((name) => contexts[name]!)].map((passages) => ({
    question: row.question,
    passages,
  }));
  const options = { first: 0, maxTokens: Number(flags.tokens), seed, contextTokens: 1024 };
  const count = Number(flags.samples);
  const drawn = await generator.sample!(requests, { ...options, count, temperature: Number(flags.temperature) });
  const greedy = await generator.sample!(requests, { ...options, count: 1, temperature: 0 });
  const samples: Record<string, readonly SampledAnswer[]> = {};
  const likeliest: Record<string, SampledAnswer> = {};
  for (const [n, name] of ['none', ...names].entries()) {
    samples[name] = drawn[n]!;
    likeliest[name] = greedy[n]![0]!;
  }
  const collected: Collected = {
    ...{ question: row.question, answers: row.answers, split: row.split, contexts, samples, likeliest },
    ...{ model: flags.model, temperature: Number(flags.temperature), ms: Math.round(performance.now() - started) },
  };
  await appendFile(out, `${JSON.stringify(collected)}\n`);
  if ((i + 1) % 20 === 0) process.stderr.write(`${i + 1} of ${chosen.length}\n`);
}
await generator.close();
await assembly.close();
