import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config.ts';
import type { FaultReport } from '../../src/evaluate/faults/fault-report.ts';
import { findFaults } from '../../src/evaluate/faults/faults.ts';
import { pairTraces } from '../../src/evaluate/faults/pairs.ts';
import { FAULT_STAGES, type FaultStage, stageSets } from '../../src/evaluate/faults/stages.ts';
import { answerMetric } from '../../src/evaluate/metrics/registry.ts';
import type { Trace } from '../../src/types.ts';
import {
  chance,
  critic,
  PASSAGES,
  QUESTIONS,
  recaller,
  record,
  reranker,
  sampler,
  type World,
  writer,
} from './faults-fixtures.ts';

const half = recaller(PASSAGES.filter((_, i) => i % 2 === 0));
const swapped = critic(true);

const compare = async (a: World, b: World): Promise<FaultReport> =>
  findFaults({ name: 'a', traces: await record(a) }, { name: 'b', traces: await record(b) });

const named = ({ questions }: FaultReport): string[] => [
  ...new Set(questions.map(({ stages, by }) => `${stages.join('+')} by ${by}`)),
];

const PLANTED: readonly [what: string, world: World, stage: FaultStage][] = [
  ['an index without half of the passages', { recaller: half }, 'recall'],
  ['fewer recalled passages', { config: { recall: { topK: 2 } } }, 'recall'],
  ['a reversed reranker', { reranker: reranker(-1) }, 'rerank'],
  ['another reranker', { reranker: reranker(-1, 'reranker@2') }, 'rerank'],
  ['no reranker', { reranker: null }, 'rerank'],
  ['another number of kept passages', { config: { rerank: { topN: 1 } } }, 'rerank'],
  ['a critic with swapped labels', { critic: swapped }, 'critic'],
  ['another critic', { critic: critic(true, 'critic@2') }, 'critic'],
  ['other samples', { sampler: sampler(true) }, 'gate'],
  ['another threshold of the gate', { config: { gate: { threshold: 3 } } }, 'gate'],
  ['another seed', { config: { generate: { seed: 1 } } }, 'generator'],
  ['another threshold of IsREL', { config: { isRel: { threshold: 0.8 } } }, 'settings'],
  ['other weights', { config: { weights: { isRel: -3 } } }, 'settings'],
  ['no retrieval', { config: { retrieve: { mode: 'never' } } }, 'settings'],
  ['a spent budget', { config: { budget: { calls: 3 } } }, 'settings'],
];

describe('a planted regression', () => {
  it.each(PLANTED)('%s is blamed on its stage, in every changed answer', async (_what, world, stage) => {
    const report = await compare({}, world);
    expect(report.changed).toBeGreaterThan(2);
    expect(named(report)).toEqual([`${stage} by substitution`]);
    expect(report.questions.flatMap(({ untried }) => untried)).toEqual([]);
    const row = report.stages.find((one) => one.stage === stage);
    expect(row).toMatchObject({ blamed: report.changed, alone: report.changed, bySubstitution: report.changed });
    expect(report.sets).toEqual([{ stages: [stage], questions: report.changed }]);
  });

  it.each(PLANTED)('%s, undone, is blamed on the same stage', async (_what, world, stage) => {
    const report = await compare(world, {});
    expect(report.changed).toBeGreaterThan(2);
    expect(named(report)).toEqual([`${stage} by substitution`]);
  });
});
