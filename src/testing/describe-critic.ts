import { afterAll, expect } from 'vitest';
import type { Critic } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { makePassage } from '../text/passage.ts';
import { type Critique, type CritiqueRequest, type Passage, REFLECTIONS, type ReflectionKind } from '../types.ts';
import { defineSuite, HOSTILE_TEXTS, type Make, type SuiteOptions, shared } from './suite.ts';

/** A request that a sound critic gets right: its most probable label is among the expected ones. */
export interface EasyPair {
  readonly request: CritiqueRequest;
  readonly expected: readonly string[];
}

export interface CriticSuiteOptions extends SuiteOptions {
  /** Replaces the built-in easy pairs, for critics of other languages or fields. */
  readonly pairs?: readonly EasyPair[];
}

/** A passage that is a whole document of its own. */
export const passageOf = (text: string, id = 'suite'): Passage =>
  makePassage({ id, title: null, text, pages: [], headings: [], metadata: {} }, { start: 0, end: text.length });

const FACTS = [
  ['Who painted the Mona Lisa?', 'The Mona Lisa was painted by Leonardo da Vinci.'],
  ['When did the Berlin Wall fall?', 'The Berlin Wall did fall in November 1989.'],
  ['How tall is Mount Everest?', 'Mount Everest is 8,849 metres tall.'],
  ['Which gas do plants take in for photosynthesis?', 'For photosynthesis plants take in the gas carbon dioxide.'],
] as const;
const RECIPE = 'Knead butter and flour, then bake at 180 degrees until golden.';

const isRel = (question: string, text: string): CritiqueRequest => ({
  kind: 'isRel',
  question,
  passage: passageOf(text),
});
const isSup = (question: string, text: string, segment: string): CritiqueRequest => ({
  kind: 'isSup',
  question,
  passage: passageOf(text),
  segment,
});
const isUse = (question: string, answer: string): CritiqueRequest => ({ kind: 'isUse', question, answer });
const retrieve = (question: string): CritiqueRequest => ({ kind: 'retrieve', question, answerSoFar: '' });

/** Five for each kind, the last one negative. */
export const EASY_PAIRS: readonly EasyPair[] = [
  ...FACTS.map(([question, text]) => ({ request: isRel(question, text), expected: ['relevant'] })),
  { request: isRel(FACTS[0][0], RECIPE), expected: ['irrelevant'] },
  ...FACTS.map(([question, text]) => ({ request: isSup(question, `${text} ${RECIPE}`, text), expected: ['fully'] })),
  { request: isSup(FACTS[0][0], RECIPE, FACTS[0][1]), expected: ['none'] },
  ...FACTS.map(([question, text]) => ({ request: isUse(question, text), expected: ['4', '5'] })),
  { request: isUse(FACTS[0][0], RECIPE), expected: ['1', '2'] },
  ...FACTS.map(([question]) => ({ request: retrieve(question), expected: ['yes'] })),
  { request: retrieve('Write a cheerful line about spring.'), expected: ['no'] },
];

const hostileRequests = (kind: ReflectionKind): CritiqueRequest[] =>
  HOSTILE_TEXTS.flatMap((text): CritiqueRequest[] => {
    if (kind === 'isRel') return [isRel(text, RECIPE), isRel(FACTS[0][0], text)];
    if (kind === 'isSup') return [isSup(FACTS[0][0], text, FACTS[0][1]), isSup(text, FACTS[0][1], text)];
    if (kind === 'isUse') return [isUse(text, FACTS[0][1]), isUse(FACTS[0][0], text)];
    return [retrieve(text), { kind: 'retrieve', question: FACTS[0][0], answerSoFar: text }];
  });

const best = ({ probs }: Critique): string => Object.entries(probs).reduce((a, b) => (b[1] > a[1] ? b : a))[0];

function expectSound(critique: Critique, kind: ReflectionKind): void {
  expect(critique.kind).toBe(kind);
  expect(Object.keys(critique.probs).sort()).toEqual([...REFLECTIONS[kind]].sort());
  const values = Object.values(critique.probs);
  for (const value of values) expect(value >= 0 && value <= 1, `a probability of ${value}`).toBe(true);
  expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
  expect(critique.mass > 0 && critique.mass <= 1, `a mass of ${critique.mass}`).toBe(true);
  for (const label of Object.keys(critique.undecided?.bounds ?? {})) expect(REFLECTIONS[kind]).toContain(label);
}

function expectNear(actual: readonly Critique[], expected: readonly Critique[]): void {
  expect(actual.map(({ kind }) => kind)).toEqual(expected.map(({ kind }) => kind));
  actual.forEach((critique, i) => {
    for (const [label, value] of Object.entries(expected[i]!.probs))
      expect(
        Math.abs((critique.probs as Record<string, number>)[label]! - value),
        `${label} of request ${i}`,
      ).toBeLessThanOrEqual(1e-4);
  });
}

/** The promises of the Critic contract. Run it on every critic: `describeCritic('mine', () => mine())`. */
export function describeCritic(
  name: string,
  make: Make<Critic>,
  { skip = [], pairs = EASY_PAIRS }: CriticSuiteOptions = {},
): void {
  const instance = shared(make);
  const mine = async () => {
    const critic = await instance();
    return { critic, easy: pairs.filter(({ request }) => critic.kinds.includes(request.kind)) };
  };
  afterAll(async () => (await instance()).close());

  defineSuite(`critic ${name}`, skip, {
    'has a well-formed id and at least one kind': async () => {
      const { critic } = await mine();
      expect(critic.id).toMatch(/^[a-z0-9][a-z0-9.-]*@[0-9a-z][0-9a-z.-]*$/);
      expect(critic.kinds.length).toBeGreaterThan(0);
      for (const kind of critic.kinds) expect(Object.keys(REFLECTIONS)).toContain(kind);
    },
    'returns exactly the labels, summing to one, with a mass': async () => {
      const { critic, easy } = await mine();
      for (const kind of critic.kinds) {
        const requests = easy.map(({ request }) => request).filter((request) => request.kind === kind);
        expect(requests.length, `easy pairs for ${kind}`).toBeGreaterThan(0);
        const critiques = await critic.critique(requests);
        expect(critiques).toHaveLength(requests.length);
        for (const critique of critiques) expectSound(critique, kind);
      }
    },
    'answers an empty batch with an empty list': async () => {
      const { critic } = await mine();
      expect(await critic.critique([])).toEqual([]);
    },
    'does not depend on the batch': async () => {
      const { critic, easy } = await mine();
      const requests = easy.map(({ request }) => request);
      const whole = await critic.critique(requests);
      expectNear(await critic.critique(requests), whole);
      expectNear((await critic.critique([...requests].reverse())).reverse(), whole);
      const single: Critique[] = [];
      for (const request of requests.slice(0, 6)) single.push(...(await critic.critique([request])));
      expectNear(single, whole.slice(0, 6));
    },
    'survives hostile texts': async () => {
      const { critic } = await mine();
      for (const kind of critic.kinds) {
        const requests = hostileRequests(kind);
        const critiques = await critic.critique(requests);
        expect(critiques).toHaveLength(requests.length);
        for (const critique of critiques) expectSound(critique, kind);
      }
    },
    'refuses a kind that it does not declare': async () => {
      const { critic } = await mine();
      const other = EASY_PAIRS.map(({ request }) => request).find(({ kind }) => !critic.kinds.includes(kind));
      const unknown = { kind: 'isFunny', question: 'why' } as unknown as CritiqueRequest;
      await expect(critic.critique([other ?? unknown])).rejects.toSatisfy((error) =>
        DiscernError.is(error, 'CRITIC_KIND_UNSUPPORTED'),
      );
    },
    'stops when the signal has fired': async () => {
      const { critic, easy } = await mine();
      const call = critic.critique([easy[0]!.request], { signal: AbortSignal.abort() });
      await expect(call).rejects.toSatisfy((error) => DiscernError.is(error, 'ABORTED'));
    },
    'gets easy pairs right': async () => {
      const { critic, easy } = await mine();
      const critiques = await critic.critique(easy.map(({ request }) => request));
      const wrong = easy.flatMap(({ request, expected }, i) =>
        expected.includes(best(critiques[i]!)) ? [] : [{ request, expected, probs: critiques[i]!.probs }],
      );
      expect(wrong).toEqual([]);
    },
    'answers two calls at once as one after another': async () => {
      const { critic, easy } = await mine();
      const [first, second] = [easy.slice(0, 2), easy.slice(-2)].map((part) => part.map(({ request }) => request)) as [
        CritiqueRequest[],
        CritiqueRequest[],
      ];
      const apart = [await critic.critique(first), await critic.critique(second)];
      const together = await Promise.all([critic.critique(first), critic.critique(second)]);
      expectNear(together.flat(), apart.flat());
    },
    'closes twice, and refuses calls afterwards': async () => {
      const critic = await make();
      const { easy } = await mine();
      await critic.close();
      await critic.close();
      await expect(critic.critique([easy[0]!.request])).rejects.toSatisfy((error) =>
        DiscernError.is(error, 'BACKEND_CLOSED'),
      );
    },
    'returns plain data': async () => {
      const { critic, easy } = await mine();
      const critiques = await critic.critique(easy.map(({ request }) => request));
      expect(JSON.parse(JSON.stringify(critiques))).toEqual(critiques);
    },
  });
}
