import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { onnxEmbedder } from '../../src/backends/embedder/onnx.ts';
import { quoteGenerator } from '../../src/backends/generator/quote.ts';
import { parseConfig } from '../../src/config.ts';
import type { Embedder } from '../../src/contracts.ts';
import { createModelStore } from '../../src/models/store.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { describeGenerator } from '../../src/testing/describe-generator.ts';

let embedder: Embedder;
beforeAll(async () => {
  const model = await createModelStore(parseConfig().models).resolve('bge-small-en-v1.5');
  embedder = onnxEmbedder({ model, maxTokens: 512, threads: 1 });
  return () => embedder.close();
});

describeGenerator('quote with bge', () => quoteGenerator({ embedder }));

interface Question {
  readonly kind: string;
  readonly question: string;
  readonly answers: readonly string[];
  readonly documents: readonly string[];
}

const example = (path: string) => readFile(new URL(`../../examples/${path}`, import.meta.url), 'utf8');

describe('quote', () => {
  it('finds the sentence that answers in a whole document, mostly at once', async () => {
    const lines = (await example('questions.jsonl')).trim().split('\n');
    const questions = lines
      .map((line) => JSON.parse(line) as Question)
      .filter(({ kind, documents }) => kind === 'one' && /\.(md|txt)$/.test(documents[0]!));
    expect(questions.length).toBeGreaterThanOrEqual(8);
    const requests = await Promise.all(
      questions.map(async ({ question, documents }) => ({
        question,
        passage: passageOf(await example(documents[0]!)),
        answerSoFar: [],
      })),
    );
    const lists = await quoteGenerator({ embedder }).extend(requests, { maxTokens: 64, temperature: 0, seed: 0 });
    const holds = (text: string, i: number) =>
      questions[i]!.answers.some((answer) => text.toLowerCase().includes(answer.toLowerCase()));
    const first = lists.filter((list, i) => holds(list[0]!.text, i)).length / lists.length;
    const among = lists.filter((list, i) => list.slice(0, 3).some(({ text }) => holds(text, i))).length / lists.length;
    expect(first).toBeGreaterThanOrEqual(0.5);
    expect(among).toBeGreaterThanOrEqual(0.7);
  });
});
