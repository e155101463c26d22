// A graph of LangGraph with typed state: retrieve, write, check. Without context it ends at once. The node that writes is
// yours: here it takes a sentence, and once it makes one up.
//
// Run it: npm run build && npx tsx examples/07-langgraph.ts   (needs @langchain/langgraph)
import { fileURLToPath } from 'node:url';
import { END, START, StateGraph } from '@langchain/langgraph';
import { createRag } from 'discern-rag';
import { checkNode, DiscernState, retrieveNode } from 'discern-rag/langchain';

const documents = fileURLToPath(new URL('corpus', import.meta.url));
// Stricter than the default, which keeps 97% of what is relevant and much that is not.
const rag = await createRag({ documents, config: { isRel: { threshold: 0.5 } } });

const write = ({ question, documents }: DiscernState) => {
  const [sentence] = documents![0]!.pageContent.split(/(?<=\.)\s/);
  return { generation: question.endsWith('!?') ? 'The Petrel was sold to pirates in 1920.' : sentence! };
};

const graph = new StateGraph(DiscernState)
  .addNode('retrieve', retrieveNode(rag))
  .addNode('write', write)
  .addNode('check', checkNode(rag))
  .addEdge(START, 'retrieve')
  .addConditionalEdges('retrieve', ({ empty }) => (empty ? END : 'write'), [END, 'write'])
  .addEdge('write', 'check')
  .addEdge('check', END)
  .compile();

for (const question of [
  'How many cars can the Petrel take?',
  'Can the Petrel sink!?',
  'What is the boiling point of mercury?',
]) {
  const { empty, generation, checked } = await graph.invoke({ question });
  console.log(question);
  console.log(`  ${empty ? `no context: ${empty.detail}` : generation}`);
  if (checked) console.log(`  ${checked.accepted ? `supported by ${checked.citations[0]!.docId}` : 'not supported'}`);
}
await rag.close();
