import { afterAll, expect } from 'vitest';
import type { Rewriter } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { defineSuite, HOSTILE_TEXTS, type Make, type SuiteOptions, shared } from './suite.ts';

/** Questions, each with a word without which a search cannot find what is asked for. */
const EASY: readonly { readonly question: string; readonly word: RegExp }[] = [
  { question: 'What is the boiling point of acetone?', word: /acetone/i },
  { question: 'How much does it cost to send a parcel of 4 kg to Norway?', word: /parcel/i },
  { question: 'Thanks! One more thing: how long can I keep cooked rice in the fridge?', word: /rice/i },
];
const QUESTIONS = EASY.map(({ question }) => question);

const rejectsWith = (call: Promise<unknown>, code: DiscernError['code']) =>
  expect(call).rejects.toSatisfy((error) => DiscernError.is(error, code));

/** The promises of the Rewriter contract. */
export function describeRewriter(name: string, make: Make<Rewriter>, { skip = [] }: SuiteOptions = {}): void {
  const instance = shared(make);
  afterAll(async () => (await instance()).close());

  defineSuite(`rewriter ${name}`, skip, {
    'has a well-formed id': async () => {
      expect((await instance()).id).toMatch(/^[a-z0-9][a-z0-9.-]*@[0-9a-z][0-9a-z.-]*$/);
    },
    'gives one query of one line for each question, in order, on its subject': async () => {
      const queries = await (await instance()).rewrite(QUESTIONS);
      expect(queries).toHaveLength(QUESTIONS.length);
      for (const [i, { word }] of EASY.entries()) expect(queries[i]).toMatch(word);
      for (const query of queries) expect(query).not.toMatch(/[\r\n]/);
    },
    'answers an empty batch with an empty list': async () => {
      expect(await (await instance()).rewrite([])).toEqual([]);
    },
    'gives a question the same query whatever stands beside it': async () => {
      const rewriter = await instance();
      const whole = await rewriter.rewrite(QUESTIONS);
      expect((await rewriter.rewrite([...QUESTIONS].reverse())).reverse()).toEqual(whole);
      expect(await rewriter.rewrite([QUESTIONS[1]!, QUESTIONS[1]!])).toEqual([whole[1], whole[1]]);
      for (const [i, question] of QUESTIONS.entries()) expect(await rewriter.rewrite([question])).toEqual([whole[i]]);
    },
    'survives hostile texts, and gives no empty query for a question with text': async () => {
      const queries = await (await instance()).rewrite(HOSTILE_TEXTS);
      expect(queries).toHaveLength(HOSTILE_TEXTS.length);
      for (const [i, question] of HOSTILE_TEXTS.entries())
        expect(queries[i]!.trim() !== '' || question.trim() === '', question.slice(0, 40)).toBe(true);
    },
    'stops when the signal has fired': async () => {
      await rejectsWith((await instance()).rewrite(QUESTIONS, { signal: AbortSignal.abort() }), 'ABORTED');
    },
    'answers calls at once as one after another': async () => {
      const rewriter = await instance();
      const apart: string[][] = [];
      for (const question of QUESTIONS) apart.push(await rewriter.rewrite([question]));
      expect(await Promise.all(QUESTIONS.map((question) => rewriter.rewrite([question])))).toEqual(apart);
    },
    'closes twice, and refuses calls afterwards': async () => {
      const rewriter = await make();
      await rewriter.close();
      await rewriter.close();
      await rejectsWith(rewriter.rewrite(QUESTIONS), 'BACKEND_CLOSED');
      await rejectsWith(rewriter.rewrite([]), 'BACKEND_CLOSED');
    },
  });
}
