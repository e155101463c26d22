// A chain written for LangChain, whose retriever weighs what it finds: two lines of it are new. Where the documents hold
// nothing on a question, the chain gets no context instead of five passages about something else.
//
// Run it: npm run build && npx tsx examples/04-langchain-retriever.ts   (needs @langchain/community)
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BM25Retriever } from '@langchain/community/retrievers/bm25';
import { Document } from '@langchain/core/documents';
import { RunnableLambda, RunnablePassthrough, RunnableSequence } from '@langchain/core/runnables';
import { RecursiveCharacterTextSplitter } from '@langchain/textsplitters';
import { DiscernRetriever } from 'discern-rag/langchain'; // new

const folder = fileURLToPath(new URL('corpus/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.md'));
const documents = files.map(
  (source) => new Document({ pageContent: readFileSync(folder + source, 'utf8'), metadata: { source } }),
);
const passages = await new RecursiveCharacterTextSplitter({ chunkSize: 600 }).splitDocuments(documents);

// Before: const retriever = BM25Retriever.fromDocuments(passages, { k: 5 });
const retriever = await DiscernRetriever.from(BM25Retriever.fromDocuments(passages, { k: 50 })); // new

const format = (found: Document[]) => found.map(({ pageContent }) => pageContent).join('\n\n');
/** In place of a prompt and a chat model, so that the example needs neither: the first words of the context. */
const model = RunnableLambda.from(async ({ context }: { context: string }) => context.slice(0, 80) || 'I do not know.');
const chain = RunnableSequence.from([
  { context: retriever.pipe(format), question: new RunnablePassthrough<string>() },
  model,
]);

for (const question of ['How many passengers can the Petrel take?', 'Who painted the Mona Lisa?']) {
  const found = await retriever.invoke(question);
  console.log(question);
  for (const { metadata } of found)
    console.log(`  P(relevant) ${metadata.relevanceScore.toFixed(2)} ${metadata.source}`);
  console.log(`  ${(await chain.invoke(question)).replaceAll('\n', ' ')}`);
}
await retriever.close();
