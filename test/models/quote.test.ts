import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Classifier, createClassifier } from '../../src/backends/classifier.ts';
import { loadClassifier, shippedCritic } from '../../src/backends/classifier-definition.ts';
import { onnxEmbedder } from '../../src/backends/embedder/onnx.ts';
import { quoteGenerator, sentenceRanker } from '../../src/backends/generator/quote.ts';
import { parseConfig } from '../../src/config.ts';
import type { Embedder } from '../../src/contracts.ts';
import { createModelStore } from '../../src/models/store.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { describeGenerator } from '../../src/testing/describe-generator.ts';

const GREEDY = { maxTokens: 64, temperature: 0, seed: 0 };
let embedder: Embedder;
let classifier: Classifier;
beforeAll(async () => {
  const model = await createModelStore(parseConfig().models).resolve('bge-small-en-v1.5');
  embedder = onnxEmbedder({ model, maxTokens: 512, threads: 1 });
  classifier = createClassifier({ files: await loadClassifier((await shippedCritic('mini'))!) });
  return async () => {
    await embedder.close();
    await classifier.close();
  };
});

describeGenerator('quote with bge', () => quoteGenerator({ embedder }));
describeGenerator('quote with bge and mini', () => quoteGenerator({ embedder, ranker: sentenceRanker(classifier) }));

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
    const lists = await quoteGenerator({ embedder }).extend(requests, GREEDY);
    const holds = (text: string, i: number) =>
      questions[i]!.answers.some((answer) => text.toLowerCase().includes(answer.toLowerCase()));
    const first = lists.filter((list, i) => holds(list[0]!.text, i)).length / lists.length;
    const among = lists.filter((list, i) => list.slice(0, 3).some(({ text }) => holds(text, i))).length / lists.length;
    expect(first).toBeGreaterThanOrEqual(0.5);
    expect(among).toBeGreaterThanOrEqual(0.7);
  });

  it('is ranked by the encoder too, in well under a second for the passages of a question', async () => {
    const name = ['Ostrel', 'Wend', 'Hessel', 'Karrow', 'Lindby'];
    const requests = name.map((place) => ({
      question: 'When was the bridge of Karrow opened?',
      passage: passageOf(
        Array.from({ length: 8 }, (_, i) => `The ${i + 1}th bridge of ${place} was opened in ${1800 + i}.`).join(' '),
      ),
      answerSoFar: [],
    }));
    const generator = quoteGenerator({ embedder, ranker: sentenceRanker(classifier) });
    await generator.extend([{ ...requests[0]!, passage: passageOf('It loads the models.') }], GREEDY);
    const started = performance.now();
    const lists = await generator.extend(requests, GREEDY);
    expect(performance.now() - started).toBeLessThan(5000); // 0.3 s on a calm machine
    const logits = lists.flat().map(({ scores }) => scores!.encoder);
    expect(logits).toHaveLength(40);
    expect(logits.every((logit) => Number.isFinite(logit))).toBe(true);
    expect(new Set(logits).size).toBeGreaterThan(30); // it reads the question and the sentence
    const other = requests.map((request) => ({ ...request, question: 'Who paid for the bridge of Wend?' }));
    expect((await generator.extend(other, GREEDY))[0]![0]!.scores!.encoder).not.toBe(logits[0]);
  });
});
