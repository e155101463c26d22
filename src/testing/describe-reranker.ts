import { afterAll, expect } from 'vitest';
import type { Reranker } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import type { Candidate } from '../types.ts';
import { passageOf } from './describe-critic.ts';
import { defineSuite, HOSTILE_TEXTS, type Make, type SuiteOptions, shared } from './suite.ts';

const TEXTS = [
  'The ferry to the island leaves at noon.',
  'Marie Curie discovered radium and polonium.',
  'Interest rates rose by half a point.',
];
const QUESTIONS = [
  'When does the ferry to the island leave?',
  'Who discovered radium?',
  'How did interest rates change?',
];

const candidates = (texts: readonly string[]): Candidate[] =>
  texts.map((text, i) => ({
    passage: passageOf(text, `suite-${i}`),
    recallRank: i + 1,
    recallScore: 0.5,
    rerankScore: null,
  }));

function expectNear(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((score, i) => {
    expect(Math.abs(score - expected[i]!), `score ${i}`).toBeLessThanOrEqual(1e-4);
  });
}

/** The promises of the Reranker contract. */
export function describeReranker(name: string, make: Make<Reranker>, { skip = [] }: SuiteOptions = {}): void {
  const instance = shared(make);
  afterAll(async () => (await instance()).close());

  defineSuite(`reranker ${name}`, skip, {
    'has a well-formed id': async () => {
      expect((await instance()).id).toMatch(/^[a-z0-9][a-z0-9.-]*@[0-9a-z][0-9a-z.-]*$/);
    },
    'scores nothing for no candidates': async () => {
      expect(await (await instance()).score(QUESTIONS[0]!, [])).toEqual([]);
    },
    'gives the passage that answers the highest score, question by question': async () => {
      const reranker = await instance();
      for (const [i, question] of QUESTIONS.entries()) {
        const scores = await reranker.score(question, candidates(TEXTS));
        expect(scores).toHaveLength(TEXTS.length);
        expect(scores.indexOf(Math.max(...scores)), question).toBe(i);
      }
    },
    'does not depend on the order or number of candidates': async () => {
      const reranker = await instance();
      const all = candidates(TEXTS);
      const scores = await reranker.score(QUESTIONS[1]!, all);
      expectNear(await reranker.score(QUESTIONS[1]!, all), scores);
      expectNear((await reranker.score(QUESTIONS[1]!, [...all].reverse())).reverse(), scores);
      for (const [i, candidate] of all.entries())
        expectNear(await reranker.score(QUESTIONS[1]!, [candidate]), [scores[i]!]);
    },
    'answers calls at once as one after another': async () => {
      const reranker = await instance();
      const all = candidates(TEXTS);
      const apart: number[][] = [];
      for (const question of QUESTIONS) apart.push(await reranker.score(question, all));
      const together = await Promise.all(QUESTIONS.map((question) => reranker.score(question, all)));
      expectNear(together.flat(), apart.flat());
    },
    'survives hostile texts': async () => {
      const reranker = await instance();
      const scores = [
        ...(await reranker.score(QUESTIONS[0]!, candidates(HOSTILE_TEXTS))),
        ...(await reranker.score(HOSTILE_TEXTS[2]!, candidates(TEXTS))),
        ...(await reranker.score('', candidates(TEXTS))),
      ];
      expect(scores).toHaveLength(HOSTILE_TEXTS.length + 2 * TEXTS.length);
      for (const score of scores) expect(Number.isFinite(score)).toBe(true);
    },
    'stops when the signal has fired': async () => {
      const call = (await instance()).score(QUESTIONS[0]!, candidates(TEXTS), { signal: AbortSignal.abort() });
      await expect(call).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
    },
    'closes twice, and refuses calls afterwards': async () => {
      const reranker = await make();
      await reranker.close();
      await reranker.close();
      const call = reranker.score(QUESTIONS[0]!, candidates(TEXTS));
      await expect(call).rejects.toSatisfy((error) => DiscernError.is(error, 'BACKEND_CLOSED'));
    },
  });
}
