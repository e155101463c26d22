// Guards a chain that exists, without changing it: what it wrote is held against what its own retriever found, sentence by
// sentence. What is not supported is not shown.
//
// Run it: npm run build && npx tsx examples/10-guard.ts   (needs @langchain/community)
import { BM25Retriever } from '@langchain/community/retrievers/bm25';
import { Document } from '@langchain/core/documents';
import { RunnableLambda, RunnablePassthrough, RunnableSequence } from '@langchain/core/runnables';
import { createRag } from 'discern-rag';
import { checkedChain } from 'discern-rag/langchain';

const documents = [
  'The Petrel, built in 2016, is a battery-electric ferry for 180 passengers and 22 cars.',
  'The Auk, built in 1974, is a diesel ferry for 120 passengers and 14 cars.',
].map((pageContent, i) => new Document({ pageContent, metadata: { source: `ship-${i + 1}`, startIndex: 0 } }));

/** In place of a chat model: right, word for word, and wrong. */
const ANSWERS: Record<string, string> = {
  'What is the Petrel?': 'The Petrel is a ferry for 180 passengers.',
  'When was the Auk built?': 'The Auk, built in 1974, is a diesel ferry for 120 passengers and 14 cars.',
  'Who built the Petrel?': 'The Petrel was built by the Lowholm yard in Norway.',
};
const model = RunnableLambda.from(async ({ question }: { question: string }) => ANSWERS[question]!);
const retriever = BM25Retriever.fromDocuments(documents, { k: 2 });
const chain = RunnableSequence.from([{ context: retriever, question: new RunnablePassthrough<string>() }, model]);

const rag = await createRag();
const guarded = checkedChain<string, string>(chain, { rag });
for (const question of Object.keys(ANSWERS)) {
  const { output, checked } = await guarded.invoke(question);
  const [segment] = checked.segments;
  console.log(
    checked.accepted ? `${output} (${checked.citations[0]!.docId})` : `The documents do not say: ${question}`,
  );
  console.log(`  support ${segment!.support!.toFixed(2)}: ${checked.decisions[0]!.reason}`);
}
await rag.close();
