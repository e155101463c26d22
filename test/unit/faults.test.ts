import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { saidBy, saysSame } from '../../src/evaluate/faults/blame.ts';
import type { FaultReport } from '../../src/evaluate/faults/fault-report.ts';
import { findFaults } from '../../src/evaluate/faults/faults.ts';
import { FAULT_STAGES, type FaultStage, stageSets } from '../../src/evaluate/faults/stages.ts';
import type { Fact, Trace } from '../../src/types.ts';
import {
  baseline,
  chance,
  critic,
  PASSAGES,
  QUESTIONS,
  recaller,
  record,
  reranker,
  sampler,
  type World,
} from './faults-fixtures.ts';

const compare = (a: readonly Trace[], b: readonly Trace[]): Promise<FaultReport> =>
  findFaults({ name: 'a', traces: a }, { name: 'b', traces: b });

const named = ({ questions }: FaultReport): string[] =>
  [...new Set(questions.map(({ stages, by }) => `${stages.join('+')} by ${by}`))].sort();

const half = recaller(PASSAGES.filter((_, i) => i % 2 === 0));

const PLANTED: readonly [what: string, world: World, stage: FaultStage][] = [
  ['an index without half of the passages', { recaller: half }, 'recall'],
  ['fewer recalled passages', { config: { recall: { topK: 2 } } }, 'recall'],
  ['a reversed reranker', { reranker: reranker(-1) }, 'rerank'],
  ['another reranker', { reranker: reranker(-1, 'reranker@2') }, 'rerank'],
  ['no reranker', { reranker: null }, 'rerank'],
  ['another number of kept passages', { config: { rerank: { topN: 1 } } }, 'rerank'],
  ['a critic with swapped labels', { critic: critic(true) }, 'critic'],
  ['another critic', { critic: critic(true, 'critic@2') }, 'critic'],
  [
    'another critic with its threshold',
    { critic: critic(true, 'critic@2'), config: { isRel: { threshold: 0.6 } } },
    'critic',
  ],
  ['other samples', { sampler: sampler(true) }, 'gate'],
  ['another threshold of the gate', { config: { gate: { threshold: 3 } } }, 'gate'],
  ['another seed', { config: { generate: { seed: 1 } } }, 'generator'],
  ['another threshold of IsREL', { config: { isRel: { threshold: 0.8 } } }, 'settings'],
  ['other weights', { config: { weights: { isRel: -3 } } }, 'settings'],
  ['no retrieval', { config: { retrieve: { mode: 'never' } } }, 'settings'],
  ['a spent budget', { config: { budget: { calls: 3 } } }, 'settings'],
];

const planted = new Map<World, Promise<readonly Trace[]>>();
const runOf = (world: World): Promise<readonly Trace[]> => {
  const known = planted.get(world) ?? record(world);
  planted.set(world, known);
  return known;
};

describe('a planted regression', () => {
  it.each(PLANTED)('%s is blamed on its stage, in every changed answer', async (_what, world, stage) => {
    const report = await compare(await baseline(), await runOf(world));
    expect(report.changed).toBeGreaterThan(2);
    expect(named(report)).toEqual([`${stage} by substitution`]);
    expect(report.questions.flatMap(({ untried }) => untried)).toEqual([]);
    const row = report.stages.find((one) => one.stage === stage);
    expect(row).toMatchObject({ blamed: report.changed, alone: report.changed, bySubstitution: report.changed });
    expect(report.sets).toEqual([{ stages: [stage], questions: report.changed }]);
  });

  it.each(PLANTED)('%s, undone, is blamed on the same stage', async (_what, world, stage) => {
    const report = await compare(await runOf(world), await baseline());
    expect(report.changed).toBeGreaterThan(2);
    expect(named(report)).toEqual([`${stage} by substitution`]);
  });
});

/** One fault of each stage, that goes together with the others. */
const FAULTS: Readonly<Record<FaultStage, World>> = {
  recall: { recaller: half },
  rerank: { reranker: reranker(-1) },
  critic: { critic: critic(true) },
  gate: { sampler: sampler(true) },
  generator: { config: { generate: { seed: 1 } } },
  settings: { config: { isRel: { threshold: 0.8 } } },
};
const withFaults = (stages: readonly FaultStage[]): World => ({
  ...Object.assign({}, ...stages.map((stage) => FAULTS[stage])),
  config: Object.assign({}, ...stages.map((stage) => FAULTS[stage].config ?? {})),
});
const PAIRS = stageSets(FAULT_STAGES).filter((set) => set.length === 2);

describe('two faults at once', () => {
  it('are named together, or alone where putting one right is enough, as live runs show', async () => {
    const run = (stages: readonly FaultStage[]) => record({ ...withFaults(stages), questions: QUESTIONS.slice(0, 4) });
    const before = await run([]);
    const alone = new Map<FaultStage, Trace[]>();
    for (const stage of FAULT_STAGES) alone.set(stage, await run([stage]));
    let both = 0;
    for (const [one, other] of PAIRS as [FaultStage, FaultStage][]) {
      const report = await compare(before, await run([one, other]));
      expect(report.changed).toBeGreaterThan(0);
      for (const { id, stages, by, untried, unchecked } of report.questions) {
        const at = before.findIndex((trace) => trace.id === id);
        /** Whether the run with the other fault alone says what the baseline says. */
        const heals = (stage: FaultStage) =>
          saysSame(saidBy(alone.get(stage === one ? other : one)![at]!.answer), saidBy(before[at]!.answer));
        const tried = (stage: FaultStage) => !untried.some((set) => set.length === 1 && set[0] === stage);
        const rest = [one, other].filter((stage) => !stages.includes(stage));
        const isSaid = rest.length > 0 && rest.every((stage) => unchecked.includes(stage));
        const enough = [one, other].find((stage) => tried(stage) && heals(stage));
        expect(by).toBe('substitution');
        if (!isSaid)
          expect({ one, other, id, stages }).toEqual({ one, other, id, stages: enough ? [enough] : [one, other] });
        if (stages.length === 2) both += 1;
      }
    }
    expect(both).toBeGreaterThan(15);
  });

  it.each([
    ['rerank', 'critic'],
    ['recall', 'critic'],
    ['recall', 'generator'],
    ['rerank', 'generator'],
    ['critic', 'settings'],
  ] as const)('%s and %s are both named', async (one, other) => {
    const report = await compare(await baseline(), await record(withFaults([one, other])));
    expect(new Set(report.questions.flatMap(({ stages }) => stages))).toEqual(new Set([one, other]));
    expect(report.sets[0]!.stages).toEqual([one, other]);
  });
});

describe('a model without a shared request', () => {
  it('is believed by its id, and the blame says so', async () => {
    // The reversed reranker keeps the last three of twelve: the critic is asked about none of them in both runs.
    const config = { recall: { topK: 12 }, beam: { maxSegments: 1 } };
    const before = await record({ config });
    const one = await compare(before, await record({ config, reranker: reranker(-1) }));
    const two = await compare(before, await record({ config, reranker: reranker(-1), critic: critic(true) }));
    for (const report of [one, two]) {
      expect(report.changed).toBeGreaterThan(2);
      expect(named(report)).toEqual(['rerank by substitution']);
      expect(report.backends.find(({ kind }) => kind === 'isRel')).toMatchObject({ status: 'unknown', shared: 0 });
      expect(report.questions.every(({ unchecked }) => unchecked.includes('critic'))).toBe(true);
      expect(report.stages.find(({ stage }) => stage === 'critic')).toMatchObject({
        blamed: 0,
        unchecked: report.changed,
      });
    }
  });

  it('is none that changed for another kind of token', async () => {
    const report = await compare(await baseline(), await record({ reranker: reranker(-1), critic: critic(true) }));
    const rows = report.backends.filter(({ role }) => role === 'critique');
    expect(rows.find(({ kind }) => kind === 'isRel')).toMatchObject({ status: 'changed' });
    expect(named(report)).toContain('rerank+critic by substitution');
    expect(report.questions.flatMap(({ unchecked }) => unchecked)).not.toContain('critic');
  });
});

describe('what changes no answer', () => {
  it('is blamed on nobody: the same run', async () => {
    const report = await compare(await baseline(), await baseline());
    expect(report).toMatchObject({
      changed: 0,
      otherFactsSameAnswer: 0,
      questions: [],
      sets: [],
      parts: [],
      options: [],
    });
    expect(report.stages.map(({ blamed }) => blamed)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(new Set(report.backends.map(({ status }) => status))).toEqual(new Set(['unchanged']));
  });

  const shuffled = (from: number) =>
    recaller(PASSAGES, (list, question) => [
      ...list.slice(0, from),
      ...list.slice(from).sort((a, b) => chance('shuffle', question, a.id) - chance('shuffle', question, b.id)),
    ]);

  it('is blamed on nobody: a shuffle of recall below the reranker', async () => {
    const report = await compare(await baseline(), await record({ recaller: shuffled(0) }));
    expect(report).toMatchObject({ pairs: 8, changed: 0, otherFactsSameAnswer: 8 });
    const { status, shared, differing } = report.backends.find(({ role }) => role === 'recall')!;
    expect({ status, differing }).toEqual({ status: 'changed', differing: shared });
  });

  it('is blamed on nobody: a shuffle of recall below topN, without a reranker', async () => {
    const report = await compare(
      await record({ reranker: null, config: { recall: { topK: 12 } } }),
      await record({ reranker: null, config: { recall: { topK: 12 } }, recaller: shuffled(3) }),
    );
    expect(report).toMatchObject({ changed: 0, otherFactsSameAnswer: 8 });
  });

  it('takes no blame from a fault beside it', async () => {
    const config = { beam: { maxSegments: 1 } };
    const report = await compare(
      await record({ config }),
      await record({ config, recaller: shuffled(0), reranker: reranker(-1) }),
    );
    expect(report.changed).toBeGreaterThan(2);
    expect(named(report)).toEqual(['rerank by substitution']);
  });

  it('any world against itself', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray([...FAULT_STAGES]), async (stages) => {
        const traces = await record({ ...withFaults(stages), questions: ['What happened to the mill?'] });
        const report = await compare(traces, traces);
        expect(report).toMatchObject({ changed: 0, otherFactsSameAnswer: 0 });
      }),
      { numRuns: 8 },
    );
  });
});

const withFacts = (traces: readonly Trace[], change: (fact: Fact) => Fact | null): Trace[] =>
  traces.map((trace) => ({ ...trace, facts: trace.facts.flatMap((fact) => change(fact) ?? []) }));

describe('where facts are missing', () => {
  it.each([
    ['recall', 'rerank'],
    ['rerank', 'critique'],
    ['critic', 'extend'],
    ['gate', 'entail'],
    ['generator', 'critique'],
    ['settings', 'extend'],
  ] as const)('a fault of %s is told by the first difference', async (stage, role) => {
    const [before, after] = [await baseline(), await record(FAULTS[stage])];
    const report = await compare(
      withFacts(before, (fact) => (fact.role === role ? null : fact)),
      withFacts(after, (fact) => (fact.role === role ? null : fact)),
    );
    expect(report.changed).toBeGreaterThan(2);
    expect(named(report)).toEqual([`${stage} by first difference`]);
    expect(report.stages.find((one) => one.stage === stage)).toMatchObject({
      blamed: report.changed,
      bySubstitution: 0,
      byFirstDifference: report.changed,
    });
    expect(report.notReplayed.a).toEqual(before.map(({ id }) => id));
    expect(report.questions.every(({ untried }) => untried.length > 0)).toBe(true);
  });

  it('the other run lends what the same model said', async () => {
    const [before, after] = [await baseline(), await record({ critic: critic(true) })];
    // The reranker is the same in both runs, so that its scores may be from either.
    const report = await compare(
      withFacts(before, (fact) => (fact.role === 'rerank' ? null : fact)),
      after,
    );
    expect(report.changed).toBeGreaterThan(2);
    expect(named(report)).toEqual(['critic by substitution']);
  });
});

describe('which model changed', () => {
  const statusOf = (report: FaultReport) =>
    Object.fromEntries(report.backends.map(({ role, kind, status }) => [kind ?? role, status]));

  it('is told for each kind of token of a critic', async () => {
    const after = withFacts(await baseline(), (fact) => {
      const value = fact.value as { kind?: string; probs?: Record<string, number> };
      return value.kind === 'isSup'
        ? { ...fact, value: { ...value, probs: { fully: 0, partially: 0, none: 1 } } }
        : fact;
    });
    const report = await compare(await baseline(), after);
    expect(statusOf(report)).toEqual({
      ...{ recall: 'unchanged', rerank: 'unchanged', sample: 'unchanged', entail: 'unchanged', extend: 'unchanged' },
      ...{ isRel: 'unchanged', isSup: 'changed', isUse: 'unchanged' },
    });
    expect(report.questions.flatMap(({ stages }) => stages).every((stage) => stage === 'critic')).toBe(true);
  });

  it('noise does not make a model another, and blames nobody', async () => {
    const noisy = (traces: readonly Trace[]) =>
      withFacts(traces, (fact) =>
        fact.role === 'rerank' ? { ...fact, value: (fact.value as number) + 1e-6 * chance(fact.key) } : fact,
      );
    const same = await compare(await baseline(), noisy(await baseline()));
    expect(same).toMatchObject({ changed: 0, otherFactsSameAnswer: 0 });
    const report = await compare(await baseline(), noisy(await record({ recaller: half })));
    expect(statusOf(report)).toMatchObject({ recall: 'changed', rerank: 'unchanged' });
    expect(named(report)).toEqual(['recall by substitution']);
  });

  it('one odd answer of hundreds does not make a model another', async () => {
    const before = await record({ config: { recall: { topK: 12 } } });
    const odd = before[0]!.facts.find(({ role }) => role === 'rerank')!;
    const report = await compare(
      before,
      withFacts(before, (fact) => (fact === odd ? { ...fact, value: 99 } : fact)),
    );
    expect(report.backends.find(({ role }) => role === 'rerank')).toMatchObject({
      ...{ status: 'unchanged', differing: 1 },
    });
    expect(report.otherFactsSameAnswer + report.changed).toBe(1);
  });

  it('too few shared requests say nothing: the id is believed', async () => {
    const questions = ['What happened to the mill?'];
    const report = await compare(
      await record({ questions }),
      await record({ questions, config: { generate: { seed: 1 } } }),
    );
    expect(report.backends.find(({ role }) => role === 'extend')).toMatchObject({ status: 'unknown', shared: 0 });
  });
});

describe('a budget of time', () => {
  it('that a slower model spends is blamed on it', async () => {
    const budget = { calls: null, tokens: null, ms: 40 };
    const limited = (traces: readonly Trace[], ms: number) =>
      withFacts(traces, (fact) => (fact.role === 'rerank' ? { ...fact, ms } : fact)).map((trace) => ({
        ...trace,
        config: { ...trace.config, budget },
      }));
    const report = await compare(limited(await baseline(), 1), limited(await baseline(), 10));
    expect(report.changed).toBe(8);
    expect(named(report)).toEqual(['rerank by substitution']);
    expect(report.backends.every(({ status }) => status === 'unchanged')).toBe(true);
  });
});

describe('sets of stages', () => {
  it('come by size, then earliest first, each once', () => {
    const sets = stageSets(FAULT_STAGES);
    expect(sets).toHaveLength(63);
    expect(new Set(sets.map((set) => set.join())).size).toBe(63);
    expect(sets.slice(0, 8).map((set) => set.join('+'))).toEqual([
      ...['recall', 'rerank', 'critic', 'gate', 'generator', 'settings'],
      ...['recall+rerank', 'recall+critic'],
    ]);
    expect(sets.at(-1)).toEqual(FAULT_STAGES);
    expect(stageSets([])).toEqual([]);
    expect(stageSets(['critic', 'settings'])).toEqual([['critic'], ['settings'], ['critic', 'settings']]);
  });
});
