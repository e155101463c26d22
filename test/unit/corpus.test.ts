import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';

const examples = new URL('../../examples/', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, examples), 'utf8');

const Question = z.strictObject({
  id: z.string().regex(/^(one|two|none|closed)-\d\d$/),
  kind: z.enum(['one', 'two', 'none', 'closed']),
  question: z.string().endsWith('?'),
  answers: z.array(z.string().min(1)),
  documents: z.array(z.string().startsWith('corpus/')),
});

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const questions = lines(read('questions.jsonl')).map((line) => Question.parse(JSON.parse(line)));
const ofKind = (kind: string) => questions.filter((question) => question.kind === kind);
const keys = readdirSync(new URL('corpus/', examples)).map((name) => `corpus/${name}`);
const documents = new Map(keys.map((key) => [key, read(key)]));

/** Paragraphs of prose, rows of the table, lines of the notices: about one passage each. */
function pieces(key: string, text: string): string[] {
  if (key.endsWith('.csv')) return lines(text).slice(1);
  if (key.endsWith('.html')) return text.match(/^<p>.*<\/p>$/gm) ?? [];
  return lines(text).filter((line) => !line.startsWith('#') && line !== line.toUpperCase());
}

test('the corpus has 60 to 100 pieces, none longer than a passage', () => {
  const all = [...documents].flatMap(([key, text]) => pieces(key, text));
  expect(all).toHaveLength(90);
  expect(all.filter((piece) => piece.length > 1000)).toEqual([]);
});

test('the corpus has every format of text that ingest reads', () => {
  const extensions = keys.map((key) => key.split('.').pop()!);
  const counts = Object.fromEntries(
    [...new Set(extensions)].map((one) => [one, extensions.filter((other) => other === one).length]),
  );
  expect(counts).toEqual({ csv: 1, html: 1, jsonl: 1, md: 13, txt: 2 });
});

test('there are questions of the four kinds, with ids of their own', () => {
  const counts = Object.fromEntries(['one', 'two', 'none', 'closed'].map((kind) => [kind, ofKind(kind).length]));
  expect(counts).toEqual({ one: 12, two: 8, none: 6, closed: 6 });
  expect(new Set(questions.map(({ id }) => id)).size).toBe(questions.length);
  expect(new Set(questions.map(({ question }) => question)).size).toBe(questions.length);
  expect(questions.filter(({ id, kind }) => !id.startsWith(`${kind}-`))).toEqual([]);
});

test('each answer of kind one stands in its document', () => {
  for (const { id, answers, documents: named } of ofKind('one')) {
    expect(named, id).toHaveLength(1);
    expect(answers.length, id).toBeGreaterThan(0);
    for (const answer of answers) expect(documents.get(named[0]!), id).toContain(answer);
  }
});

test('a question of kind two needs both documents: neither holds both answers', () => {
  for (const { id, answers, documents: named } of ofKind('two')) {
    expect([named.length, answers.length, new Set(named).size], id).toEqual([2, 2, 2]);
    const found = named.map((key) => answers.map((answer) => documents.get(key)!.includes(answer)));
    expect(found, id).toEqual([
      [true, false],
      [false, true],
    ]);
  }
});

test('questions without documents name none, and their answers are not in the corpus', () => {
  for (const { id, documents: named } of [...ofKind('none'), ...ofKind('closed')]) expect(named, id).toEqual([]);
  for (const { id, answers } of ofKind('none')) expect(answers, id).toEqual([]);
  const corpus = [...documents.values()].join('\n');
  for (const { id, answers } of ofKind('closed')) {
    expect(answers.length, id).toBeGreaterThan(0);
    for (const answer of answers)
      expect(new RegExp(`(?<![\\w.,])${answer}(?![\\w.,]*\\w)`).test(corpus), `${id}: ${answer}`).toBe(false);
  }
});
