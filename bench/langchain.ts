/**
 * A chain written for LangChain (BM25Retriever, a prompt, ChatLlamaCpp, a string), before and after its retriever became a
 * DiscernRetriever: two lines. What reaches the prompt for every question, and what the model writes for the first ones.
 *
 *   npm run build && npx tsx bench/langchain.ts --corpus corpus.jsonl --questions questions.jsonl --model model.gguf
 *
 * Lines of the corpus have `id`, `title`, `text`; of the questions `id`, `question`, `answers`, `relevant`. Each question is
 * also asked of the same documents without its own.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ChatLlamaCpp } from '@langchain/community/chat_models/llama_cpp';
import { BM25Retriever } from '@langchain/community/retrievers/bm25';
import { Document, type DocumentInterface } from '@langchain/core/documents';
import { StringOutputParser } from '@langchain/core/output_parsers';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import type { BaseRetriever } from '@langchain/core/retrievers';
import { RunnablePassthrough, RunnableSequence } from '@langchain/core/runnables';
import { machine } from './lib-stats.ts';

const built = <T>(path: string): Promise<T> => import(new URL(`../dist/${path}`, import.meta.url).href);
const { DiscernRetriever } = await built<typeof import('../src/langchain.ts')>('langchain.js');
const { containsGold, meanInterval, pairedDifference, tokenF1 } =
  await built<typeof import('../src/evaluate/evaluate.ts')>('evaluate/evaluate.js');

const { values } = parseArgs({
  options: {
    corpus: { type: 'string' },
    questions: { type: 'string' },
    model: { type: 'string' },
    limit: { type: 'string', default: '300' },
    written: { type: 'string', default: '100' },
  },
});
const lines = <T>(path: string | undefined, name: string): T[] => {
  if (path === undefined) throw new Error(`give --${name}`);
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
};
interface Question {
  readonly question: string;
  readonly answers: readonly string[];
  readonly relevant: readonly string[];
}
const corpus = lines<{ id: string; title: string; text: string }>(values.corpus, 'corpus').map(
  ({ id, title, text }) => new Document({ id, pageContent: text, metadata: { source: id, title, startIndex: 0 } }),
);
const questions = lines<Question>(values.questions, 'questions').slice(0, Number(values.limit));

/** The retriever of the chain that was there. */
const before = (documents: Document[]): BaseRetriever => BM25Retriever.fromDocuments(documents, { k: 5 });
const after = (documents: Document[]) => DiscernRetriever.from(BM25Retriever.fromDocuments(documents, { k: 50 }));

interface Found {
  readonly gold: number;
  readonly first: number;
  readonly passages: number;
  readonly characters: number;
  readonly ms: number;
}

async function find(
  retriever: BaseRetriever,
  { question, relevant }: Question,
): Promise<Found & { list: DocumentInterface[] }> {
  const started = performance.now();
  const list = await retriever.invoke(question);
  const holds = (found: readonly DocumentInterface[]) =>
    Number(found.some(({ metadata }) => relevant.includes(metadata.source)));
  return {
    ...{ gold: holds(list), first: holds(list.slice(0, 1)), passages: list.length },
    characters: list.reduce((sum, { pageContent }) => sum + pageContent.length, 0),
    ...{ ms: performance.now() - started, list },
  };
}

const round = (value: number) => Number(value.toFixed(3));
function paired(name: string, was: readonly number[], is: readonly number[]) {
  const difference = pairedDifference(was, is, 0)!;
  const figures = {
    ...{ name, n: was.length, before: round(meanInterval(was, 0).mean), after: round(meanInterval(is, 0).mean) },
    ...{ difference: round(difference.mean), ci95: difference.ci95.map(round) },
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  return figures;
}

const about = machine();
const old = before(corpus);
const made = await after(corpus);
const olds: Found[] = [];
const news: Found[] = [];
for (const question of questions) {
  olds.push(await find(old, question));
  news.push(await find(made, question));
}
const columns = ['gold', 'first', 'passages', 'characters', 'ms'] as const;
const rows = columns.map((name) =>
  paired(
    name,
    olds.map((row) => row[name]),
    news.map((row) => row[name]),
  ),
);

// The documents without the question's own: what is left is about something else, and the best context is none.
const hidden = { relevant: [] as readonly string[] };
const wide = BM25Retriever.fromDocuments(corpus, { k: 60 });
const others = {
  invoke: async (query: string) =>
    (await wide.invoke(query)).filter(({ metadata }) => !hidden.relevant.includes(metadata.source)).slice(0, 50),
};
const weighed = await DiscernRetriever.from(others);
const left = { before: [] as number[], after: [] as number[] };
for (const { question, relevant } of questions) {
  hidden.relevant = relevant;
  left.before.push((await others.invoke(question)).slice(0, 5).length);
  left.after.push((await weighed.invoke(question)).length);
}
rows.push(paired('passages, own documents away', left.before, left.after));
rows.push(
  paired(
    'no context, own documents away',
    left.before.map((count) => Number(count === 0)),
    left.after.map((count) => Number(count === 0)),
  ),
);
await weighed.close();

// What the same model writes.
const written = Number(values.written);
if (values.model !== undefined && written > 0) {
  const model = await ChatLlamaCpp.initialize({
    ...{ modelPath: values.model, temperature: 0, maxTokens: 32, contextSize: 4096, threads: 2 },
  });
  const prompt = ChatPromptTemplate.fromTemplate(
    'Answer the question from the context in a few words.\n\nContext:\n{context}\n\nQuestion: {question}',
  );
  const chainOf = (retriever: BaseRetriever) =>
    RunnableSequence.from([
      {
        context: retriever.pipe((found: DocumentInterface[]) =>
          found.map(({ pageContent }) => pageContent).join('\n\n'),
        ),
        question: new RunnablePassthrough<string>(),
      },
      prompt,
      model,
      new StringOutputParser(),
    ]);
  const chains = [chainOf(old), chainOf(made)];
  const f1: number[][] = [[], []];
  const holds: number[][] = [[], []];
  const ms: number[][] = [[], []];
  for (const { question, answers } of questions.slice(0, written))
    for (const [i, chain] of chains.entries()) {
      const started = performance.now();
      const said = await chain.invoke(question);
      ms[i]!.push(performance.now() - started);
      f1[i]!.push(tokenF1(said, answers));
      holds[i]!.push(Number(containsGold(said, answers)));
    }
  rows.push(paired('f1', f1[0]!, f1[1]!), paired('contains', holds[0]!, holds[1]!), paired('chain ms', ms[0]!, ms[1]!));
}
await made.close();
const result = { about: { ...about, loadAfter: machine().load1, documents: corpus.length }, rows };
writeFileSync(new URL('./results/langchain.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
