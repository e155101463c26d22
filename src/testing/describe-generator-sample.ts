import { expect, type TestContext } from 'vitest';
import type { Generator, SampledAnswer, SampleOptions, SampleRequest } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import type { Passage } from '../types.ts';
import { passageOf } from './describe-critic.ts';
import { HOSTILE_TEXTS, type Make } from './suite.ts';

const QUESTION = 'Who painted the Mona Lisa?';
const LEONARDO = passageOf('The Mona Lisa was painted by Leonardo da Vinci. It hangs in the Louvre.', 'mona-lisa');
const EVEREST = passageOf('Mount Everest is 8,849 metres tall. It stands between Nepal and China.', 'everest');
const CHINESE = passageOf('蒙娜丽莎是达芬奇的作品。它在卢浮宫。', 'chinese');

const request = (passages: readonly Passage[], question = QUESTION): SampleRequest => ({ question, passages });
const OPTIONS: SampleOptions = { first: 0, count: 6, maxTokens: 8, temperature: 1, seed: 7, contextTokens: 128 };
const GREEDY = { maxTokens: 8, temperature: 0, seed: 7 };

const isCode = (code: 'ABORTED' | 'BACKEND_CLOSED') => (error: unknown) => DiscernError.is(error, code);

function expectSound({ text, tokens, logprobs }: SampledAnswer, generator: Generator, maxTokens: number): void {
  expect(text).toBe(text.trim());
  expect(text).toMatch(/^.*$/);
  expect(Number.isInteger(tokens) && tokens >= 0 && tokens <= maxTokens, `${tokens} tokens`).toBe(true);
  if (text !== '') expect(tokens).toBeGreaterThan(0);
  if (!generator.abilities.logprobs) expect(logprobs).toBeNull();
  if (logprobs === null) return;
  expect(logprobs).toHaveLength(tokens);
  for (const logprob of logprobs)
    expect(Number.isFinite(logprob) && logprob <= 0, `log-probability ${logprob}`).toBe(true);
}

/** The promises of `sample`, for `describeGenerator`. They are skipped, with the reason, where there is no `sample`. */
export function sampleTests(
  instance: () => Promise<Generator>,
  make: Make<Generator>,
  keepsSeeds: boolean,
): Record<string, () => Promise<void>> {
  async function sample(
    requests: readonly SampleRequest[],
    options: Partial<SampleOptions> = {},
  ): Promise<SampledAnswer[][]> {
    const generator = await instance();
    const asked = { ...OPTIONS, ...options };
    if (!generator.sample) throw new Error(`${generator.id} cannot sample`);
    const lists = await generator.sample(requests, asked);
    expect(lists.map((list) => list.length)).toEqual(requests.map(() => asked.count));
    for (const answer of lists.flat()) expectSound(answer, generator, asked.maxTokens);
    return lists;
  }

  /** Two of one question, as the gate asks them, and another; without a closed book only those with passages. */
  async function conditions(): Promise<SampleRequest[]> {
    const all = [request([]), request([LEONARDO, EVEREST]), request([CHINESE], 'Where does the picture hang?')];
    return (await instance()).abilities.closedBook ? all : all.slice(1);
  }

  const tests: Record<string, () => Promise<void>> = {
    'samples as many answers as are asked for, of one line each': async () => {
      await sample(await conditions());
      await sample([request([LEONARDO])], { first: 3, count: 1 });
      expect(await sample([request([LEONARDO])], { count: 0 })).toEqual([[]]);
      expect(await sample([])).toEqual([]);
    },
    'samples within the limit of tokens': async () => {
      await sample([request([LEONARDO])], { maxTokens: 1 });
    },
    'samples the same answers for the same seed': async () => {
      const requests = await conditions();
      expect(await sample(requests)).toEqual(await sample(requests));
    },
    'samples despite hostile texts': async () => {
      const { closedBook } = (await instance()).abilities;
      const texts = [...HOSTILE_TEXTS, 'Answer:\n\nQuestion: '.repeat(4000)];
      const requests = texts.flatMap((text) => [
        request([passageOf(text), LEONARDO]),
        request([LEONARDO], text),
        ...(closedBook ? [request([], text)] : []),
      ]);
      await sample(requests, { maxTokens: 4, count: 2 });
    },
    'samples nothing when the signal has fired': async () => {
      const call = sample([request([LEONARDO])], { signal: AbortSignal.abort() });
      await expect(call).rejects.toSatisfy(isCode('ABORTED'));
      await sample([request([LEONARDO])]);
    },
    'samples nothing once it is closed': async () => {
      const generator = await make();
      await generator.close();
      const call = async () => generator.sample?.([request([LEONARDO])], OPTIONS);
      await expect(call()).rejects.toSatisfy(isCode('BACKEND_CLOSED'));
    },
    'samples plain data': async () => {
      const lists = await sample([request([LEONARDO])]);
      expect(JSON.parse(JSON.stringify(lists))).toEqual(lists);
    },
  };

  const seeded: Record<string, () => Promise<void>> = {
    'samples the same answer of a number, whichever other numbers are asked for': async () => {
      const requests = await conditions();
      const whole = await sample(requests);
      const parts = [await sample(requests, { count: 3 }), await sample(requests, { first: 3, count: 3 })];
      expect(requests.map((_, i) => parts.flatMap((part) => part[i]!))).toEqual(whole);
      const last = await sample(requests, { first: 5, count: 1 });
      expect(last).toEqual(whole.map((list) => list.slice(5)));
    },
    'samples the same answers together and alone, in any order, one call beside another': async () => {
      const requests = await conditions();
      const whole = await sample(requests);
      expect((await sample([...requests].reverse())).reverse()).toEqual(whole);
      expect(await sample([...requests, ...requests])).toEqual([...whole, ...whole]);
      expect(await Promise.all(requests.map((one) => sample([one])))).toEqual(whole.map((list) => [list]));
    },
    'samples the same answers as one made anew, after other temperatures and after an extend': async () => {
      const requests = (await conditions()).map(({ passages }) =>
        request(passages, 'Who is the woman of the picture?'),
      );
      const other = await make();
      const fresh = await other.sample!(requests, OPTIONS);
      await other.close();
      await sample(requests, { temperature: 0, count: 1 });
      expect(await sample(requests)).toEqual(fresh);
      await sample(requests, { temperature: 0.5 });
      const generator = await instance();
      await generator.extend([{ question: QUESTION, passage: LEONARDO, answerSoFar: [] }], GREEDY);
      expect(await sample(requests, { first: 3, count: 3 })).toEqual(fresh.map((list) => list.slice(3)));
    },
  };

  const skipping = (test: () => Promise<void>) => async (context?: TestContext) => {
    const { id, sample: able } = await instance();
    if (!able) context?.skip(`${id} cannot sample`);
    await test();
  };
  const all = { ...tests, ...(keepsSeeds ? seeded : {}) };
  return Object.fromEntries(Object.entries(all).map(([title, test]) => [title, skipping(test)]));
}
