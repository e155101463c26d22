// Compares two configurations on the questions of the example corpus: means, and the paired difference with its interval.
// What one has asked a model is not asked again for the other. `discern eval run` does it from a file, with a report.
//
// Run it: npm run build && npx tsx examples/05-evaluate.ts
import { fileURLToPath } from 'node:url';
import { type ConfigInput, createRag, createSharedFacts } from 'discern-rag';
import { answerMetric, meanInterval, openDataset, pairedDifference } from 'discern-rag/evaluate';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const { questions } = await openDataset({ type: 'questions', path: here('questions.jsonl') });
const rag = await createRag({ documents: here('corpus') });

const SYSTEMS: Record<string, ConfigInput> = { reranked: {}, 'as recalled': { rerank: { backend: 'none' } } };
const metrics = ['recall.recall@10', 'rerank.mrr', 'f1', 'decline.right', 'calls'].map(answerMetric);
const values = new Map<string, (number | null)[]>();
for (const gold of questions) {
  const shared = createSharedFacts();
  for (const [system, config] of Object.entries(SYSTEMS)) {
    const answer = await rag.ask(gold.question, { config, shared });
    for (const { name, of } of metrics) {
      const key = `${system} ${name}`;
      values.set(key, [...(values.get(key) ?? []), of(answer, gold)]);
    }
  }
}
await rag.close();

for (const { name } of metrics) {
  const [a, b] = Object.keys(SYSTEMS).map((system) => values.get(`${system} ${name}`)!);
  const means = [a!, b!].map((list) =>
    meanInterval(
      list.filter((value) => value !== null),
      0,
    ).mean.toFixed(3),
  );
  const { mean, ci95, n } = pairedDifference(a!, b!, 0)!;
  const [low, high] = ci95.map((end) => end.toFixed(3));
  console.log(`${name}: ${means.join(' and ')}, difference ${mean.toFixed(3)} (${low} to ${high}, n ${n})`);
}
