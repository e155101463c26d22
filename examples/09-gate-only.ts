// The gate alone, on passages that you bring: does a context help this model with this question? Answers are drawn with and
// without it and sorted by meaning. Nothing is searched, and no answer is written.
//
// Run it: npm run build && npx tsx examples/09-gate-only.ts   (fetches SmolLM2, 98 MB, once; needs node-llama-cpp)
import { createRag, type GateDecision, type TraceEvent } from 'discern-rag';

const rag = await createRag({
  config: {
    gate: { when: 'always', measure: 'entropyReduction' },
    // What is dropped is not to be answered without it; the language model only draws the answers.
    generate: { withContext: 'gguf' },
    isRel: { threshold: 0 },
  },
});
const question = 'In which year did the ferry Petrel come to Tavelin?';
const contexts = {
  helps: 'The ferry Petrel came to Tavelin in 2016, from the yard in Sund.',
  beside: 'The bakery of Tavelin opens at half past six from Tuesday to Sunday.',
};
type Gated = TraceEvent & GateDecision;
const isGated = (event: TraceEvent): event is Gated => event.type === 'gate-decided';
for (const [name, text] of Object.entries(contexts)) {
  const { passages, trace } = await rag.retrieve(question, { passages: [text] });
  const { action, value, samples, meanings } = trace.events.find(isGated)!;
  console.log(`${name}: ${action}, entropy falls by ${value?.toFixed(2)} nats, ${passages.length} kept`);
  const most = (list: GateDecision['meanings']['with']) => `"${list[0]?.text}" (${list[0]?.probability.toFixed(2)})`;
  console.log(
    `  ${samples} answers each way, most say: with it ${most(meanings.with)}, without ${most(meanings.without)}`,
  );
}
await rag.close();
