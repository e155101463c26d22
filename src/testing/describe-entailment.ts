import { afterAll, expect } from 'vitest';
import type { CallOptions, Entailed, Entailment, EntailmentRequest } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { defineSuite, HOSTILE_TEXTS, type Make, type SuiteOptions, shared } from './suite.ts';

const of = (question: string, first: string, second: string): EntailmentRequest => ({ question, first, second });

/** Premise, hypothesis and what a sound model takes for the likeliest. */
export const EASY_ENTAILMENTS: readonly { readonly request: EntailmentRequest; readonly expected: keyof Entailed }[] = [
  {
    request: of(
      '',
      'The old lighthouse stands on the northern cliff above the harbour.',
      'The lighthouse stands on the cliff.',
    ),
    expected: 'entailment',
  },
  {
    request: of(
      'Which animal did the farmer sell?',
      'The farmer sold a young brown horse.',
      'The farmer sold a horse.',
    ),
    expected: 'entailment',
  },
  {
    request: of('', 'The bakery is open on Sunday morning.', 'The bakery is not open on Sunday morning.'),
    expected: 'contradiction',
  },
  {
    request: of('', 'A woman reads a newspaper on the train.', 'She is going to the wedding of her youngest sister.'),
    expected: 'neutral',
  },
];

/** Answers to one question, and whether they mean the same. */
export const EASY_EQUIVALENTS: readonly { readonly request: EntailmentRequest; readonly expected: boolean }[] = [
  { request: of('Who wrote the letter?', 'Anna Keller', 'It was written by Anna Keller.'), expected: true },
  { request: of('When was the mill built?', '1871', 'in the year 1871'), expected: true },
  { request: of('Which city keeps the archive?', 'Lisbon', 'Porto'), expected: false },
  { request: of('How many ships came back?', 'four', 'eleven of them'), expected: false },
];

const HOSTILE = HOSTILE_TEXTS.flatMap((text) => [
  of(text, 'Lisbon', 'Porto'),
  of('Which city keeps the archive?', text, 'Porto'),
  of('Which city keeps the archive?', 'Lisbon', text),
]);

const REQUESTS = [...EASY_ENTAILMENTS, ...EASY_EQUIVALENTS].map(({ request }) => request);
const turned = ({ question, first, second }: EntailmentRequest) => of(question, second, first);

type Output = Entailment['outputs'][number];
type Said = Entailed | number;
const OUTPUTS: readonly Output[] = ['entail', 'equivalent'];

const ask = (part: Entailment, output: Output, requests: readonly EntailmentRequest[], options?: CallOptions) =>
  part[output](requests, options) as Promise<Said[]>;

const numbersOf = (said: Said): number[] =>
  typeof said === 'number' ? [said] : [said.contradiction, said.neutral, said.entailment];

function expectSound(said: readonly Said[], output: Output, count: number): void {
  expect(said).toHaveLength(count);
  for (const one of said) {
    const values = numbersOf(one);
    for (const value of values) expect(value >= 0 && value <= 1, `${output} gave ${value}`).toBe(true);
    expect(typeof one).toBe(output === 'equivalent' ? 'number' : 'object');
    if (typeof one === 'number') continue;
    expect(Object.keys(one).sort()).toEqual(['contradiction', 'entailment', 'neutral']);
    expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
  }
}

function expectNear(actual: readonly Said[], expected: readonly Said[]): void {
  expect(actual).toHaveLength(expected.length);
  const wanted = expected.flatMap(numbersOf);
  for (const [i, value] of actual.flatMap(numbersOf).entries())
    expect(Math.abs(value - wanted[i]!), `number ${i}: ${value} and ${wanted[i]}`).toBeLessThanOrEqual(1e-4);
}

const rejectsWith = (call: Promise<unknown>, code: DiscernError['code']) =>
  expect(call).rejects.toSatisfy((error) => DiscernError.is(error, code));

/** The promises of the Entailment contract; what an output is asked for holds for each one that the part declares. */
export function describeEntailment(name: string, make: Make<Entailment>, { skip = [] }: SuiteOptions = {}): void {
  const instance = shared(make);
  afterAll(async () => (await instance()).close());

  defineSuite(`entailment ${name}`, skip, {
    'has a well-formed id and at least one output': async () => {
      const { id, outputs } = await instance();
      expect(id).toMatch(/^[a-z0-9][a-z0-9.-]*@[0-9a-z][0-9a-z.-]*$/);
      expect(outputs.length).toBeGreaterThan(0);
      for (const output of outputs) expect(OUTPUTS).toContain(output);
    },
    'gives probabilities: three that sum to one, or one': async () => {
      const part = await instance();
      for (const output of part.outputs) expectSound(await ask(part, output, REQUESTS), output, REQUESTS.length);
    },
    'answers an empty batch with an empty list': async () => {
      const part = await instance();
      for (const output of part.outputs) expect(await ask(part, output, [])).toEqual([]);
    },
    'does not depend on the batch': async () => {
      const part = await instance();
      for (const output of part.outputs) {
        const whole = await ask(part, output, REQUESTS);
        expectNear(await ask(part, output, REQUESTS), whole);
        expectNear((await ask(part, output, [...REQUESTS].reverse())).reverse(), whole);
        for (const [i, request] of REQUESTS.entries()) expectNear(await ask(part, output, [request]), [whole[i]!]);
      }
    },
    'answers a request that stands twice in a batch twice': async () => {
      const part = await instance();
      for (const output of part.outputs) {
        const [first, other, again] = await ask(part, output, [REQUESTS[0]!, REQUESTS[1]!, { ...REQUESTS[0]! }]);
        expectNear([again!], [first!]);
        expectNear([other!], await ask(part, output, [REQUESTS[1]!]));
      }
    },
    'survives hostile texts': async () => {
      const part = await instance();
      for (const output of part.outputs) expectSound(await ask(part, output, HOSTILE), output, HOSTILE.length);
    },
    'refuses an output that it does not declare': async () => {
      const part = await instance();
      for (const output of OUTPUTS.filter((one) => !part.outputs.includes(one)))
        await rejectsWith(ask(part, output, REQUESTS), 'INPUT_INVALID');
    },
    'stops when the signal has fired': async () => {
      const part = await instance();
      for (const output of part.outputs)
        await rejectsWith(ask(part, output, REQUESTS, { signal: AbortSignal.abort() }), 'ABORTED');
    },
    'takes identical answers for equivalent': async () => {
      const part = await instance();
      if (!part.outputs.includes('equivalent')) return;
      const answers = EASY_EQUIVALENTS.flatMap(({ request: { question, first, second } }) => [
        of(question, first, first),
        of(question, second, second),
      ]);
      for (const [i, chance] of (await part.equivalent(answers)).entries())
        expect(chance, answers[i]!.first).toBeGreaterThan(0.5);
    },
    'finds two answers as equivalent as the same two turned round': async () => {
      const part = await instance();
      if (!part.outputs.includes('equivalent')) return;
      expectNear(await part.equivalent(REQUESTS.map(turned)), await part.equivalent(REQUESTS));
    },
    'gets easy pairs of entail right': async () => {
      const part = await instance();
      if (!part.outputs.includes('entail')) return;
      const said = await part.entail(EASY_ENTAILMENTS.map(({ request }) => request));
      const wrong = EASY_ENTAILMENTS.flatMap(({ request, expected }, i) =>
        said[i]![expected] === Math.max(...numbersOf(said[i]!)) ? [] : [{ request, expected, said: said[i] }],
      );
      expect(wrong).toEqual([]);
    },
    'gets easy pairs of equivalent right': async () => {
      const part = await instance();
      if (!part.outputs.includes('equivalent')) return;
      const said = await part.equivalent(EASY_EQUIVALENTS.map(({ request }) => request));
      const wrong = EASY_EQUIVALENTS.flatMap(({ request, expected }, i) =>
        said[i]! > 0.5 === expected ? [] : [{ request, expected, said: said[i] }],
      );
      expect(wrong).toEqual([]);
    },
    'answers calls at once as one after another': async () => {
      const part = await instance();
      const calls = part.outputs.flatMap((output) => [
        () => ask(part, output, REQUESTS.slice(0, 4)),
        () => ask(part, output, REQUESTS.slice(4)),
      ]);
      const apart: Said[][] = [];
      for (const call of calls) apart.push(await call());
      const together = await Promise.all(calls.map((call) => call()));
      for (const [i, said] of together.entries()) expectNear(said, apart[i]!);
    },
    'closes twice, and refuses calls afterwards': async () => {
      const part = await make();
      await part.close();
      await part.close();
      for (const output of part.outputs) {
        await rejectsWith(ask(part, output, REQUESTS), 'BACKEND_CLOSED');
        await rejectsWith(ask(part, output, []), 'BACKEND_CLOSED');
      }
    },
    'returns plain data': async () => {
      const part = await instance();
      for (const output of part.outputs) {
        const said = await ask(part, output, REQUESTS);
        expect(JSON.parse(JSON.stringify(said))).toEqual(said);
      }
    },
  });
}
