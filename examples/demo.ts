// `npm run demo`: reads the example corpus and answers its questions with the local models.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Answer, createRag } from 'discern-rag';

interface Question {
  readonly id: string;
  readonly kind: 'one' | 'two' | 'none' | 'closed';
  readonly question: string;
  readonly answers: readonly string[];
}

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const questions = readFileSync(path('questions.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Question);
const titles = {
  one: 'Answered by one document',
  two: 'Answered by two documents',
  none: 'Answered by no document',
  closed: 'Needs no retrieval, mode never: the language model alone',
};

console.log('Discern demo: a corpus about a town that does not exist, and local models only.\n');
const started = performance.now();
let lastLine = '';
const rag = await createRag({
  documents: path('corpus'),
  index: path('../.cache/demo-index'),
  onModelProgress: ({ model, file, step }) => {
    const line = `fetching ${model} ${file} (${step})`;
    if (line !== lastLine) console.log(line);
    lastLine = line;
  },
});
const { added, unchanged } = rag.ingested!;
const info = await rag.info();
console.log(`${added} documents read, ${unchanged} unchanged: ${info.passages} passages, ${info.search} search`);

const holds = (answer: Answer, accepted: string) =>
  answer.segments.some(({ text }) => text.toLowerCase().includes(accepted.toLowerCase()));
const isRight = ({ kind, answers }: Question, answer: Answer) =>
  kind === 'none'
    ? answer.unanswered !== null
    : kind === 'two'
      ? answers.every((one) => holds(answer, one))
      : answers.some((one) => holds(answer, one));

async function show(item: Question): Promise<boolean> {
  const mode = item.kind === 'closed' ? 'never' : 'always';
  const begun = performance.now();
  const answer = await rag.ask(item.question, { config: { retrieve: { mode } } });
  const right = isRight(item, answer);
  console.log(`\n${right ? '+' : '-'} ${item.question}`);
  console.log(`  ${answer.unanswered === null ? answer.text : `(no answer: ${answer.unanswered.detail})`}`);
  for (const { number, docId, heading, start, end } of answer.citations)
    console.log(`  [${number}] ${docId}${heading ? ` (${heading})` : ''}, characters ${start}-${end}`);
  const scores = answer.segments.map(({ score }) => `segment score ${score.total.toFixed(2)}`).join(', ');
  console.log(`  ${Math.round(performance.now() - begun)} ms, ${scores || 'no segment'}`);
  return right;
}

const counts: string[] = [];
for (const kind of ['one', 'two', 'none', 'closed'] as const) {
  console.log(`\n== ${titles[kind]} ==`);
  const asked = questions.filter((item) => item.kind === kind);
  let right = 0;
  for (const item of asked) if (await show(item)) right += 1;
  counts.push(`${titles[kind]}: ${right} of ${asked.length}`);
}
await rag.close();

console.log('\n== Count ==');
for (const line of counts) console.log(line);
console.log(
  '\nA "+" means that an accepted answer stands in the text, or that none was given where the documents hold none.',
);
console.log(
  'The default always retrieves: the trained Retrieve head knows kinds of requests, not what a language model knows.',
);
console.log(
  `${((performance.now() - started) / 1000).toFixed(1)} s in all. Why an answer: node dist/cli/main.js ask "…" --docs examples/corpus`,
);
