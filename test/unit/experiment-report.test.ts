import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answeredBuilder } from '../../src/evaluate/experiment/chapters.ts';
import { experimentReport } from '../../src/evaluate/experiment/report.ts';
import type { Observations } from '../../src/evaluate/experiment/run.ts';
import { meanInterval } from '../../src/evaluate/metrics/mean.ts';
import { holm, pairedDifference } from '../../src/evaluate/metrics/paired.ts';
import { type AnswerMetric, answerMetric } from '../../src/evaluate/metrics/registry.ts';
import { experimentPage } from '../../src/evaluate/report/page.ts';
import type { Answer } from '../../src/types.ts';
import { askOf, countingParts, experimentOf, failingAt, reportOf, runIn } from './experiment-fixtures.ts';

const thresholds = experimentOf();
const run = runIn(thresholds);
const report = run.then(({ observations }) => reportOf(thresholds, observations));

/** Observations of which only these values are looked at, under a metric for each name. */
function valued(values: Readonly<Record<string, Readonly<Record<string, readonly (number | null)[]>>>>) {
  const systems = Object.keys(Object.values(values)[0]!);
  const count = Object.values(Object.values(values)[0]!)[0]!.length;
  const ids = Array.from({ length: count }, (_, i) => `q${i}`);
  const answerOf = (system: string, id: string) => ({ system, id, trace: { backends: {} } }) as unknown as Answer;
  const metrics = Object.entries(values).map(
    ([name, bySystem]): AnswerMetric => ({
      ...{ name, better: 'higher', description: name, stage: name.startsWith('cost') ? 'cost' : 'end to end' },
      of: (answer, { id }) => bySystem[(answer as unknown as { system: string }).system]![ids.indexOf(id)] ?? null,
    }),
  );
  const { systems: known } = experimentOf(Object.fromEntries(systems.map((system) => [system, {}])));
  const observations: Observations = {
    ...{ baseline: systems[0]!, requests: 0, sharedRequests: 0 },
    questions: ids.map((id) => ({ id, question: id, answers: [], relevant: null, group: null, lang: null })),
    systems: known.map((system) => ({
      ...{ ...system, failed: [] },
      answers: new Map(ids.map((id) => [id, answerOf(system.name, id)])),
      places: new Map(ids.map((id, i) => [id, { file: 'f', line: i + 1 }])),
    })),
  };
  return reportOf(experimentOf(undefined, { metrics, main: metrics[0]!.name }), observations);
}

describe('experimentReport: by hand, 4 questions and 3 configs', () => {
  it('has means, differences and n of each metric and config', async () => {
    const rows = (await report).table.map(({ metric, system, value, difference, adjustedP }) => [
      ...[metric, system, value!.mean, value!.n, difference?.mean ?? null, difference?.p ?? null, adjustedP],
    ]);
    // One difference of 1 among 4: every flip of its sign is as far from 0, so p is 1.
    expect(rows).toEqual([
      ['em', 'base', 0.5, 4, null, null, null],
      ['em', 'strict', 0.25, 4, -0.25, 1, 1],
      ['em', 'loose', 0.75, 4, 0.25, 1, 1],
      // recall, isRel, then extend with isSup and isUse in one call each: 4 calls and 5 requests, or 2 and 2.
      ['calls', 'base', (3 * 4 + 2) / 4, 4, null, null, null],
      ['calls', 'strict', (2 * 4 + 2 * 2) / 4, 4, -0.5, 1, 1],
      ['calls', 'loose', 4, 4, 0.5, 1, 1],
      ['requests', 'base', 17 / 4, 4, null, null, null],
      ['requests', 'strict', 14 / 4, 4, -0.75, 1, 1],
      ['requests', 'loose', 5, 4, 0.75, 1, 1],
      ['tokens', 'base', 0.75, 4, null, null, null],
      ['tokens', 'strict', 0.5, 4, -0.25, 1, 1],
      ['tokens', 'loose', 1, 4, 0.25, 1, 1],
      ['ms', 'base', 0, 4, null, null, null],
      ['ms', 'strict', 0, 4, 0, 1, 1],
      ['ms', 'loose', 0, 4, 0, 1, 1],
    ]);
  });

  it('names what changed, each config against the baseline', async () => {
    const about = { metric: 'em' };
    expect((await report).changed).toEqual([
      { ...about, id: 'q2', system: 'strict', before: 1, after: 0 },
      { ...about, id: 'q4', system: 'loose', before: 0, after: 1 },
    ]);
  });

  it('shows each question with its answers, values and traces', async () => {
    const { questions } = await report;
    const { id, question, answers, results } = questions[1]!;
    expect({ id, question, answers }).toEqual({ id: 'q2', question: 'Who keeps the mill?', answers: ['Jon'] });
    expect(results).toEqual({
      base: {
        ...{ text: 'Jon [1]', unanswered: null, trace: { file: 'traces/base.jsonl', line: 2 } },
        values: { em: 1, calls: 4, requests: 5, tokens: 1, ms: 0 },
      },
      strict: {
        ...{ text: '', unanswered: 'no-evidence', trace: { file: 'traces/strict.jsonl', line: 2 } },
        values: { em: 0, calls: 2, requests: 2, tokens: 0, ms: 0 },
      },
      loose: {
        ...{ text: 'Jon [1]', unanswered: null, trace: { file: 'traces/loose.jsonl', line: 2 } },
        values: { em: 1, calls: 4, requests: 5, tokens: 1, ms: 0 },
      },
    });
  });

  it('tells how each config differs from the defaults, with its parts, and what sharing saved', async () => {
    const { systems, run: ran, baseline, dataset, metrics } = await report;
    const backends = {
      ...{ recall: 'table@1', 'generate.withContext': 'scripted@1' },
      ...{ 'critic.isRel': 'scripted@1', 'critic.isSup': 'scripted@1', 'critic.isUse': 'scripted@1' },
    };
    expect(systems).toEqual([
      { name: 'base', options: { 'isRel.threshold': 0.5 }, backends, traces: 'traces/base.jsonl', failed: [] },
      { name: 'strict', options: { 'isRel.threshold': 0.8 }, backends, traces: 'traces/strict.jsonl', failed: [] },
      { name: 'loose', options: { 'isRel.threshold': 0.2 }, backends, traces: 'traces/loose.jsonl', failed: [] },
    ]);
    expect(ran).toEqual({ seconds: 1, requests: 51, sharedRequests: 31 });
    expect(baseline).toBe('base');
    expect(dataset).toEqual({ name: 'keepers', sha256: 'd1', questions: 4, documents: null });
    expect(metrics[0]).toEqual({
      ...{ name: 'em', stage: 'end to end', better: 'higher' },
      description: answerMetric('em').description,
    });
  });
});

describe('experimentReport', () => {
  it('takes intervals and p from the values of each question, and corrects p by Holm', () => {
    const [a, b, c] = [
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
      [1, 1, 1, 1, 1, 1, -1, 0, 0, 0],
    ];
    const { table } = valued({ f: { a: a!, b: b!, c: c! } });
    const ps = [pairedDifference(a!, b!, 0)!.p, pairedDifference(a!, c!, 0)!.p];
    // Two of 1,024 patterns of signs reach 10, and 16 of 128 reach 5.
    expect(ps[0]).toBeCloseTo(2 / 1024, 2);
    expect(ps[1]).toBeCloseTo(16 / 128, 1);
    expect(table.map(({ adjustedP }) => adjustedP)).toEqual([null, 2 * ps[0]!, ps[1]]);
    expect(table.map(({ value }) => value)).toEqual([a, b, c].map((values) => meanInterval(values!, 0)));
    expect(table[2]!.difference).toEqual(pairedDifference(a!, c!, 0));
  });

  it('lets no noise of what is paid move a p of quality', () => {
    const quality = { a: [0, 0, 0, 0, 0, 0], b: [1, 1, 1, 1, 1, 0.5], c: [1, 1, 1, 0, 0, 0] };
    const tables = [0, 1, 5].map((noise) => {
      const cost = { a: [3, 1, 2, 3, 1, 2], b: [1 + noise, 1, 1, 1, 1, 1], c: [2, 2, 2 - noise, 2, 2, 2] };
      return valued({ f: quality, g: quality, cost }).table;
    });
    const ps = tables.map((table) => table.filter(({ metric }) => metric !== 'cost').map(({ adjustedP }) => adjustedP));
    expect(ps[1]).toEqual(ps[0]);
    expect(ps[2]).toEqual(ps[0]);
    const raw = [quality.b, quality.c, quality.b, quality.c].map((own) => pairedDifference(quality.a, own, 0)!.p);
    expect(ps[0]!.filter((p) => p !== null)).toEqual(holm(raw));
  });

  it('compares on the questions on which both are defined', () => {
    const { table, changed } = valued({ f: { a: [1, null, 0, null], b: [0.5, 1, null, null] } });
    expect(table.map(({ value }) => [value!.mean, value!.n])).toEqual([
      [0.5, 2],
      [0.75, 2],
    ]);
    expect(table[1]!.difference).toMatchObject({ mean: -0.5, n: 1 });
    expect(changed).toEqual([{ id: 'q0', system: 'b', metric: 'f', before: 1, after: 0.5 }]);
  });

  it('has no value where a metric is defined for no question', () => {
    const { table } = valued({ f: { a: [null, null], b: [null, null] } });
    expect(table.map(({ value, difference, adjustedP }) => [value, difference, adjustedP])).toEqual([
      [null, null, null],
      [null, null, null],
    ]);
  });

  it('shows the 20 questions that changed most, largest first, of each config', () => {
    const value = fc.double({ min: 0, max: 1, noNaN: true });
    const questions = fc
      .integer({ min: 1, max: 40 })
      .chain((count) => fc.array(fc.tuple(value, value, value), { minLength: count, maxLength: count }));
    fc.assert(
      fc.property(questions, (rows) => {
        const [a, b, c] = [0, 1, 2].map((at) => rows.map((row) => row[at]!));
        const { changed } = valued({ f: { a: a!, b: b!, c: c! } });
        for (const [system, own] of Object.entries({ b, c })) {
          const shown = changed.filter((one) => one.system === system);
          const sizes = shown.map(({ before, after }) => Math.abs(after - before));
          const all = rows.flatMap((_, i) => (a![i] === own![i] ? [] : [Math.abs(own![i]! - a![i]!)]));
          expect(sizes).toEqual(all.sort((x, y) => y - x).slice(0, 20));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('tells of failed questions, and compares on the others', async () => {
    const ask = failingAt(askOf(countingParts()), 'base', 'q1');
    const { observations } = await runIn(experimentOf(), { ask });
    const made = reportOf(thresholds, observations);
    expect(made.systems[0]!.failed.map(({ id }) => id)).toEqual(['q1']);
    expect(made.table.filter(({ metric }) => metric === 'em').map(({ value }) => value!.n)).toEqual([3, 4, 4]);
    expect(made.table.slice(1, 3).map(({ difference }) => difference!.n)).toEqual([3, 3]);
  });

  it('holds the figures of further chapters by their ids', async () => {
    const { observations } = await run;
    const chapter = await answeredBuilder(observations);
    const made = reportOf(thresholds, observations, [chapter!]);
    const tables = made.chapters.answered as { system: string; points: { point: string; retrievedRight: number }[] }[];
    const right = tables.map(({ system, points }) => [system, ...points.map((point) => point.retrievedRight)]);
    // Every relevant passage is recalled; the critics drop what is below the threshold.
    expect(right).toEqual([
      ['base', 2, 2, 2],
      ['strict', 1, 1, 1],
      ['loose', 3, 3, 3],
    ]);
    expect(JSON.parse(JSON.stringify(made))).toEqual(made);
    expect(await experimentPage(made, [chapter!.chapter])).toContain('Retrieved is not answered');
  });

  it('has no chapter on what was found where nobody judged', async () => {
    const { observations } = await run;
    const unjudged = { ...observations, questions: observations.questions.map((one) => ({ ...one, relevant: null })) };
    expect(await answeredBuilder(unjudged)).toBeNull();
  });

  it('has the same figures for the same seed, and the same means for another', async () => {
    const { observations } = await run;
    const facts = {
      dataset: { name: 'x', sha256: 'y', documents: [] },
      made: '',
      packageVersion: '',
      seconds: 0,
      chapters: [],
    };
    const of = (seed: number) => experimentReport({ ...thresholds, seed }, observations, facts);
    expect(of(1)).toEqual(of(1));
    const means = (seed: number) => of(seed).table.map(({ value }) => value!.mean);
    expect(means(1)).toEqual(means(2));
  });
});
