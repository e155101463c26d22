import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config.ts';
import type { Critic } from '../../src/contracts.ts';
import { compareAnswers, type ReplayedAnswer } from '../../src/evaluate/critics/compare-answers.ts';
import { askBoth, heardCritic } from '../../src/evaluate/critics/compare-ask.ts';
import { openSwap, recordedCritic, replaySwapped } from '../../src/evaluate/critics/compare-traces.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { replayWithCritics } from '../../src/replay/critics.ts';
import { replay } from '../../src/replay.ts';
import { plainText } from '../../src/stages/answer.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { factSource, parseTrace } from '../../src/trace.ts';
import type { Answer, CritiqueRequest, Trace } from '../../src/types.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

const question = 'When was the tower built?';
const passages = [
  passageOf('tower', 'The tower was built in 1870. It has a clock.'),
  passageOf('bridge', 'The bridge was built in 1902. It is made of stone.'),
  passageOf('goat', 'Goats eat hay.'),
];

/** P(relevant) by passage; sentences of the passages and all else are liked. */
const critic = (id: string, relevant: Readonly<Record<string, number>>, asked: CritiqueRequest[] = []): Critic => {
  const said = scriptedCritic(
    (request): Record<string, number> => {
      const { kind } = request;
      if (kind === 'isRel') {
        const p = relevant[request.passage.id] ?? 0.9;
        return { relevant: p, irrelevant: 1 - p };
      }
      if (kind === 'isSup') return { fully: request.passage.id === 'bridge' ? 0.9 : 0.6, none: 0.1 };
      if (kind === 'isUse') return { '5': 1, '2': 0.5 };
      return { yes: 0.6, no: 0.4 };
    },
    { id, predictsContinue: false },
  );
  return {
    ...said,
    critique: (requests, options) => {
      asked.push(...requests);
      return said.critique(requests, options);
    },
  };
};
const CAREFUL = { tower: 0.8, bridge: 0.3, goat: 0.1 };
const EAGER = { tower: 0.4, bridge: 0.7, goat: 0.2 };
const LENIENT = { tower: 0.9, bridge: 0.6, goat: 0.55 };

const config: ConfigInput = { retrieve: { mode: 'adaptive' }, beam: { maxSegments: 2 } };

async function answerWith(one: Critic, more: ConfigInput = {}): Promise<Answer> {
  const critics = { retrieve: one, isRel: one, isSup: one, isUse: one };
  const parts = partsOf({ passages, critics, withContext: scriptedGenerator() });
  return answerQuestion(question, parts, configOf({ ...config, ...more }), { id: 'q1' });
}
const asRead = ({ trace }: Answer): Trace => parseTrace(JSON.stringify(trace));
/** A trace that holds what the generator says to any of the passages. */
const wideTrace = async (one: Critic): Promise<Trace> => {
  const trace = asRead(await answerWith(one));
  const more = asRead(await answerWith(critic('all@1', {})));
  const written = more.facts.filter(
    ({ role, key }) => role === 'extend' && !trace.facts.some((own) => own.key === key),
  );
  return { ...trace, facts: [...trace.facts, ...written] };
};
const contender = (one: Critic, isRelThreshold: number | null = null) => ({ critic: one, isRelThreshold });
const options = { now: () => 0, source: 'traces.jsonl', change: {} };

describe('a trace with critics that may be asked', () => {
  it('gives the recorded answer with the recorded ones', async () => {
    const trace = asRead(await answerWith(critic('a@1', CAREFUL)));
    const [one, other] = [await replayWithCritics(trace, (recorded) => recorded), await replay(trace)];
    expect(one.text).toBe(other.text);
    expect(one.decisions).toEqual(other.decisions);
    expect(one.trace.events).toEqual(other.trace.events);
    const timeless = ({ facts }: Trace) => facts.map(({ ms: _ms, ...fact }) => fact);
    expect(timeless(one.trace)).toEqual(timeless(other.trace));
  });

  it('gives the answer that the other critic would have given, where the generator was asked all it needs', async () => {
    const trace = await wideTrace(critic('a@1', CAREFUL));
    const b = critic('b@1', EAGER);
    const answer = await replayWithCritics(trace, () => ({ retrieve: b, isRel: b, isSup: b, isUse: b }));
    const live = await answerWith(critic('b@1', EAGER));
    expect(live.text).toBe('The bridge was built in 1902. [1] It is made of stone. [2]');
    expect(answer.text).toBe(live.text);
    expect(answer.decisions).toEqual(live.decisions);
  });
});

describe('what critics were asked, from a trace', () => {
  it('is every distinct request, exactly', async () => {
    const asked: CritiqueRequest[] = [];
    const a = critic('a@1', CAREFUL, asked);
    const trace = asRead(await answerWith(a));
    const swap = await openSwap(trace, contender(a), contender(critic('b@1', EAGER)), options);
    expect(swap.states.map(({ request }) => request)).toEqual(asked);
    const kinds = swap.states.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'isRel')).toHaveLength(3);
    expect(swap.states.map(({ kind, threshold }) => `${kind} ${threshold}`)).toEqual([
      ...['retrieve 0.2', 'isRel 0.5', 'isRel 0.5', 'isRel 0.5', 'isSup null', 'isUse null'],
      ...['retrieve 0.2', 'isSup null', 'isUse null'],
    ]);
    expect(swap.kinds).toEqual(['retrieve', 'isRel', 'isSup', 'isUse']);
  });

  it('sentences that are asked about as passages decide nothing', async () => {
    const a = critic('a@1', CAREFUL);
    const text = passages[0]!.text.slice(0, 28);
    const quotes = scriptedGenerator(({ passage }) => [{ text, quoted: passage && { start: 0, end: 28 } }]);
    const critics = { retrieve: a, isRel: a, isSup: a, isUse: a };
    const parts = partsOf({ passages: passages.slice(0, 1), critics, withContext: quotes });
    const trace = asRead(await answerQuestion(question, parts, configOf(config)));
    const { states } = await openSwap(trace, contender(a), contender(critic('b@1', EAGER)), options);
    expect(states.filter(({ kind }) => kind === 'isRel').map(({ source, threshold }) => [source, threshold])).toEqual([
      ['traces.jsonl', 0.5],
      ['traces.jsonl, sentences', null],
    ]);
  });

  it('only tokens that both predict; only those that A has in the trace change hands', async () => {
    const [a, other] = [critic('a@1', CAREFUL), critic('other@1', CAREFUL)];
    const critics = { retrieve: other, isRel: a, isSup: other, isUse: other };
    const parts = partsOf({ passages, critics, withContext: scriptedGenerator() });
    const trace = asRead(await answerQuestion(question, parts, configOf(config)));
    const b = { ...critic('b@1', EAGER), kinds: ['isRel', 'isSup'] as const };
    const swap = await openSwap(trace, contender(a), contender(b), options);
    expect(swap.kinds).toEqual(['isRel']);
    expect([...new Set(swap.states.map(({ kind }) => kind))]).toEqual(['isRel', 'isSup']);
    const foreign = await openSwap(trace, contender(critic('c@1', LENIENT), 0.35), contender(b), options);
    expect(foreign.kinds).toEqual(['isRel', 'isSup']);
    expect(foreign.states[0]!.threshold).toBe(0.35);
    const given = await openSwap(trace, contender(a), contender(b), {
      ...options,
      change: { isRel: { threshold: 0.7 } },
    });
    expect(given.states[0]!.threshold).toBe(0.7);
  });
});

describe('who is asked', () => {
  it('A speaks from its facts, B is asked each request once', async () => {
    const [ofA, ofB]: [CritiqueRequest[], CritiqueRequest[]] = [[], []];
    const a = critic('a@1', CAREFUL, ofA);
    const trace = asRead(await answerWith(a));
    const recorded = trace.facts.filter(({ role }) => role === 'critique');
    ofA.length = 0;
    let clock = 0;
    const now = () => (clock += 5);
    const swap = await openSwap(trace, contender(a), contender(critic('b@1', EAGER, ofB)), { ...options, now });
    const compared = await askBoth(swap.states, swap.a.critic, swap.b.critic, {});
    expect([compared.length, ofA.length, ofB.length]).toEqual([9, 0, 9]);
    expect(compared[1]).toMatchObject({ a: { probs: { relevant: 0.8 } }, b: { probs: { relevant: 0.4 } } });
    expect(swap.b.cost()).toEqual({ requests: 9, recorded: 0, calls: 1, ms: expect.closeTo(5, 1) });
    expect(swap.a.cost()).toMatchObject({ requests: 9, recorded: 9, calls: 0 });
    expect(swap.a.cost().ms).toBeCloseTo(
      recorded.reduce((sum, { ms }) => sum + ms, 0),
      2,
    );
    await replaySwapped(swap, swap.b, {}, {});
    expect(ofB).toHaveLength(9); // The same way was taken, and nothing is asked twice.
  });

  /** Decided by A, and told to B as well. */
  async function shadowed(b: Critic): Promise<Trace> {
    const a = critic('a@1', CAREFUL);
    const critics = { retrieve: a, isRel: a, isSup: a, isUse: a };
    const parts = { ...partsOf({ passages, critics, withContext: scriptedGenerator() }), shadow: b };
    return asRead(await answerQuestion(question, parts, configOf(config)));
  }

  it('what a shadow said in the trace is not asked again, and what it was not asked is', async () => {
    const asked: CritiqueRequest[] = [];
    const trace = await shadowed(critic('b@1', EAGER));
    const b = critic('b@1', EAGER, asked);
    const swap = await openSwap(trace, contender(critic('a@1', CAREFUL)), contender(b), options);
    const compared = await askBoth(swap.states, swap.a.critic, swap.b.critic, {});
    expect([compared.length, asked.length]).toEqual([9, 0]);
    expect(swap.b.cost()).toMatchObject({ requests: 9, recorded: 9, calls: 0 });
    expect(compared[1]).toMatchObject({ a: { probs: { relevant: 0.8 } }, b: { probs: { relevant: 0.4 } } });
    const other = { kind: 'isUse', question, answer: 'another answer' } as const;
    const known = compared[1]!.request;
    expect((await swap.b.critic.critique([other, known])).map(({ kind }) => kind)).toEqual(['isUse', 'isRel']);
    expect(asked).toEqual([other]);
    // Without B at hand, its words in the trace serve as well.
    const alone = recordedCritic('b@1', [trace])!;
    expect([alone.kinds.length, alone.predictsContinue]).toEqual([4, false]);
    const again = await openSwap(trace, contender(critic('a@1', CAREFUL)), contender(alone), options);
    expect((await askBoth(again.states, again.a.critic, again.b.critic, {})).map(({ b: said }) => said)).toEqual(
      compared.map(({ b: said }) => said),
    );
  });

  it('a shadow that failed is undecided', async () => {
    const broken: Critic = { ...critic('b@1', EAGER), critique: () => Promise.reject(new Error('gone')) };
    const trace = await shadowed(broken);
    const swap = await openSwap(trace, contender(critic('a@1', CAREFUL)), contender(broken), options);
    const compared = await askBoth(swap.states, swap.a.critic, swap.b.critic, {});
    expect(compared.map(({ b }) => b.undecided !== undefined)).toEqual(Array.from({ length: 9 }, () => true));
  });

  it('a critic of facts alone: its tokens follow from them, and a state without one is left out', async () => {
    const trace = asRead(await answerWith(critic('a@1', CAREFUL)));
    const shadow = asRead(await answerWith(critic('b@1', EAGER)));
    const isRelOf = (id: string) => (fact: Trace['facts'][number]) =>
      fact.role === 'critique' && JSON.stringify(fact.value).includes(id);
    const both = { ...trace, facts: [...trace.facts, ...shadow.facts.filter(isRelOf('isRel')).slice(0, 2)] };
    const b = recordedCritic('b@1', [both])!;
    expect([b.id, b.kinds, b.predictsContinue]).toEqual(['b@1', ['isRel'], false]);
    expect(recordedCritic('c@1', [both])).toBe(null);
    const swap = await openSwap(both, contender(recordedCritic('a@1', [both])!), contender(b), options);
    const compared = await askBoth(swap.states, swap.a.critic, swap.b.critic, {});
    expect([swap.states.length, compared.length]).toEqual([3, 2]);
    expect(compared.map(({ b: { probs } }) => probs.relevant)).toEqual([0.4, 0.7]);
  });

  it('what breaks the contract is refused, also in a fact', async () => {
    const trace = asRead(await answerWith(critic('a@1', CAREFUL)));
    const facts = trace.facts.map((fact) =>
      fact.role === 'critique'
        ? { ...fact, value: { kind: 'isRel', probs: { relevant: 2, irrelevant: -1 }, mass: 1 } }
        : fact,
    );
    const b = heardCritic(critic('a@1', CAREFUL), () => 0, factSource({ ...trace, facts }));
    const request = { kind: 'isRel', question, passage: passages[0]! } as const;
    const state = { kind: 'isRel', source: 's', request, truth: null, threshold: 0.5 } as const;
    await expect(askBoth([state], b.critic, b.critic, {})).rejects.toMatchObject({ code: 'CRITIC_INVALID' });
  });
});

describe('answers given again', () => {
  const swapOf = async (trace: Trace, b: Critic) =>
    openSwap(trace, contender(critic('a@1', CAREFUL)), contender(b), options);

  it('with A as recorded, with B as it would have been, and what it takes', async () => {
    const live = await answerWith(critic('a@1', CAREFUL));
    const swap = await swapOf(await wideTrace(critic('a@1', CAREFUL)), critic('b@1', EAGER));
    expect(await replaySwapped(swap, swap.a, {}, {})).toEqual({
      ...{ text: plainText(live), answered: true },
      ...{ calls: 5, critiques: 9, requests: live.trace.facts.length },
    });
    expect(await replaySwapped(swap, swap.b, {}, {})).toMatchObject({
      text: 'The bridge was built in 1902. It is made of stone.',
    });
    // Above 0.3 both stay; the bridge is better supported.
    const lower = await replaySwapped(swap, swap.b, { isRel: 0.3 }, {});
    expect(lower).toMatchObject({ text: 'The bridge was built in 1902. It is made of stone.', answered: true });
    expect(lower!.critiques).toBeGreaterThan(9);
    expect(await replaySwapped(swap, swap.b, { isRel: 0.75 }, {})).toMatchObject({ text: '', answered: false });
    // Retrieve is above no threshold of 0.6, and nobody answers without passages here.
    expect(await replaySwapped(swap, swap.b, { retrieve: 0.6 }, {})).toMatchObject({ answered: false });
  });

  it('a passage that the generator was never asked about is a gap, not a guess', async () => {
    const swap = await swapOf(asRead(await answerWith(critic('a@1', CAREFUL))), critic('b@1', EAGER));
    expect(await replaySwapped(swap, swap.b, {}, {})).toBe(null);
    expect(await replaySwapped(swap, swap.a, {}, {})).toMatchObject({
      text: 'The tower was built in 1870. It has a clock.',
    });
  });

  it('a threshold holds for a token that changes hands, and for no other', async () => {
    const [a, other] = [critic('a@1', CAREFUL), critic('other@1', CAREFUL)];
    const critics = { retrieve: a, isRel: other, isSup: other, isUse: other };
    const parts = partsOf({ passages, critics, withContext: scriptedGenerator() });
    const trace = asRead(await answerQuestion(question, parts, configOf(config)));
    const swap = await openSwap(trace, contender(a), contender(critic('b@1', EAGER)), options);
    expect(swap.kinds).toEqual(['retrieve']);
    expect(await replaySwapped(swap, swap.b, { isRel: 1 }, {})).toMatchObject({ answered: true });
    const fitted = await openSwap(trace, contender(a, 0.99), contender(critic('b@1', EAGER)), options);
    expect(await replaySwapped(fitted, fitted.a, {}, {})).toMatchObject({ answered: true });
  });
});

describe('what becomes of the answers', () => {
  const answer = (text: string, more: Partial<ReplayedAnswer> = {}): ReplayedAnswer => ({
    ...{ text, answered: text !== '', calls: 2, critiques: 6, requests: 10 },
    ...more,
  });
  const effect = compareAnswers(
    [
      { golds: ['1870'], a: answer('in 1870'), b: { unchanged: answer('in 1902'), transferred: answer('in 1870') } },
      { golds: ['hay'], a: answer('Hay.'), b: { unchanged: answer(''), transferred: null } },
      { golds: null, a: answer('x'), b: { unchanged: answer('x', { calls: 4 }), transferred: answer('x') } },
      { golds: ['y'], a: null, b: { unchanged: answer('y'), transferred: answer('y') } },
    ],
    1,
  );

  it('is counted where both have an answer', () => {
    expect([effect.questions, effect.covered]).toEqual([4, 3]);
    expect(Object.keys(effect.variants)).toEqual(['unchanged', 'transferred']);
    expect(effect.variants.unchanged).toMatchObject({
      ...{ covered: 3, changed: { mean: 2 / 3, n: 3 }, answered: { a: { mean: 1 }, b: { mean: 2 / 3 } } },
      gold: { a: { mean: 1, n: 2 }, b: { mean: 0, n: 2 }, gain: { mean: -1, ci95: [-1, -1] } },
      calls: { a: { mean: 2 }, b: { mean: 8 / 3 } },
    });
    // F1: `in 1902` shares one of two words with nothing: 0 of `1870`; a declined answer is 0.
    expect(effect.variants.unchanged!.f1).toMatchObject({ a: { mean: (2 / 3 + 1) / 2 }, b: { mean: 0 } });
    expect(effect.variants.transferred).toMatchObject({
      ...{ covered: 2, changed: { mean: 0 }, gold: { gain: { mean: 0, n: 1 } } },
    });
  });

  it('without gold answers says nothing of them', () => {
    const { variants } = compareAnswers([{ golds: null, a: answer('x'), b: { unchanged: answer('y') } }], 1);
    expect(variants.unchanged).toMatchObject({ changed: { mean: 1 }, gold: { a: null, b: null, gain: null } });
  });
});
