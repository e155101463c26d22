// Keeps an index of your own files up to date and asks it. The first run embeds them, later runs only what has changed.
//
// Run it: npm run build && npx tsx examples/02-own-documents.ts ./notes ./notes.index "What did we decide about the roof?"
import { createRag } from 'discern-rag';

const [documents, index, question] = process.argv.slice(2);
if (!documents || !index || !question) throw new Error('usage: 02-own-documents.ts DOCUMENTS INDEX QUESTION');

const rag = await createRag({ documents, index, config: { ingest: { size: 600 }, rerank: { topN: 3 } } });
try {
  const { added, changed, removed, unchanged, failed } = rag.ingested!;
  console.log(`${added} added, ${changed} changed, ${removed} removed, ${unchanged} unchanged`);
  for (const { key, message } of failed) console.log(`not read: ${key}: ${message}`);

  // Every decision is told while it is made; here, what became of each passage.
  const answer = await rag.ask(question, {
    onEvent(event) {
      if (event.type !== 'relevance-decided') return;
      for (const { passageId, value, kept } of event.passages)
        console.log(`P(relevant) ${value?.toFixed(2)}: ${kept ? 'kept' : 'dropped'} ${passageId}`);
    },
  });
  console.log(answer.unanswered?.detail ?? answer.text);
  for (const { number, docId, quote } of answer.citations)
    console.log(`[${number}] ${docId}: ${quote ?? 'no exact words'}`);
} finally {
  await rag.close();
}
