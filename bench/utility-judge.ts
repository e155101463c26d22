/**
 * Second half of the utility bench's collection: what the models say of the samples that utility-collect.ts drew.
 *   npm run build && npx tsx bench/utility-judge.ts --in samples.jsonl --out judged.jsonl [--critic mini]
 * Of each question: which answers mean the same, which mean a reference, how far a passage supports them, and how relevant
 * it is. Numbers only: the file holds no text of the data.
 */
import { appendFile, readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { tokenF1 } from '../src/evaluate/metrics/answers.ts';
import { rouge } from '../src/evaluate/metrics/rouge.ts';
import { meanLogprob } from '../src/semantics.ts';
import { normalizeAnswer } from '../src/text/answer.ts';
import { keyOf } from '../src/text/hash.ts';
import type { Collected, Judged, JudgedContext } from './lib-utility.ts';

const built = <T>(path: string): Promise<T> => import(new URL(`../dist/${path}`, import.meta.url).href);
const { createAssembly } = await built<typeof import('../src/assembly.ts')>('assembly.js');
const { parseConfig } = await built<typeof import('../src/config.ts')>('config.js');
const { openClassifier } = await built<typeof import('../src/presets.ts')>('presets.js');
const { classifierEntailment } = await built<typeof import('../src/backends/entailment/classifier.ts')>(
  'backends/entailment/classifier.js',
);
const { classifierCritic } = await built<typeof import('../src/backends/critic/classifier.ts')>(
  'backends/critic/classifier.js',
);
const { classifierReranker } = await built<typeof import('../src/backends/reranker/classifier.ts')>(
  'backends/reranker/classifier.js',
);
const { shippedCritic } = await built<typeof import('../src/backends/classifier-definition.ts')>(
  'backends/classifier-definition.js',
);

const { values: flags } = parseArgs({
  options: { in: { type: 'string' }, out: { type: 'string' }, critic: { type: 'string', default: 'mini' } },
});
if (!flags.in || !flags.out) throw new Error('say where the samples are and where the judgements go: --in --out');
const folder = await shippedCritic(flags.critic);
const classifier = await openClassifier(folder ?? flags.critic);
const entailment = classifierEntailment(classifier);
const critic = classifierCritic(classifier);
const reranker = classifierReranker(classifier);
const embedder = await createAssembly(parseConfig({}), {}).embedder();

const linesOf = async (path: string) =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
const done = new Set((await linesOf(flags.out)).map((line) => (JSON.parse(line) as Judged).id));

async function judge(row: Collected): Promise<Judged> {
  const { question, answers: golds, contexts, samples, likeliest } = row;
  const names = Object.keys(samples);
  // A yes-no question is answered by the first word.
  const yesNo = golds.length === 1 && (golds[0] === 'yes' || golds[0] === 'no');
  const f1 = (text: string) =>
    yesNo ? Number(normalizeAnswer(text).split(' ')[0] === golds[0]) : tokenF1(text, golds);
  // Texts by their normal form; the first wording of each is what is asked about.
  const forms = new Map<string, number>();
  const texts: string[] = [];
  const idOf = (text: string): number => {
    const form = normalizeAnswer(text);
    if (!forms.has(form)) {
      forms.set(form, texts.length);
      texts.push(text);
    }
    return forms.get(form)!;
  };
  const ids = Object.fromEntries(names.map((name) => [name, samples[name]!.map(({ text }) => idOf(text))]));
  const empty = texts.map((text) => normalizeAnswer(text) === '');
  const pairs: [number, number][] = [];
  const near = new Set<string>();
  for (const name of names.slice(1))
    for (const [a, b] of pairsOf([...new Set([...ids[name]!, ...ids.none!])]))
      if (!empty[a] && !empty[b] && !near.has(`${a} ${b}`)) {
        near.add(`${a} ${b}`);
        pairs.push([a, b]);
      }
  const chances = await entailment.equivalent(
    pairs.map(([a, b]) => ({ question, first: texts[a]!, second: texts[b]! })),
  );
  const nli = await entailment.entail(
    texts.flatMap((text) =>
      golds.flatMap((gold) => [
        { question, first: text, second: gold },
        { question, first: gold, second: text },
      ]),
    ),
  );
  const alike = await entailment.equivalent(
    texts.flatMap((text) => golds.map((gold) => ({ question, first: text, second: gold }))),
  );
  const perText = texts.map((text, i) => {
    const mine = nli.slice(i * golds.length * 2, (i + 1) * golds.length * 2);
    const both = golds.map((_, g) => [mine[2 * g]!, mine[2 * g + 1]!] as const);
    return {
      soft: both.map(([to, from]) => Math.max(to.entailment, from.entailment)),
      nli: both.map(([to, from]) => [to, from].map((p) => [p.contradiction, p.neutral, p.entailment])),
      alike: alike.slice(i * golds.length, (i + 1) * golds.length),
      f1: f1(text),
      rougeL: rouge(text, golds)?.f ?? 0,
    };
  });
  const [query] = await embedder.embed([question], 'query');
  const judged: Record<string, JudgedContext> = {};
  for (const name of names) {
    const passages = contexts[name] ?? [];
    const candidates = passages.map((passage, i) => ({
      ...{ passage, recallRank: i + 1, recallScore: 0, rerankScore: null },
    }));
    const relevance = await critic.critique(passages.map((passage) => ({ kind: 'isRel' as const, question, passage })));
    const distinct = [...new Set(ids[name]!)].filter((id) => !empty[id]);
    const support = await critic.critique(
      distinct.flatMap((id) =>
        passages.map((passage) => ({ kind: 'isSup' as const, question, passage, segment: texts[id]! })),
      ),
    );
    const vectors = await embedder.embed(
      passages.map(({ text }) => text),
      'passage',
    );
    judged[name] = {
      ids: ids[name]!,
      logLikelihoods: samples[name]!.map(({ text, logprobs }) =>
        normalizeAnswer(text) === '' ? null : meanLogprob(logprobs!),
      ),
      support: Object.fromEntries(
        distinct.map((id, i) => [
          id,
          Math.max(0, ...support.slice(i * passages.length, (i + 1) * passages.length).map(({ probs }) => probs.fully)),
        ]),
      ),
      isRel: relevance.map(({ probs }) => probs.relevant),
      rerank: await reranker.score(question, candidates),
      recall: vectors.map((vector) => vector.reduce((sum, value, i) => sum + value * query![i]!, 0)),
      f1: f1(likeliest[name]!.text),
      rougeL: rouge(likeliest[name]!.text, golds)?.f ?? 0,
    };
  }
  return {
    ...{ id: keyOf(question), passage: contexts.gold?.[0]?.id ?? keyOf(question), split: row.split },
    ...{ model: row.model, temperature: row.temperature, golds: golds.length, texts: perText },
    same: pairs.flatMap(([a, b], i) => (chances[i]! > 0.5 ? [[a, b] as const] : [])),
    contexts: judged,
  };
}

function* pairsOf(items: readonly number[]): Generator<[number, number]> {
  const sorted = [...items].sort((a, b) => a - b);
  for (const [i, a] of sorted.entries()) for (const b of sorted.slice(i + 1)) yield [a, b];
}

for (const line of await linesOf(flags.in)) {
  const row = JSON.parse(line) as Collected;
  if (!done.has(keyOf(row.question))) await appendFile(flags.out, `${JSON.stringify(await judge(row))}\n`);
}
await classifier.close();
await embedder.close();
