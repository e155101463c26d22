// Asks two questions about the example documents, with the local models. Prints:
//
//   How heavy may a lorry be if it wants to drive over the swing bridge?
//   …
//
// Run it: npm run build && npx tsx examples/01-ask.ts
import { fileURLToPath } from 'node:url';
import { createRag } from 'discern-rag';

const rag = await createRag({ documents: fileURLToPath(new URL('corpus', import.meta.url)) });

for (const question of ['Who looks after the swing bridge today?', 'Which hotel in Tavelin lets guests bring a dog?']) {
  const answer = await rag.ask(question);
  console.log(question);
  console.log(answer.unanswered === null ? answer.text : `no answer: ${answer.unanswered.detail}`);
  for (const { number, docId, start, end } of answer.citations) console.log(`[${number}] ${docId}, ${start}-${end}`);
  console.log();
}
await rag.close();
