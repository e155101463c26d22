// Writes with a model on any OpenAI-compatible server (llama.cpp, vLLM, Ollama, a cloud); the rest stays on this machine.
// Segments come as soon as each is sure. With `critics: { isSup: 'logprobs' }` the server judges as well.
//
// Run it: npm run build && npx tsx examples/08-openai-server.ts http://localhost:8080/v1 my-model
import { fileURLToPath } from 'node:url';
import { createRag } from 'discern-rag';

const [baseUrl, serverModel] = process.argv.slice(2);
if (!baseUrl || !serverModel) throw new Error('usage: 08-openai-server.ts BASE_URL MODEL');

const rag = await createRag({
  documents: fileURLToPath(new URL('corpus', import.meta.url)),
  // Of the environment nothing is read by itself. The key is in no trace and no error.
  keys: { openai: process.env.OPENAI_API_KEY },
  config: { generate: { withContext: 'openai', baseUrl, serverModel, maxTokens: 48 }, beam: { maxSegments: 3 } },
  onNotice: (text) => console.log(`notice: ${text}`),
});
try {
  for await (const event of rag.stream('How many passengers can the Petrel take?')) {
    if (event.type === 'segment-committed') console.log(`${event.text} [${event.citation}]`);
    if (event.type !== 'answer') continue;
    const { cost, citations, unanswered } = event.answer;
    for (const { number, docId, isSup } of citations) console.log(`[${number}] ${docId}, support: ${isSup}`);
    console.log(unanswered?.detail ?? `${cost.calls} calls, ${cost.tokens} tokens written`);
  }
} finally {
  await rag.close();
}
