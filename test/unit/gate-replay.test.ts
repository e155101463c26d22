import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { replay } from '../../src/replay.ts';
import { parseTrace } from '../../src/trace.ts';
import type { Trace } from '../../src/types.ts';
import {
  CLUELESS,
  estimator,
  eventsOf,
  gateConfig,
  KNOWS,
  leaflet,
  question,
  tower,
  type World,
  worldOf,
} from './gate-fixtures.ts';
import { configOf } from './parts.ts';

async function record(world: World = {}, config = gateConfig()) {
  const { parts } = worldOf(world);
  const live = await answerQuestion(question, parts, config, { id: 'q1' });
  return { live, trace: parseTrace(JSON.stringify(live.trace)) };
}
const gateOf = async (trace: Trace, gate: ConfigInput['gate'], other: ConfigInput = {}) => {
  const answer = await replay(trace, { ...other, gate });
  return { answer, gate: eventsOf(answer, 'gate-decided')[0] };
};
const missing = expect.objectContaining({ code: 'REPLAY_FACT_MISSING' });
const stopping = [{ measure: 'helps' as const, samples: 3, risk: 0.02, margin: 0.36 }];

describe('a recorded gate', () => {
  it.each([
    ['keeps', {}, {}],
    ['drops', { passages: [leaflet], beliefs: KNOWS }, {}],
    ['refuses', { passages: [leaflet], beliefs: CLUELESS }, {}],
    ['stops early', { estimator: { ...estimator, stopping } }, {}],
    ['draws in steps', { estimator: { ...estimator, stopping: [{ ...stopping[0]!, margin: 0.45 }] } }, {}],
    ['measures each passage', { passages: [leaflet, tower] }, { perPassage: true }],
    ['compares by entailment', {}, { equivalence: 'strict' }],
    ['is not asked', {}, { when: 'uncertain' }],
    [
      'runs out of budget',
      { estimator: { ...estimator, stopping: [{ ...stopping[0]!, margin: 0.5 }] } },
      {},
      { budget: { calls: 5 } },
    ],
  ] as [string, World, ConfigInput['gate'], ConfigInput?][])(
    'that %s gives the same answer bit for bit, without a model',
    async (_, world, gate, other) => {
      const { live, trace } = await record(world, gateConfig(gate, other));
      expect(JSON.stringify(await replay(trace))).toBe(JSON.stringify(live));
    },
  );

  it('holds one fact for each sample and each comparison, the parts, and the estimate', async () => {
    const { trace } = await record();
    const count = (wanted: string) => trace.facts.filter(({ role }) => role === wanted).length;
    expect([count('sample'), count('entail'), count('critique')]).toEqual([20, 3, 1 + 1 + 2]);
    expect(trace.backends).toMatchObject({ 'gate.sample': 'scripted@1', 'gate.entail': 'scripted@1' });
    expect(trace.abilities['gate.sample']).toEqual({ logprobs: true, closedBook: true, quotes: false });
    expect(trace.gate).toEqual(estimator);
  });

  it('an answer that cannot be, of log-probability -Infinity, stays so in JSON', async () => {
    const impossible = { text: 'in 1870', tokens: 2, logprobs: [-0.1, Number.NEGATIVE_INFINITY] };
    const tower = (_: unknown, index: number) => (index < 9 ? impossible : 'in 1902');
    const { live, trace } = await record({ beliefs: { tower } });
    expect(eventsOf(live, 'gate-decided')[0]!.meanings.with[0]).toEqual({ text: 'in 1902', probability: 1 });
    expect(JSON.stringify(await replay(trace))).toBe(JSON.stringify(live));
  });
});

describe('a gate replayed with other options', () => {
  it('decides by another threshold', async () => {
    const { trace } = await record();
    expect((await gateOf(trace, { threshold: 0.83 })).gate!.action).toBe('keep');
    // What the model says alone was never recorded here; what the gate makes of the context was.
    await expect(replay(trace, { gate: { threshold: 0.84 } })).rejects.toEqual(missing);
    const dropped = await record({ passages: [leaflet], beliefs: CLUELESS });
    expect((await gateOf(dropped.trace, { threshold: 0.55 })).answer.unanswered?.reason).toBe('uncertain');
    await expect(replay(dropped.trace, { gate: { threshold: 0.49 } })).rejects.toEqual(missing);
  });

  it('decides by another measure of the same facts', async () => {
    const { trace } = await record({ passages: [leaflet], beliefs: CLUELESS });
    const value = async (measure: NonNullable<ConfigInput['gate']>['measure']) =>
      (await gateOf(trace, { measure, threshold: 3 })).gate!.value;
    expect(await value('supported')).toBeCloseTo(0.1, 9);
    expect(await value('entropyReduction')).toBeCloseTo(Math.log(10), 9);
    expect(await value('closedBookDoubt')).toBeCloseTo(0.9, 9);
    expect(await value('pseudoSeper')).toBe(1);
    expect(await value('disagreement')).toBe(1);
    const kept = await record();
    expect((await gateOf(kept.trace, { measure: 'isRel' })).gate).toMatchObject({
      action: 'keep',
      value: 0.9,
      samples: 0,
    });
  });

  it('takes fewer samples than were recorded, never more', async () => {
    const { trace } = await record({ passages: [leaflet], beliefs: CLUELESS });
    const fewer = await gateOf(trace, { samples: 4 });
    expect(fewer.gate).toMatchObject({ action: 'refuse', samples: 4, samplesAtMost: 4 });
    expect(fewer.gate!.entropy.without).toBeCloseTo(Math.log(4), 9);
    expect(fewer.gate!.features.closedBookDoubt).toBeCloseTo(0.75, 9);
    await expect(replay(trace, { gate: { samples: 11 } })).rejects.toEqual(missing);
    await expect(replay(trace, { gate: { temperature: 0.9 } })).rejects.toEqual(missing);
  });

  it('stops earlier at a higher risk', async () => {
    const { trace } = await record({ estimator: { ...estimator, stopping } }, gateConfig({ risk: 0 }));
    const early = await gateOf(trace, { risk: 0.02 });
    expect([early.gate!.samples, early.answer.text]).toEqual([3, 'The tower was built in 1902. [1]']);
  });

  it('is left out on request', async () => {
    const { trace } = await record();
    const { answer, gate } = await gateOf(trace, { when: 'never' });
    expect([gate, answer.text]).toEqual([undefined, 'The tower was built in 1902. [1]']);
  });
});

describe('a trace without a gate', () => {
  it('cannot answer for one that needs samples', async () => {
    const { parts } = worldOf();
    const { trace } = await answerQuestion(question, { ...parts, gate: null }, configOf());
    expect(trace.gate).toBeUndefined();
    const run = replay(parseTrace(JSON.stringify(trace)), { gate: { when: 'always' } });
    await expect(run).rejects.toMatchObject({
      code: 'REPLAY_FACT_MISSING',
      message: 'gate.measure helps asks for sampled answers, and the trace was recorded without any',
    });
    const { gate } = await gateOf(trace, { when: 'always', measure: 'isRel', threshold: 0.85 });
    expect(gate).toMatchObject({ action: 'keep', value: 0.9 });
  });

  it('or one that was not asked: there are no facts of it', async () => {
    const { trace } = await record({}, gateConfig({ when: 'uncertain' }));
    await expect(replay(trace, { gate: { when: 'always' } })).rejects.toEqual(missing);
    expect((await gateOf(trace, { when: 'always', measure: 'recall' })).gate).toMatchObject({ value: 0.9 });
  });
});
