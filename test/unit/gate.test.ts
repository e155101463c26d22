import { describe, expect, it } from 'vitest';
import type { Generator } from '../../src/contracts.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { readAloud, scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import {
  CLUELESS,
  estimator,
  eventsOf,
  gateConfig,
  KNOWS,
  leaflet,
  question,
  samplesOf,
  tower,
  type World,
  worldOf,
} from './gate-fixtures.ts';
import { configOf, partsOf } from './parts.ts';

const sigmoid = (logOdds: number) => 1 / (1 + Math.exp(-logOdds));
async function ask(world: World, config = gateConfig()) {
  const { parts, calls } = worldOf(world);
  const answer = await answerQuestion(question, parts, config);
  return { answer, calls, gate: eventsOf(answer, 'gate-decided')[0] };
}
const quotes = scriptedGenerator(readAloud, { id: 'quotes@1', abilities: { quotes: true } });

describe('what becomes of a context', () => {
  it('one that helps is kept, and answered from', async () => {
    const { answer, gate, calls } = await ask({ passages: [tower] });
    // supported 0.8: (0.8 - 0.5) / 0.25 = 1.2; doubt 0.6: 0.4
    expect(gate!.value).toBeCloseTo(sigmoid(1.6), 9);
    expect(gate).toMatchObject({ action: 'keep', threshold: 0.5, samples: 10, samplesAtMost: 10, level: 0 });
    expect(gate!.shares.map(({ feature, logOdds }) => [feature, Number(logOdds.toFixed(9))])).toEqual([
      ['supported', 1.2],
      ['closedBookDoubt', 0.4],
    ]);
    expect([answer.text, answer.usedContext]).toEqual(['The tower was built in 1902. [1]', true]);
    expect(answer.decisions.find(({ about }) => about === 'gate')).toEqual({
      about: 'gate',
      outcome: 'keep',
      value: gate!.value,
      threshold: 0.5,
      reason: 'helps: above the threshold',
      passageId: null,
      level: 0,
    });
    // "in 1902" is said in both conditions: three texts, three pairs.
    expect(calls).toEqual({ samples: ['tower, alone: 0-9'], comparisons: [3] });
  });

  it('one that misleads a model that knows is dropped, and the model answers alone', async () => {
    const { answer, gate } = await ask({ passages: [leaflet], beliefs: KNOWS });
    expect(gate!.value).toBeCloseTo(sigmoid(-1.6 - 2), 9);
    expect(gate).toMatchObject({ action: 'drop', reason: 'not above the threshold' });
    expect([answer.text, answer.usedContext, answer.unanswered]).toEqual(['I think 1902.', false, null]);
    // Without the gate it is answered from.
    const trusting = await ask({ passages: [leaflet], beliefs: KNOWS }, configOf());
    expect(trusting.answer.text).toBe('A leaflet says that the tower was built in 1870. [1]');
    expect([trusting.gate, trusting.calls]).toEqual([undefined, { samples: [], comparisons: [] }]);
  });

  it('is a refusal where the model alone is uncertain too, unless refusing is off', async () => {
    // supported 0.1: -1.6; doubt 0.9: +1.6; ten meanings: entropy ln 10, above ln 3
    const { answer, gate } = await ask({ passages: [leaflet], beliefs: CLUELESS });
    expect(gate!.value).toBeCloseTo(0.5, 9);
    expect(gate!.action).toBe('refuse');
    expect(gate!.entropy.without).toBeCloseTo(Math.log(10), 9);
    expect(answer.unanswered).toEqual({
      reason: 'uncertain',
      detail: 'the passages do not help, and the answers without them are uncertain',
    });
    const off = await ask({ passages: [leaflet], beliefs: CLUELESS }, gateConfig({ refuse: false }));
    expect([off.gate!.action, off.answer.text]).toEqual(['drop', 'I think 1902.']);
    const bold = await ask({ passages: [leaflet], beliefs: CLUELESS }, gateConfig({ maxEntropy: 2.31 }));
    expect([bold.gate!.action, bold.answer.text]).toEqual(['drop', 'I think 1902.']);
  });

  it('with quotes a dropped context leaves no answer, or the model alone on request', async () => {
    const world = { passages: [leaflet], beliefs: KNOWS, withContext: quotes };
    expect((await ask(world)).answer.unanswered).toEqual({
      reason: 'context-dropped',
      detail: 'the gate dropped them, and gate.closedBook is off',
    });
    const alone = await ask(world, gateConfig({ closedBook: true }));
    expect([alone.answer.text, alone.answer.usedContext]).toEqual(['I think 1902.', false]);
    const nobody = await ask({ ...world, closedBook: null }, gateConfig({ closedBook: true }));
    expect(nobody.answer.unanswered).toEqual({ reason: 'no-generator', detail: 'generate.closedBook is none' });
  });

  it('stays where the measure is undefined: the model said nothing', async () => {
    const silent = { tower: () => '', alone: () => '' };
    const { answer, gate } = await ask({ beliefs: silent });
    expect(gate).toMatchObject({ action: 'keep', value: null, reason: 'the measure is undefined here' });
    expect(gate!.meanings).toEqual({ with: [], without: [] });
    expect(answer.text).toBe('The tower was built in 1902. [1]');
  });

  it('is decided by a single measure, which asks for no more than it needs', async () => {
    const seed = await ask({ passages: [leaflet], beliefs: KNOWS }, gateConfig({ measure: 'entropyReduction' }));
    expect(seed.gate).toMatchObject({ action: 'drop', value: 0, threshold: 0, features: { supported: null } });
    const { gate, calls } = await ask({}, gateConfig({ measure: 'isRel', threshold: 0.89 }));
    expect(gate).toMatchObject({ action: 'keep', value: 0.9, samples: 0, features: { entropyReduction: null } });
    expect(calls).toEqual({ samples: [], comparisons: [] });
  });

  it('the scores of the passages are those of the best, and its lead', async () => {
    const { gate } = await ask({ passages: [leaflet, tower] });
    expect(gate!.features.isRel).toBe(0.9);
    expect(gate!.features.isRelMargin).toBeCloseTo(0.1, 12);
    expect(gate!.features).toMatchObject({ recall: 0.9, rerank: null });
  });

  it('without a language model is an error that says what to do', async () => {
    const { parts } = worldOf();
    const broken = { ...parts, gate: { ...parts.gate!, sampler: quotes } };
    await expect(answerQuestion(question, broken, gateConfig())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'gate.measure helps needs sampled answers, and no language model is configured for them',
    });
    await expect(answerQuestion(question, { ...parts, gate: null }, gateConfig())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('a model that draws fewer samples than asked for is an error, not a shorter list', async () => {
    const { parts } = worldOf();
    const { sampler } = parts.gate!;
    const lazy: Generator = {
      ...sampler!,
      sample: async (requests, options) => (await sampler!.sample!(requests, options)).map((list) => list.slice(1)),
    };
    const run = answerQuestion(question, { ...parts, gate: { ...parts.gate!, sampler: lazy } }, gateConfig());
    await expect(run).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
      message: 'scripted@1 gave 9, 9 samples for 2 requests of 10',
    });
  });

  it('stops when the signal fires', async () => {
    const controller = new AbortController();
    const aborts = () => {
      controller.abort();
      return 'in 1902';
    };
    const { parts, calls } = worldOf({ beliefs: { alone: aborts } });
    const run = answerQuestion(question, parts, gateConfig(), { signal: controller.signal });
    await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
    expect(calls.comparisons).toEqual([]);
  });
});

describe('when it is asked', () => {
  it('uncertain: only where P(relevant) or P(retrieve) is near its threshold', async () => {
    const far = await ask({}, gateConfig({ when: 'uncertain' }));
    expect(eventsOf(far.answer, 'gate-skipped')).toEqual([
      { type: 'gate-skipped', level: 0, reason: 'relevance and Retrieve are far from their thresholds' },
    ]);
    expect([far.gate, far.calls.samples, far.answer.usedContext]).toEqual([undefined, [], true]);
    const near = await ask({}, gateConfig({ when: 'uncertain', near: 0.41 }));
    expect([near.gate!.action, near.calls.samples.length]).toEqual(['keep', 1]);
    // P(retrieve) 0.9 against 0.85, where relevance is far.
    const retrieve = { retrieve: { mode: 'adaptive', threshold: 0.85 } } as const;
    expect((await ask({}, gateConfig({ when: 'uncertain' }, retrieve))).gate!.action).toBe('keep');
  });

  it('not without passages', async () => {
    const { answer, calls } = await ask({}, gateConfig({}, { isRel: { threshold: 0.95 } }));
    expect(answer.unanswered?.reason).toBe('no-evidence');
    expect([calls.samples, eventsOf(answer, 'gate-skipped'), eventsOf(answer, 'gate-decided')]).toEqual([[], [], []]);
  });

  it('each new recall once: a later one that is dropped leaves the evidence at hand', async () => {
    const asked: string[] = [];
    const writer = scriptedGenerator(
      ({ passage, answerSoFar }) => [
        answerSoFar.length === 0 ? { text: 'It is old.', end: false } : (passage?.text ?? 'I do not know.'),
      ],
      { samples: samplesOf(KNOWS) },
    );
    const { parts } = worldOf({ beliefs: KNOWS, withContext: writer });
    const recaller: typeof parts.recaller = {
      id: 'two@1',
      recall: async (queries) =>
        queries.map((query) => {
          asked.push(query);
          const passage = query === question ? tower : leaflet;
          return [{ passage, recallRank: 1, recallScore: 0.9, rerankScore: null }];
        }),
    };
    const config = gateConfig({ measure: 'supported' }, { beam: { maxSegments: 2 } });
    const answer = await answerQuestion(question, { ...parts, recaller }, config);
    expect(asked).toEqual([question, `${question} It is old.`]);
    expect(eventsOf(answer, 'gate-decided').map(({ level, action }) => [level, action])).toEqual([
      [0, 'keep'],
      [1, 'drop'],
    ]);
    expect(answer.segments.map(({ passageId }) => passageId)).toEqual(['tower', 'tower']);
  });
});

describe('the cost', () => {
  const stopping = (margin: number) => ({
    ...estimator,
    stopping: [{ measure: 'helps' as const, samples: 3, risk: 0.02, margin }],
  });

  it('sampling ends where the measure is far enough from its threshold', async () => {
    // 3 samples: supported 0.8, doubt 2/3: P = sigmoid(1.2 + 2/3) = 0.866, at 0.366 from the threshold
    const { gate, calls, answer } = await ask({ estimator: stopping(0.36) });
    expect(gate!.value).toBeCloseTo(sigmoid(1.2 + 2 / 3), 9);
    expect(gate).toMatchObject({ action: 'keep', samples: 3, samplesAtMost: 10 });
    expect(calls.samples).toEqual(['tower, alone: 0-2']);
    expect(answer.trace.facts.filter(({ role }) => role === 'sample')).toHaveLength(6);
  });

  it('and goes on where it is not, asking only for what is new', async () => {
    const { gate, calls } = await ask({ estimator: stopping(0.45) });
    expect(gate!.samples).toBe(10);
    expect(calls).toEqual({
      samples: ['tower, alone: 0-2', 'tower, alone: 3-4', 'tower, alone: 5-7', 'tower, alone: 8-9'],
      comparisons: [3],
    });
  });

  it('all are drawn at once where no margin was measured, at no risk, and for what may be refused', async () => {
    const once = ['tower, alone: 0-9'];
    expect((await ask({})).calls.samples).toEqual(once);
    expect((await ask({ estimator: stopping(0) }, gateConfig({ risk: 0 }))).calls.samples).toEqual(once);
    const lost = { passages: [leaflet], beliefs: CLUELESS, estimator: stopping(0) };
    expect((await ask(lost)).gate).toMatchObject({ action: 'refuse', samples: 10 });
    expect((await ask(lost, gateConfig({ refuse: false }))).gate).toMatchObject({ action: 'drop', samples: 3 });
  });

  it('a budget that is spent before the gate leaves it out', async () => {
    const { answer, calls } = await ask({}, gateConfig({}, { budget: { calls: 2 } }));
    expect(eventsOf(answer, 'gate-skipped')).toEqual([
      { type: 'gate-skipped', level: 0, reason: 'the budget is spent' },
    ]);
    expect(calls.samples).toEqual([]);
    expect(answer.unanswered?.reason).toBe('budget');
  });

  it('one that is spent on the way stops the sampling, and what there is decides', async () => {
    // recall, isRel, samples, comparison, isSup: 5
    const world = { estimator: stopping(0.5), passages: [leaflet], beliefs: KNOWS };
    const { answer, gate, calls } = await ask(world, gateConfig({ refuse: false }, { budget: { calls: 5 } }));
    expect(calls.samples).toEqual(['leaflet, alone: 0-2']);
    expect(gate).toMatchObject({ action: 'drop', samples: 3, samplesAtMost: 10 });
    expect(eventsOf(answer, 'budget-spent')).toEqual([{ type: 'budget-spent', level: 0, limit: 'calls', value: 5 }]);
    const tokens = await ask(world, gateConfig({ refuse: false }, { budget: { tokens: 12 } }));
    expect([tokens.gate!.samples, eventsOf(tokens.answer, 'budget-spent')[0]]).toMatchObject([3, { value: 12 }]);
  });
});

describe('the utility of each passage', () => {
  // With both passages every second answer is wrong: supported (0.8 + 0.1) / 2; with the tower 0.8, with the leaflet 0.1.
  const torn = {
    passages: [leaflet, tower],
    beliefs: {
      tower: ({ passages }: { passages: readonly unknown[] }, index: number) =>
        passages.length > 1 && index % 2 === 1 ? 'in 1870' : 'in 1902',
    },
  };
  const supported = { measure: 'supported', threshold: 0.4 } as const;

  it('is the measure with all minus the measure of the others, and one that hurts is told', async () => {
    const { answer, gate, calls } = await ask(torn, gateConfig({ ...supported, perPassage: true }));
    expect(gate!.value).toBeCloseTo(0.45, 9);
    expect(gate!.utilities.map(({ passageId }) => passageId)).toEqual(['leaflet', 'tower']);
    expect(gate!.utilities[0]!.value).toBeCloseTo(0.45 - 0.8, 9);
    expect(gate!.utilities[1]!.value).toBeCloseTo(0.45 - 0.1, 9);
    expect(eventsOf(answer, 'negative-utility')).toEqual([
      {
        type: 'negative-utility',
        level: 0,
        passageId: 'leaflet',
        value: gate!.utilities[0]!.value,
        measure: 'supported',
      },
    ]);
    expect(calls.samples).toEqual(['leaflet+tower, alone: 0-9', 'tower, leaflet: 0-9']);
    // Told, and no more: both passages go on.
    expect(new Set(eventsOf(answer, 'segment-scored').map(({ passageId }) => passageId))).toEqual(
      new Set(['leaflet', 'tower']),
    );
  });

  it('orders the passages on request, without those that hurt', async () => {
    const { answer } = await ask(torn, gateConfig(supported, { rerank: { by: 'utility' } }));
    expect(eventsOf(answer, 'segment-scored').map(({ passageId }) => passageId)).toEqual(['tower']);
    expect(answer.text).toBe('The tower was built in 1902. [1]');
  });

  it('of a single passage is its distance from the threshold', async () => {
    const { gate, calls } = await ask({}, gateConfig({ measure: 'supported', perPassage: true }));
    expect(gate!.utilities[0]).toMatchObject({ passageId: 'tower' });
    expect(gate!.utilities[0]!.value).toBeCloseTo(0.3, 9);
    expect(calls.samples).toHaveLength(1);
  });

  it('is not asked for where the budget is spent', async () => {
    const config = gateConfig({ ...supported, perPassage: true }, { budget: { calls: 5 } });
    const { gate, calls } = await ask(torn, config);
    expect([gate!.utilities, calls.samples.length]).toEqual([[], 1]);
  });
});

it('a gate without critics goes by what is left: the measures of the samples', async () => {
  const { parts } = worldOf();
  const alone = scriptedCritic(() => ({ '5': 1 }), { kinds: ['isUse'] });
  const bare = partsOf({
    ...{ passages: [tower], critics: { isUse: alone }, gate: parts.gate },
    withContext: parts.generators.withContext,
  });
  const [gate] = eventsOf(await answerQuestion(question, bare, gateConfig()), 'gate-decided');
  expect(gate!.features).toMatchObject({ supported: null, isRel: null, recall: 0.9 });
  expect(gate!.value).toBeCloseTo(sigmoid(0.4), 9);
});
