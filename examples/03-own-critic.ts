// A critic of your own, in place of the shipped one: P(relevant) is the share of the question's words in the passage.
// It passes `describeCritic` of discern-rag/testing, which you can run on yours.
//
// Run it: npm run build && npx tsx examples/03-own-critic.ts
import { fileURLToPath } from 'node:url';
import { createRag, defineCritic } from 'discern-rag';

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu) ?? [];

export const keywordCritic = () =>
  defineCritic({
    id: 'keywords@1',
    judges: {
      isRel: (requests) =>
        requests.map(({ question, passage }) => {
          const known = new Set(wordsOf(passage.text));
          const asked = wordsOf(question);
          const relevant = asked.filter((word) => known.has(word)).length / Math.max(1, asked.length);
          return { relevant, irrelevant: 1 - relevant };
        }),
    },
  });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const documents = fileURLToPath(new URL('corpus', import.meta.url));
  const critics = { isRel: keywordCritic() };
  const rag = await createRag({ documents, parts: { critics }, config: { isRel: { threshold: 0.3 } } });
  const answer = await rag.ask('When is the bakery closed?');
  for (const { about, outcome, value } of answer.decisions) console.log(about, outcome, value?.toFixed(2) ?? '');
  console.log(answer.text);
  await rag.close();
}
