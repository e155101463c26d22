/**
 * Framework overhead: what a question costs when its models cost nothing. In one run, over the same 50 passages:
 * plain async calls, a LangChain RunnableSequence, a LangGraph.js graph, and answerQuestion with scripted backends.
 *
 *   npm run build && npx tsx bench/overhead.ts
 *
 * The built package is measured: tsx wraps each named function of a source file, which doubles the figures.
 */
import { writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { RunnableLambda, RunnableSequence } from '@langchain/core/runnables';
import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import type { Config } from '../src/config.ts';
import type { Generator, Reranker } from '../src/contracts.ts';
import type { Parts } from '../src/pipeline.ts';
import type { Candidate, Passage } from '../src/types.ts';
import { clock, machine, markdownTable, type Timing, timing } from './lib-stats.ts';

/** Makes keyOf of the built package count its own time: hashing is told apart where it happens. */
const stopwatch = `export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.endsWith('/dist/text/hash.js')) return loaded;
  const source = String(loaded.source).replace('export const keyOf =', 'const untimed =') + \`
    export const hashing = { ms: 0, keys: 0 };
    export const keyOf = (value) => {
      const started = performance.now();
      const key = untimed(value);
      hashing.ms += performance.now() - started;
      hashing.keys += 1;
      return key;
    };\`;
  return { ...loaded, source };
}`;
register(`data:text/javascript,${encodeURIComponent(stopwatch)}`);

const built = <T>(path: string): Promise<T> => import(new URL(`../dist/${path}`, import.meta.url).href);
const { parseConfig } = await built<typeof import('../src/config.ts')>('config.js');
const { answerQuestion } = await built<typeof import('../src/pipeline.ts')>('pipeline.js');
const { scriptedCritic } =
  await built<typeof import('../src/testing/scripted-critic.ts')>('testing/scripted-critic.js');
const { hashing } = await built<{ readonly hashing: { ms: number; keys: number } }>('text/hash.js');

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

const ask = 'What does the bench ask of fifty passages that all say the same?';
const passages = docs.map(
  ({ id, text }): Passage => ({
    id,
    docId: 'bench/docs.txt',
    text,
    title: null,
    span: { start: 0, end: text.length },
    page: null,
    heading: null,
    metadata: {},
  }),
);
const candidates = passages.map(
  (passage, i): Candidate => ({ passage, recallRank: i + 1, recallScore: 1 - i / 100, rerankScore: null }),
);

/** The same judgement of everything; `continue` is likeliest, so that a beam keeps its evidence. */
const verdicts: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  retrieve: { yes: 0.3, no: 0.1, continue: 0.6 },
  isRel: { relevant: 0.9, irrelevant: 0.1 },
  isSup: { fully: 0.7, partially: 0.2, none: 0.1 },
  isUse: { '5': 0.6, '4': 0.1, '3': 0.1, '2': 0.1, '1': 0.1 },
};

/** Backends that answer at once. */
function scriptedParts(config: Config): Parts {
  const critic = scriptedCritic(({ kind }) => verdicts[kind]!);
  const asked = (name: string | null) => (name === null ? null : critic);
  const { retrieve, isRel, isSup, isUse } = config.critics;
  return {
    rewriter: null,
    recaller: { id: 'scripted-recaller@1', recall: async (queries) => queries.map(() => candidates) },
    reranker: config.rerank.backend === 'none' ? null : reranker,
    critics: { retrieve: asked(retrieve), isRel: asked(isRel), isSup: asked(isSup), isUse: asked(isUse) },
    generators: { withContext: scriptedGenerator(config.beam.maxSegments), closedBook: null, quotes: null },
    gate: null,
  };
}

const reranker: Reranker = {
  id: 'scripted-reranker@1',
  score: async (_, list) => list.map(({ recallScore }) => recallScore),
  async close() {},
};

/** One sentence for each request, another one for each path of the beam, so that no request is asked twice. */
function scriptedGenerator(segments: number): Generator {
  return {
    id: 'scripted-generator@1',
    abilities: { logprobs: true, closedBook: false, quotes: false },
    extend: async (requests) =>
      requests.map(({ passage, answerSoFar }) => {
        const before = answerSoFar.at(-1)?.split(' ', 1)[0] ?? '';
        const text = `${before}${passage?.id} says what the other passages say.`;
        return [
          { text, tokens: 8, logprobs: [-0.1, -0.2, -0.3], end: answerSoFar.length + 1 === segments, quoted: null },
        ];
      }),
    async close() {},
  };
}

interface DiscernRow {
  readonly rows: readonly Row[];
  readonly asked: string;
}

/** A question with the stages and critics that the config names. */
async function discernRow(name: string, config: Config, runs: number): Promise<DiscernRow> {
  const parts = scriptedParts(config);
  let events = 0;
  const onEvent = () => {
    events += 1;
  };
  hashing.keys = 0;
  const { segments, trace } = await answerQuestion(ask, parts, config, { onEvent });
  const { keys } = hashing;
  if (segments.length !== config.beam.maxSegments) throw new Error(`${name} answered with ${segments.length} segments`);
  if (keys < trace.facts.length || events !== trace.events.length)
    throw new Error(`${name}: ${keys} keys, ${events} events`);

  const rest: number[] = [];
  const hashed: number[] = [];
  for (let i = -Math.max(50, runs / 10); i < runs; i++) {
    hashing.ms = 0;
    const ms = await clock(() => answerQuestion(ask, parts, config, { onEvent }));
    if (i < 0) continue;
    rest.push(ms - hashing.ms);
    hashed.push(hashing.ms);
  }
  const roles = [...new Set(trace.facts.map(({ role }) => role))];
  return {
    rows: [
      { name: `**${name}**`, ...timing(rest) },
      { name: `${name}: hashing of ${keys} requests`, ...timing(hashed) },
    ],
    asked: roles.map((role) => `${trace.facts.filter((fact) => fact.role === role).length} ${role}`).join(', '),
  };
}

const critics = { retrieve: 'scripted', isRel: 'scripted', isSup: 'scripted', isUse: 'scripted' };
const everything = { retrieve: { mode: 'adaptive' }, rerank: { backend: 'embedding', topN: 5 }, critics } as const;
const configs = {
  defaults: parseConfig({ beam: { maxSegments: 1 } }),
  everything: parseConfig({ ...everything, beam: { maxSegments: 1 } }),
  // Three passages from one hypothesis, then from three, over six levels: 3 + 5 * 9 = 48 segments.
  beam: parseConfig({ critics, rerank: { topN: 3 }, beam: { width: 3, maxSegments: 6 } }),
};

const defaults = await discernRow('Discern, default stages', configs.defaults, 2000);
const all = await discernRow('Discern, every stage', configs.everything, 2000);
const question = [
  await peerRow('plain async calls, 8 steps', plain(1), STEPS, 2000),
  ...defaults.rows,
  ...all.rows,
  await peerRow('LangChain RunnableSequence, 8 steps', runnableSequence(1), STEPS, 2000),
  await peerRow('LangGraph.js graph, 8 steps', graph(1), STEPS, 500),
];
const wide = await discernRow('Discern, a beam of 48 segments', configs.beam, 1000);
const beam = [
  await peerRow('plain async calls, 48 steps', plain(LOOPS), STEPS * LOOPS, 2000),
  ...wide.rows,
  await peerRow('LangChain RunnableSequence, 48 steps', runnableSequence(LOOPS), STEPS * LOOPS, 1000),
  await peerRow('LangGraph.js graph, 48 steps', graph(LOOPS), STEPS * LOOPS, 150),
];

const about = machine();
const cells = ({ name, p50, p95, runs }: Row): string[] => [name, p50.toFixed(4), p95.toFixed(4), String(runs)];
const report = `# Framework overhead

What a question costs when its models cost nothing, over the same 50 passages of 600 characters, in one run.
Limits for Discern: a question at most 0.1 ms p50 and 0.3 ms p95, a beam of 48 segments at most 0.5 ms p50.
Its rows have events on and contain the scripted backends; the hashing of requests has rows of its own.
Answers of models in one question: default stages ${defaults.asked}; every stage ${all.asked}; beam ${wide.asked}.
The peers do nothing at each step but add its name to a list.

${about.cpu}, ${about.cores} cores, Node ${about.node}, load ${about.load1}. Made by \`npm run build && npx tsx bench/overhead.ts\`.

${markdownTable(['variant', 'p50 ms', 'p95 ms', 'runs'], [...question, ...beam].map(cells))}
`;
const results = new URL('./results/', import.meta.url);
writeFileSync(new URL('overhead.md', results), report);
writeFileSync(new URL('overhead.json', results), `${JSON.stringify({ about, question, beam }, null, 2)}\n`);
process.stdout.write(report);
