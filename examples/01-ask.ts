// Asks two questions about the example documents, with the local models: one that they answer, one that they do not.
//
// Run it: npm run build && npx tsx examples/01-ask.ts
import { fileURLToPath } from 'node:url';
import { createRag } from 'discern-rag';

const rag = await createRag({ documents: fileURLToPath(new URL('corpus', import.meta.url)) });

for (const question of ['When is the bakery closed?', 'What is the chemical symbol for gold?']) {
  const answer = await rag.ask(question);
  console.log(question);
  console.log(answer.unanswered === null ? answer.text : `no answer: ${answer.unanswered.detail}`);
  for (const { number, docId, start, end } of answer.citations) console.log(`[${number}] ${docId}, ${start}-${end}`);
  console.log();
}
await rag.close();

// Prints:
//   When is the bakery closed?
//   The bakery is closed on Mondays, also when a Monday is a holiday. [1]
//   [1] corpus/bakery.md, 1128-1193
//
//   What is the chemical symbol for gold?
//   no answer: no passage was relevant enough
