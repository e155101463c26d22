/**
 * Framework overhead: what a question costs when its models cost nothing. In one run, over the same 50 passages:
 * plain async calls, a LangChain RunnableSequence, a LangGraph.js graph, and answerQuestion with scripted backends.
 *
 *   npx tsx bench/overhead.ts
 */
import { writeFileSync } from 'node:fs';
import { RunnableLambda, RunnableSequence } from '@langchain/core/runnables';
import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import { clock, machine, markdownTable, type Timing, timing } from './lib-stats.ts';

const STEPS = 8;
const LOOPS = 6;

interface State {
  readonly docs: readonly { readonly id: string; readonly text: string }[];
  readonly trail: readonly string[];
}

const docs = Array.from({ length: 50 }, (_, i) => ({ id: `d${i}`, text: `${i} `.padEnd(600, 'lorem ipsum ') }));
const start: State = { docs, trail: [] };
const names = Array.from({ length: STEPS }, (_, i) => `step${i}`);

/** The same trivial work for each peer: the state goes in, the trail comes back one entry longer. */
const work = async (state: State, name: string): Promise<Pick<State, 'trail'>> => ({ trail: [...state.trail, name] });

function plain(loops: number): () => Promise<State> {
  return async () => {
    let state = start;
    for (let loop = 0; loop < loops; loop++)
      for (const name of names) state = { ...state, ...(await work(state, name)) };
    return state;
  };
}

function runnableSequence(loops: number): () => Promise<State> {
  const steps = Array.from({ length: loops }, () => names).flat();
  const [first, ...rest] = steps.map((name) =>
    RunnableLambda.from<State, State>(async (state) => ({ ...state, ...(await work(state, name)) })),
  );
  const last = rest.pop()!;
  const chain = RunnableSequence.from<State, State>([first!, ...rest, last]);
  return () => chain.invoke(start);
}

const GraphState = Annotation.Root({ docs: Annotation<State['docs']>, trail: Annotation<State['trail']> });

/** A line of eight nodes; for several loops the last one leads back to the first by a conditional edge. */
function graph(loops: number): () => Promise<State> {
  const nodes = Object.fromEntries(names.map((name) => [name, (state: State) => work(state, name)]));
  const builder = new StateGraph(GraphState).addNode(nodes);
  const edges = [START, ...names] as string[];
  edges.slice(0, -1).forEach((from, i) => {
    builder.addEdge(from as typeof START, edges[i + 1] as typeof END);
  });
  const back = (state: State) => (state.trail.length < loops * STEPS ? names[0]! : END);
  if (loops === 1) builder.addEdge(names.at(-1) as typeof START, END);
  else
    builder.addConditionalEdges(names.at(-1) as typeof START, back as () => typeof END, [names[0] as typeof END, END]);
  const app = builder.compile();
  return () => app.invoke(start, { recursionLimit: loops * STEPS + 2 }) as Promise<State>;
}

interface Row extends Timing {
  readonly name: string;
}

/** Warms up, checks that the peer did all its steps, and measures. */
async function peerRow(name: string, run: () => Promise<State>, steps: number, runs: number): Promise<Row> {
  for (let i = 0; i < Math.max(20, runs / 10); i++) await run();
  const { trail } = await run();
  if (trail.length !== steps) throw new Error(`${name} made ${trail.length} steps, not ${steps}`);
  const ms: number[] = [];
  for (let i = 0; i < runs; i++) ms.push(await clock(run));
  return { name, ...timing(ms) };
}

const question = [
  await peerRow('plain async calls, 8 steps', plain(1), STEPS, 2000),
  await peerRow('LangChain RunnableSequence, 8 steps', runnableSequence(1), STEPS, 2000),
  await peerRow('LangGraph.js graph, 8 steps', graph(1), STEPS, 500),
];
const beam = [
  await peerRow('plain async calls, 48 steps', plain(LOOPS), STEPS * LOOPS, 2000),
  await peerRow('LangChain RunnableSequence, 48 steps', runnableSequence(LOOPS), STEPS * LOOPS, 1000),
  await peerRow('LangGraph.js graph, 48 steps', graph(LOOPS), STEPS * LOOPS, 150),
];

const about = machine();
const cells = ({ name, p50, p95, runs }: Row): string[] => [name, p50.toFixed(4), p95.toFixed(4), String(runs)];
const report = `# Framework overhead

Milliseconds. ${about.cpu}, ${about.cores} cores, Node ${about.node}, load ${about.load1}. Made by \`npx tsx bench/overhead.ts\`.

${markdownTable(['variant', 'p50 ms', 'p95 ms', 'runs'], [...question, ...beam].map(cells))}
`;
const results = new URL('./results/', import.meta.url);
writeFileSync(new URL('overhead.md', results), report);
writeFileSync(new URL('overhead.json', results), `${JSON.stringify({ about, question, beam }, null, 2)}\n`);
process.stdout.write(report);
