import { afterAll, expect } from 'vitest';
import type { ExtendOptions, ExtendRequest, Generator, SegmentCandidate } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { sentences } from '../text/sentences.ts';
import type { Passage } from '../types.ts';
import { passageOf } from './describe-critic.ts';
import { sampleTests } from './describe-generator-sample.ts';
import { defineSuite, HOSTILE_TEXTS, type Make, type SuiteOptions, shared } from './suite.ts';

const QUESTION = 'Who painted the Mona Lisa?';
const PASSAGES = [
  passageOf('The Mona Lisa was painted by Leonardo da Vinci. It hangs in the Louvre.', 'mona-lisa'),
  passageOf('Mount Everest is 8,849 metres tall. It stands between Nepal and China.', 'everest'),
  passageOf('蒙娜丽莎是达芬奇的作品。它在卢浮宫。', 'chinese'),
];
const GREEDY: ExtendOptions = { maxTokens: 24, temperature: 0, seed: 7 };

const request = (passage: Passage | null, answerSoFar: readonly string[] = [], question = QUESTION): ExtendRequest => ({
  question,
  passage,
  answerSoFar,
});

function expectSound(
  candidate: SegmentCandidate,
  { passage }: ExtendRequest,
  generator: Generator,
  maxTokens: number,
): void {
  const { text, tokens, logprobs, end, quoted } = candidate;
  expect(text).toBe(text.trim());
  expect(sentences(text).length, `sentences in "${text}"`).toBeLessThanOrEqual(1);
  expect(Number.isInteger(tokens) && tokens >= 0, `${tokens} tokens`).toBe(true);
  if (text !== '') expect(tokens).toBeGreaterThan(0);
  else expect(end, 'an empty segment ends the answer').toBe(true);
  if (!generator.abilities.logprobs) expect(logprobs).toBeNull();
  if (logprobs !== null) {
    expect(logprobs).toHaveLength(tokens);
    for (const logprob of logprobs)
      expect(Number.isFinite(logprob) && logprob <= 0, `log-probability ${logprob}`).toBe(true);
  }
  expect(quoted !== null).toBe(generator.abilities.quotes);
  if (quoted === null) expect(tokens).toBeLessThanOrEqual(maxTokens);
  else expect(passage!.text.slice(quoted.start - passage!.span.start, quoted.end - passage!.span.start)).toBe(text);
}

const isCode = (code: 'ABORTED' | 'BACKEND_CLOSED') => (error: unknown) => DiscernError.is(error, code);

export interface GeneratorSuiteOptions extends SuiteOptions {
  /** Sample i of a seed is the same answer whatever else is asked for: local models. A server may not keep to it. */
  readonly keepsSeeds?: boolean;
}

/** The promises of the Generator contract. Run it on every generator: `describeGenerator('mine', () => mine())`. */
export function describeGenerator(
  name: string,
  make: Make<Generator>,
  { skip = [], keepsSeeds = false }: GeneratorSuiteOptions = {},
): void {
  const instance = shared(make);
  afterAll(async () => (await instance()).close());

  async function extend(
    requests: readonly ExtendRequest[],
    options: ExtendOptions = GREEDY,
  ): Promise<SegmentCandidate[][]> {
    const generator = await instance();
    const lists = await generator.extend(requests, options);
    expect(lists).toHaveLength(requests.length);
    lists.forEach((list, i) => {
      for (const candidate of list) expectSound(candidate, requests[i]!, generator, options.maxTokens);
    });
    return lists;
  }

  defineSuite(`generator ${name}`, skip, {
    'has a well-formed id': async () => {
      expect((await instance()).id).toMatch(/^[a-z0-9][a-z0-9.-]*@[0-9a-z][0-9a-z.-]*$/);
    },
    'answers an empty batch with an empty list': async () => {
      expect(await extend([])).toEqual([]);
    },
    'gives one sentence at most, for each request in order': async () => {
      const requests = PASSAGES.map((passage) => request(passage));
      const whole = await extend(requests);
      expect(whole.filter((list) => list.length > 0)).not.toEqual([]);
      expect((await extend([...requests].reverse())).reverse()).toEqual(whole);
      for (const [i, one] of requests.entries()) expect(await extend([one])).toEqual([whole[i]]);
    },
    'goes on from the answer so far': async () => {
      const [passage] = PASSAGES;
      await extend([
        request(passage!, ['The Mona Lisa is a portrait.']),
        request(passage!, ['It is a portrait.', 'It is old.']),
      ]);
    },
    'keeps to the limit of tokens': async () => {
      await extend([request(PASSAGES[0]!)], { ...GREEDY, maxTokens: 1 });
    },
    'gives the same text for the same seed': async () => {
      const options = { ...GREEDY, temperature: 1 };
      const requests = PASSAGES.slice(0, 2).map((passage) => request(passage));
      expect(await extend(requests, options)).toEqual(await extend(requests, options));
    },
    'answers without a passage only when it says so': async () => {
      const [list] = await extend([request(null)]);
      expect(list!.length > 0).toBe((await instance()).abilities.closedBook);
    },
    'survives hostile texts': async () => {
      const { closedBook } = (await instance()).abilities;
      const texts = [...HOSTILE_TEXTS, 'A long line. '.repeat(8000)];
      const requests = texts.flatMap((text) => [
        request(passageOf(text)),
        request(PASSAGES[0]!, [], text),
        ...(closedBook ? [request(null, [text])] : []),
      ]);
      await extend(requests, { ...GREEDY, maxTokens: 4 });
    },
    'stops when the signal has fired': async () => {
      const generator = await instance();
      const call = generator.extend([request(PASSAGES[0]!)], { ...GREEDY, signal: AbortSignal.abort() });
      await expect(call).rejects.toSatisfy(isCode('ABORTED'));
      expect(await extend([request(PASSAGES[0]!)])).toHaveLength(1);
    },
    'answers two calls at once as one after another': async () => {
      const [first, second] = PASSAGES.slice(0, 2).map((passage) => [request(passage)]);
      const apart = [await extend(first!), await extend(second!)];
      expect(await Promise.all([extend(first!), extend(second!)])).toEqual(apart);
    },
    'closes twice, and refuses calls afterwards': async () => {
      const generator = await make();
      await generator.close();
      await generator.close();
      await expect(generator.extend([request(PASSAGES[0]!)], GREEDY)).rejects.toSatisfy(isCode('BACKEND_CLOSED'));
    },
    'returns plain data': async () => {
      const lists = await extend([request(PASSAGES[0]!)]);
      expect(JSON.parse(JSON.stringify(lists))).toEqual(lists);
    },
    ...sampleTests(instance, make, keepsSeeds),
  });
}
