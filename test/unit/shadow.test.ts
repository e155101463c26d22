import { describe, expect, it } from 'vitest';
import { cascadeCritic } from '../../src/backends/critic/cascade.ts';
import { outageCritic } from '../../src/backends/critic/outage.ts';
import type { Critic } from '../../src/contracts.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { replay } from '../../src/replay.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { parseTrace } from '../../src/trace.ts';
import type { Answer, Critique, CritiqueRequest, Trace } from '../../src/types.ts';
import { changed, counted, failing, UNDECIDED_REL } from './critic-composed-fixtures.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

const tower = passageOf('tower', 'The tower was built in 1902. It is 31 metres high.');
const mill = passageOf('mill', 'The mill grinds rye. It has two wheels.');
const question = 'When was the tower built?';

const oracle = (request: CritiqueRequest): Record<string, number> => {
  if (request.kind === 'isRel')
    return request.passage.text.includes('tower')
      ? { relevant: 0.9, irrelevant: 0.1 }
      : { relevant: 0.2, irrelevant: 0.8 };
  if (request.kind === 'isSup') return { fully: 0.8, partially: 0.1, none: 0.1 };
  return request.kind === 'isUse' ? { '5': 1 } : { yes: 0.3, no: 0.7 };
};
/** Says the opposite of relevance. */
const contrary = (request: CritiqueRequest): Record<string, number> =>
  request.kind === 'isRel'
    ? { relevant: 1 - oracle(request).relevant!, irrelevant: oracle(request).relevant! }
    : oracle(request);

const a = scriptedCritic(oracle, { id: 'a@1', predictsContinue: false });
const b = scriptedCritic(contrary, { id: 'b@1', predictsContinue: false });
const partsWith = (critic: Critic, shadow: Critic | null = null) => ({
  ...partsOf({
    passages: [tower, mill],
    critics: { retrieve: critic, isRel: critic, isSup: critic, isUse: critic },
    withContext: scriptedGenerator(),
  }),
  shadow,
});
const factsOf = ({ trace }: Answer, backend: string) =>
  trace.facts.filter((fact) => fact.role === 'critique' && fact.backend === backend);
const degradedOf = ({ trace }: Answer) => trace.events.filter(({ type }) => type === 'degraded');
const stored = (trace: Trace): Trace => parseTrace(JSON.stringify(trace));
/** The answer again, of the trace as a file holds it, with its events too. */
const again = async ({ trace }: Answer) => (await replay(stored(trace))).trace;

describe('shadow', () => {
  it('is asked the same, decides nothing, and its critiques are facts of its own', async () => {
    const asked = counted(b);
    const still = { now: () => 0 }; // no time passes, so that the costs are equal too
    const alone = await answerQuestion(question, partsWith(a), configOf(), still);
    const answer = await answerQuestion(question, partsWith(a, asked.critic), configOf(), still);
    expect({ ...answer, trace: null }).toEqual({ ...alone, trace: null });
    expect(answer.trace.events).toEqual(alone.trace.events);
    expect(answer.trace.backends).toEqual({ ...alone.trace.backends, 'critic.shadow': 'b@1' });
    expect(answer.trace.abilities['critic.shadow']).toEqual({ retrieve: true, isRel: true, isSup: true, isUse: true });
    const [own, other] = [factsOf(answer, 'a@1'), factsOf(answer, 'b@1')];
    expect(other.map(({ key }) => key)).toEqual(own.map(({ key }) => key));
    expect(asked.batches.flat()).toHaveLength(own.length);
    expect(own[0]!.value).toMatchObject({ probs: { relevant: 0.9 } });
    expect(other[0]!.value).toMatchObject({ probs: { relevant: expect.closeTo(0.1, 12) } });
  });

  it('is asked only what it predicts, and nothing that it is asked anyway', async () => {
    const relOnly = counted(scriptedCritic(contrary, { id: 'b@1', kinds: ['isRel'] }));
    const answer = await answerQuestion(question, partsWith(a, relOnly.critic), configOf());
    expect(new Set(relOnly.batches.flat().map(({ kind }) => kind))).toEqual(new Set(['isRel']));
    expect(answer.trace.abilities['critic.shadow']).toEqual({ isRel: true });
    const itself = counted(a);
    const parts = partsWith(b, itself.critic);
    await answerQuestion(question, { ...parts, critics: { ...parts.critics, isSup: a } }, configOf());
    expect(new Set(itself.batches.flat().map(({ kind }) => kind))).toEqual(new Set(['isRel', 'isUse']));
  });

  it('is outside the budget', async () => {
    let clock = 0;
    const slow: Critic = {
      ...b,
      critique: (requests, options) => {
        clock += 1000;
        return b.critique(requests, options);
      },
    };
    const config = configOf({ budget: { calls: 5, ms: 500 } });
    const alone = await answerQuestion(question, partsWith(a), config, { now: () => clock });
    const answer = await answerQuestion(question, partsWith(a, slow), config, { now: () => clock });
    expect(clock).toBeGreaterThan(1000);
    expect(answer.text).toBe(alone.text);
    expect(answer.decisions).toEqual(alone.decisions);
  });

  it('is replayed bit for bit', async () => {
    const answer = await answerQuestion(question, partsWith(a, b), configOf(), { id: 'trace' });
    expect(factsOf(answer, 'b@1').length).toBeGreaterThan(4);
    expect(await again(answer)).toEqual(stored(answer.trace));
  });

  it('is not needed in a replay, nor all of it', async () => {
    const answer = await answerQuestion(question, partsWith(a, b), configOf());
    const mine = answer.trace.facts.filter(({ backend }) => backend === 'b@1');
    const some = { ...answer.trace, facts: answer.trace.facts.filter((fact) => !mine.slice(0, 3).includes(fact)) };
    const half = await replay(stored(some));
    expect(half.text).toBe(answer.text);
    expect(half.trace.facts).toEqual(some.facts);
    const { 'critic.shadow': _, ...backends } = answer.trace.backends;
    const bare = { ...answer.trace, backends, facts: answer.trace.facts.filter(({ backend }) => backend !== 'b@1') };
    expect((await replay(stored(bare))).trace.facts).toEqual(bare.facts);
  });

  it.each([
    ['an outage', failing(b, 'BACKEND_TIMEOUT').critic, 'b@1: BACKEND_TIMEOUT; undecided'],
    [
      'any other error',
      { ...b, critique: () => Promise.reject(new RangeError('/home/me')) },
      'b@1: RangeError; undecided',
    ],
    ['what breaks the contract', changed(b, () => ({ mass: 2 })).critic, 'b@1: CRITIC_INVALID; undecided'],
    ['too few critiques', { ...b, critique: async () => [] }, 'b@1: CRITIC_INVALID; undecided'],
  ] satisfies [string, Critic, string][])(
    '%s is an event, an undecided fact, and fails nothing',
    async (_, shadow, reason) => {
      const alone = await answerQuestion(question, partsWith(a), configOf());
      const answer = await answerQuestion(question, partsWith(a, shadow), configOf());
      expect(answer.text).toBe(alone.text);
      expect(degradedOf(answer)).toEqual([{ type: 'degraded', level: 0, role: 'critic.shadow', reason }]);
      expect(factsOf(answer, 'b@1')[0]!.value).toEqual({
        ...UNDECIDED_REL,
        degraded: reason.replace('; undecided', ''),
      });
      expect((await again(answer)).events).toEqual(answer.trace.events);
    },
  );

  it('is asked once the answer is there', async () => {
    const seen: string[] = [];
    const late: Critic = {
      ...b,
      critique: (requests, options) => {
        seen.push('shadow');
        return b.critique(requests, options);
      },
    };
    const onEvent = ({ type }: { type: string }) => void seen.push(type);
    const answer = await answerQuestion(question, partsWith(a, late), configOf(), { onEvent });
    expect(seen.indexOf('shadow')).toBe(answer.trace.events.length);
  });

  it('stops with the question', async () => {
    const stop = new AbortController();
    const hanging: Critic = {
      ...b,
      critique: (_, options) =>
        new Promise((_, reject) => {
          options!.signal!.addEventListener('abort', () => reject(new Error('given up')));
          stop.abort();
        }),
    };
    const aborted = answerQuestion(question, partsWith(a, hanging), configOf(), { signal: stop.signal });
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('outage in a question', () => {
  it('another critic answers; an event for each token, once; replay tells the same', async () => {
    const out = outageCritic(failing(a, 'BACKEND_UNAVAILABLE').critic, b);
    const answer = await answerQuestion(question, partsWith(out), configOf());
    // The contrary critic keeps the mill.
    expect(answer.citations.map(({ docId }) => docId)).toEqual(['mill', 'mill']);
    expect(degradedOf(answer)).toEqual(
      ['isRel', 'isSup', 'isUse'].map((role) => ({
        type: 'degraded',
        level: 0,
        role,
        reason: 'a@1: BACKEND_UNAVAILABLE; b@1 answered',
      })),
    );
    expect(answer.trace.backends['critic.isRel']).toBe('a@1');
    expect((factsOf(answer, 'a@1')[0]!.value as Critique).by).toBe('b@1');
    expect(await again(answer)).toEqual(stored(answer.trace));
  });

  it('undecided: passages stay, terms are left out', async () => {
    const out = outageCritic(failing(a, 'BACKEND_TIMEOUT').critic, 'undecided');
    const answer = await answerQuestion(question, partsWith(out), configOf());
    expect(answer.decisions.map(({ outcome }) => outcome)).toEqual(['retrieve', 'kept', 'kept', 'reuse', 'reuse']);
    expect(answer.segments[0]!.score.parts).toEqual({ lm: 0, isRel: null, isSup: null, isUse: null });
    expect(degradedOf(answer)[0]).toEqual({
      type: 'degraded',
      level: 0,
      role: 'isRel',
      reason: 'a@1: BACKEND_TIMEOUT; undecided',
    });
    expect(await again(answer)).toEqual(stored(answer.trace));
  });

  it('events have one order, whichever of two critics answers first', async () => {
    const late = (critic: Critic, ms: number): Critic => ({
      ...critic,
      critique: async (requests, options) => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return critic.critique(requests, options);
      },
    });
    const reasons = async (first: number, second: number) => {
      const one = late(outageCritic(failing(a, 'BACKEND_TIMEOUT').critic, 'undecided'), first);
      const other = late(outageCritic(failing(b, 'BACKEND_TIMEOUT').critic, 'undecided'), second);
      const parts = partsWith(one);
      const answer = await answerQuestion(
        question,
        { ...parts, critics: { ...parts.critics, isUse: other } },
        configOf(),
      );
      return degradedOf(answer).map((event) => ('reason' in event ? event.reason : ''));
    };
    expect(await reasons(1, 15)).toEqual(await reasons(15, 1));
  });

  it('the dear critic of a cascade is asked only what is close', async () => {
    const dear = counted(b);
    const cheap = counted(a);
    const cascade = cascadeCritic({
      cheap: cheap.critic,
      dear: dear.critic,
      thresholds: { isRel: 0.5, isSup: 0.5, isUse: 0.5 },
      band: 0.35,
    });
    const answer = await answerQuestion(question, partsWith(cascade), configOf({ beam: { maxSegments: 1 } }));
    // Of isRel 0.9 is clear and 0.2 is close; isSup is 0.85, which is close, and isUse 1.
    expect(cheap.batches.map((batch) => batch.length)).toEqual([2, 4]);
    expect(dear.batches.map((batch) => batch.map(({ kind }) => kind))).toEqual([['isRel'], ['isSup', 'isSup']]);
    expect(cascade.asked).toEqual({ cheap: 6, dear: 3 });
    expect(factsOf(answer, 'cascade-a.1-b.1@1').map(({ value }) => (value as Critique).by)).toEqual(
      expect.arrayContaining(['a@1', 'b@1']),
    );
    expect(await again(answer)).toEqual(stored(answer.trace));
  });

  it('composed critics and a shadow leave the budget as it is: recall, isRel, generation, the critics of its segments', async () => {
    const thresholds = { isRel: 0.5, isSup: 0.5, isUse: 0.5 };
    const cascade = cascadeCritic({ cheap: a, dear: b, thresholds, band: 0.35 });
    const spent = async (critic: Critic, shadow: Critic | null) => {
      const answer = await answerQuestion(question, partsWith(critic, shadow), configOf({ budget: { calls: 4 } }));
      return answer.decisions.filter(({ about }) => about === 'budget').map(({ value, level }) => [value, level]);
    };
    expect(await spent(a, null)).toEqual([[4, 1]]);
    expect(await spent(cascade, null)).toEqual([[4, 1]]);
    expect(await spent(a, b)).toEqual([[4, 1]]);
  });
});
