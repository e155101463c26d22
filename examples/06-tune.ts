// Tunes options of quoting and weights on the example corpus. The questions are answered once; every setting that the search
// tries is replayed from what was recorded, without models. `discern tune` does the same from files.
//
// Run it: npm run build && npx tsx examples/06-tune.ts
import { fileURLToPath } from 'node:url';
import { createRag } from 'discern-rag';
import { answerMetric, askWide, openDataset, parseAxes, replaySurface, tuneSurface } from 'discern-rag/evaluate';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const { questions } = await openDataset({ type: 'questions', path: here('questions.jsonl') });
// Short answers from few candidates keep the example short; whether to retrieve is not tuned here, so nobody is asked.
const config = { recall: { topK: 15 }, beam: { maxSegments: 3 }, critics: { retrieve: null } };
const rag = await createRag({ documents: here('corpus'), config });

const recorded = [];
for (const gold of questions) {
  const ask: Parameters<typeof askWide>[0] = (config, shared) =>
    rag.ask(gold.question, { id: gold.id, config, shared });
  const { trace } = await askWide(ask, { settings: 8, seed: 0 });
  recorded.push({ trace, gold });
}
await rag.close();

const surface = replaySurface(recorded, ['f1']);
const axes = parseAxes('weights.isSup=0..3,weights.isUse=0..3,generate.quotesBest=1|2|3,generate.quoteGain=0.3..1');
const metric = answerMetric('f1');
const result = await tuneSurface(surface, { axes, metric, strategy: 'random', trials: 200, folds: 4, seed: 0 });

const { metric: heldOut } = result.heldOut;
console.log(`${result.tried} settings, ${result.replays.replayed} replays, no model calls`);
console.log('best on all questions:', result.chosen);
if (heldOut) {
  const { base, tuned, difference } = heldOut;
  console.log(`f1 held out: ${base.mean.toFixed(3)} as recorded, ${tuned.mean.toFixed(3)} tuned`);
  console.log(
    `difference: ${difference.mean.toFixed(3)}, 95% ${difference.ci95.map((end) => end.toFixed(3)).join(' to ')}`,
  );
}
console.log(`${result.verdict}: ${result.reason}`);
