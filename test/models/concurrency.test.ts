import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createRag, type Rag } from '../../src/index.ts';
import type { Answer, TraceEvent } from '../../src/types.ts';

const examples = new URL('../../examples/', import.meta.url);
const known = readFileSync(new URL('questions.jsonl', examples), 'utf8')
  .trim()
  .split('\n')
  .map((line) => (JSON.parse(line) as { question: string }).question);
/** All of the examples, and some again: with another text, and with the same. */
const QUESTIONS = [...known, ...known.slice(0, 12).map((text) => `Please tell me: ${text}`), ...known.slice(12, 20)];

const open: Rag[] = [];
afterAll(() => Promise.all(open.map((rag) => rag.close())));

/** An instance of its own, so that nothing is remembered from the other way of asking. */
async function instance(): Promise<Rag> {
  // Fewer to rerank than the fifty of the defaults: it is asked a hundred times.
  const rag = await createRag({
    documents: fileURLToPath(new URL('corpus', examples)),
    config: { recall: { topK: 10 } },
  });
  open.push(rag);
  return rag;
}

async function asked(rag: Rag, question: string, i: number) {
  const events: TraceEvent[] = [];
  const answer = await rag.ask(question, { id: `q${i}`, onEvent: (event) => events.push(event) });
  return { events, ...timeless(answer) };
}

/** The whole record but the times. */
function timeless({ cost, trace, ...answer }: Answer) {
  const facts = trace.facts.map(({ ms: _, ...fact }) => fact);
  return JSON.parse(JSON.stringify({ ...answer, cost: { ...cost, ms: 0 }, trace: { ...trace, facts } }));
}

describe('with the default models', () => {
  it('52 questions at the same time are answered as one by one: texts, decisions, events and facts', async () => {
    expect(QUESTIONS).toHaveLength(52);
    const rag = await instance();
    const together = await Promise.all(QUESTIONS.map((question, i) => asked(rag, question, i)));
    const other = await instance();
    for (const [i, question] of QUESTIONS.entries()) expect(together[i]).toEqual(await asked(other, question, i));
    const answered = together.filter(({ unanswered }) => unanswered === null);
    expect(answered.length).toBeGreaterThan(30);
    expect(answered.length).toBeLessThan(QUESTIONS.length);
  });
});
