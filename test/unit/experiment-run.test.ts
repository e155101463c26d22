import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config.ts';
import { DiscernError } from '../../src/errors.ts';
import type { FactScope, RunOptions } from '../../src/evaluate/experiment/run.ts';
import type { System } from '../../src/evaluate/experiment/schema.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { parseTrace } from '../../src/trace.ts';
import {
  askOf,
  CONFIGS,
  countingParts,
  experimentOf,
  failingAt,
  NO_CALLS,
  QUESTIONS,
  reportOf,
  reportText,
  runIn,
  tracesIn,
} from './experiment-fixtures.ts';

const linesOf = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1);
const idsIn = (path: string): string[] => linesOf(path).map((line) => parseTrace(line).id);
const some = (...names: string[]): Record<string, ConfigInput> =>
  Object.fromEntries(names.map((name) => [name, CONFIGS[name]!]));
const widest = { recall: 4, recalled: 4, critique: 8, critiques: 12, extend: 4, extensions: 4 };

/** Aborts when so many answers are there. */
function abortingAfter(answers: number, fake = countingParts()): Partial<RunOptions> & { readonly fake: typeof fake } {
  const abort = new AbortController();
  let asked = 0;
  return {
    fake,
    signal: abort.signal,
    ask: async (system, gold, options) => {
      if (asked++ === answers) abort.abort();
      return askOf(fake)(system, gold, options);
    },
  };
}

describe('runExperiment: what configs share', () => {
  it('asks once what several configs ask: three cost no more than the widest of them', async () => {
    const alone = await runIn(experimentOf(some('loose')));
    const all = await runIn(experimentOf());
    expect(alone.calls).toEqual(widest);
    expect(all.calls).toEqual(widest);
    // base answers 3 questions (5 requests each) and declines one (2), strict 2 and 2, loose all 4.
    const { requests, sharedRequests } = all.observations;
    expect({ requests, sharedRequests }).toEqual({ requests: 17 + 14 + 20, sharedRequests: 31 });
    expect(requests - sharedRequests).toBe(all.calls.recalled + all.calls.critiques + all.calls.extensions);
  });

  it('counts for each config what it would cost alone', async () => {
    const costs = async (configs: Record<string, ConfigInput>, name: string) => {
      const { observations } = await runIn(experimentOf(configs));
      return [...observations.systems.find((system) => system.name === name)!.answers.values()].map(({ cost }) => cost);
    };
    for (const name of Object.keys(CONFIGS)) expect(await costs(CONFIGS, name)).toEqual(await costs(some(name), name));
  });

  it('gives each config the answers that it gives alone', async () => {
    const { observations } = await runIn(experimentOf());
    for (const { name, answers } of observations.systems) {
      const alone = await runIn(experimentOf(some(name)));
      expect([...answers.values()]).toEqual([...alone.observations.systems[0]!.answers.values()]);
    }
  });

  it('asks again where a part of the same name is another one, and shares the rest', async () => {
    const scopeOf =
      ({ name }: System): FactScope =>
      ({ role }) =>
        role === 'critique' ? name : '';
    const { calls, observations } = await runIn(experimentOf(some('loose', 'base')), { scopeOf });
    expect(calls).toEqual({ ...widest, critique: 8 + 7, critiques: 12 + 10 });
    const { requests, sharedRequests } = observations;
    expect(requests - sharedRequests).toBe(calls.recalled + calls.critiques + calls.extensions);
  });

  it('asks a longer recall again, and lets it serve the shorter ones after it', async () => {
    const recall = (topK: number): ConfigInput => ({ ...CONFIGS.base, recall: { topK } });
    const { calls, observations } = await runIn(experimentOf({ one: recall(1), three: recall(3), two: recall(2) }));
    expect(calls.recalled).toBe(8);
    const { requests, sharedRequests } = observations;
    expect(requests - sharedRequests).toBe(calls.recalled + calls.critiques + calls.extensions);
  });

  it('counts no requests of a shadow, which is outside of the cost', async () => {
    const fake = countingParts();
    const parts = { ...fake.parts, shadow: scriptedCritic(undefined, { id: 'shadow@1' }) };
    const experiment = experimentOf();
    const { observations } = await runIn(experiment, { ask: askOf({ parts }) }, fake);
    const facts = observations.systems.flatMap(({ answers }) => [...answers.values()].map(({ trace }) => trace.facts));
    expect(facts.flat().filter(({ backend }) => backend === 'shadow@1')).toHaveLength(4 * 3 + 9 * 2);
    const { requests, sharedRequests } = observations;
    expect({ requests, sharedRequests }).toEqual({ requests: 51, sharedRequests: 31 });
    expect((await runIn(experiment)).observations).toMatchObject({ requests, sharedRequests });
  });

  it('tells its progress in answers', async () => {
    const { progress } = await runIn(experimentOf(some('base', 'loose')));
    expect(progress).toEqual(Array.from({ length: 8 }, (_, i) => [i + 1, 8]));
  });
});

describe('runExperiment: several questions at once', () => {
  /** The later the question, the sooner its answer. */
  const hasty = (fake = countingParts()): RunOptions['ask'] => {
    return async (system, gold, options) => {
      const place = QUESTIONS.indexOf(gold);
      await new Promise((resolve) => setTimeout(resolve, 4 * (QUESTIONS.length - place)));
      return askOf(fake)(system, gold, options);
    };
  };

  it('reports the same as one after another, and leaves the same files', async () => {
    const serial = experimentOf();
    const wanted = reportText(serial, await runIn(serial));
    const parallel = experimentOf(CONFIGS, { parallel: 4 });
    const fake = countingParts();
    expect(reportText(parallel, await runIn(parallel, { ask: hasty(fake) }))).toBe(wanted);
    expect(fake.calls).toEqual(widest);
    for (const name of Object.keys(CONFIGS))
      expect(readFileSync(tracesIn(parallel, name), 'utf8')).toBe(readFileSync(tracesIn(serial, name), 'utf8'));
  });

  it.each([1, 2, 3])('never asks more than %i questions at the same time', async (parallel) => {
    let [now, most] = [0, 0];
    const ask: RunOptions['ask'] = async (...asked) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 2));
      now -= 1;
      return askOf(countingParts())(...asked);
    };
    await runIn(experimentOf(CONFIGS, { parallel }), { ask });
    expect(most).toBe(parallel);
  });
});

describe('runExperiment: going on', () => {
  const clean = async (configs = CONFIGS) => {
    const experiment = experimentOf(configs);
    return reportText(experiment, await runIn(experiment));
  };

  it.each([0, 1, 4, 5, 11])('after an abort at answer %i gives the report of a run in one go', async (answers) => {
    const experiment = experimentOf();
    const { fake, ...stop } = abortingAfter(answers);
    await expect(runIn(experiment, stop)).rejects.toMatchObject({ code: 'ABORTED' });
    const again = await runIn(experiment);
    expect(reportText(experiment, again)).toBe(await clean());
    // The question at which it stopped is asked again only for what no trace holds.
    const asked = fake.calls.recalled + again.calls.recalled;
    expect(asked).toBeGreaterThanOrEqual(4);
    expect(asked).toBeLessThanOrEqual(5);
  });

  it('asks nothing where all is there', async () => {
    const experiment = experimentOf();
    const first = reportText(experiment, await runIn(experiment));
    const ask = () => Promise.reject(new Error('asked'));
    const second = await runIn(experiment, { ask });
    expect(reportText(experiment, second)).toBe(first);
    expect(second.calls).toEqual(NO_CALLS);
  });

  it('takes facts of finished configs for one that is new', async () => {
    const experiment = experimentOf(some('loose'));
    await runIn(experiment);
    const more = { ...experimentOf(some('loose', 'base', 'strict')), out: experiment.out };
    const { calls, observations } = await runIn(more);
    expect(calls).toEqual(NO_CALLS);
    expect(observations.systems.map(({ answers }) => answers.size)).toEqual([4, 4, 4]);
  });

  it('after a kill repairs the torn line', async () => {
    const experiment = experimentOf();
    await expect(runIn(experiment, abortingAfter(7))).rejects.toMatchObject({ code: 'ABORTED' });
    const [whole] = linesOf(tracesIn(experiment, 'strict'));
    appendFileSync(tracesIn(experiment, 'strict'), whole!.slice(0, 300));
    expect(reportText(experiment, await runIn(experiment))).toBe(await clean());
    expect(idsIn(tracesIn(experiment, 'strict'))).toEqual(['q1', 'q2', 'q3', 'q4']);
  });

  it('asks a question that had failed again, and reports as if it had not', async () => {
    const experiment = experimentOf();
    const first = await runIn(experiment, { ask: failingAt(askOf(countingParts()), 'strict', 'q1') });
    expect(first.observations.systems.map(({ failed }) => failed.length)).toEqual([0, 1, 0]);
    expect(idsIn(tracesIn(experiment, 'strict'))).toEqual(['q2', 'q3', 'q4']);
    expect(reportText(experiment, await runIn(experiment))).toBe(await clean());
    expect(idsIn(tracesIn(experiment, 'strict'))).toEqual(['q1', 'q2', 'q3', 'q4']);
  });

  it('refuses a config that has changed, says which option, and touches nothing', async () => {
    const experiment = experimentOf();
    await runIn(experiment);
    const before = readFileSync(tracesIn(experiment, 'strict'), 'utf8');
    const other = experimentOf({ ...CONFIGS, strict: { ...CONFIGS.strict, weights: { isSup: 2 } } });
    const fake = countingParts();
    await expect(runIn({ ...other, out: experiment.out }, {}, fake)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'configs.strict has changed since its traces were made: weights.isSup was 1 and is 2',
      hint: 'give another folder with --out, or begin anew with --fresh',
    });
    expect(fake.calls).toEqual(NO_CALLS);
    expect(readFileSync(tracesIn(experiment, 'strict'), 'utf8')).toBe(before);
  });

  it('refuses a trace that was made with another config, whatever the record says', async () => {
    const experiment = experimentOf();
    await runIn(experiment);
    writeFileSync(tracesIn(experiment, 'base'), readFileSync(tracesIn(experiment, 'loose')));
    await expect(runIn(experiment)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'configs.base has changed since its traces were made: isRel.threshold was 0.2 and is 0.5',
    });
  });

  it('refuses the trace of another question of the same id', async () => {
    const experiment = experimentOf(some('base'));
    await runIn(experiment);
    const [first, ...others] = linesOf(tracesIn(experiment, 'base'));
    const altered = first!.replace('Who keeps the bridge?', 'Who kept the bridge?');
    writeFileSync(tracesIn(experiment, 'base'), [altered, ...others, ''].join('\n'));
    await expect(runIn(experiment)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: 'the trace "q1" of "base" answers another question',
    });
  });

  it('refuses a trace that cannot be replayed', async () => {
    const experiment = experimentOf(some('base'));
    await runIn(experiment);
    const [first, ...others] = linesOf(tracesIn(experiment, 'base'));
    const poor = JSON.stringify({ ...JSON.parse(first!), facts: [] });
    writeFileSync(tracesIn(experiment, 'base'), [poor, ...others, ''].join('\n'));
    await expect(runIn(experiment)).rejects.toMatchObject({
      code: 'REPLAY_FACT_MISSING',
      message: expect.stringContaining('the trace "q1" of "base" cannot be replayed'),
    });
  });
});

describe('runExperiment: failures', () => {
  it('records what one question failed with; its means are those of the others', async () => {
    const experiment = experimentOf();
    const { observations } = await runIn(experiment, { ask: failingAt(askOf(countingParts()), 'loose', 'q4') });
    const report = reportOf(experiment, observations);
    expect(report.systems.map(({ failed }) => failed)).toEqual([
      [],
      [],
      [{ id: 'q4', code: 'BACKEND_FAILED', message: 'it broke' }],
    ]);
    expect(Object.keys(report.questions[3]!.results)).toEqual(['base', 'strict']);
    const cell = report.table.find(({ metric, system }) => metric === 'em' && system === 'loose')!;
    expect({ mean: cell.value!.mean, n: cell.value!.n }).toEqual({ mean: 2 / 3, n: 3 });
    expect({ mean: cell.difference!.mean, n: cell.difference!.n }).toEqual({ mean: 0, n: 3 });
  });

  it('lets facts that a failed config had asked for serve the next ones', async () => {
    const fake = countingParts();
    const ask: RunOptions['ask'] = async (system, gold, options) => {
      const answer = await askOf(fake)(system, gold, options);
      if (system.name === 'base') throw new DiscernError('BACKEND_FAILED', 'too late');
      return answer;
    };
    const { observations } = await runIn(experimentOf(), { ask }, fake);
    expect(observations.systems.map(({ failed }) => failed.length)).toEqual([4, 0, 0]);
    expect(fake.calls).toEqual(widest);
  });

  it.each([
    ['what fails every question', new DiscernError('INDEX_EMPTY', 'nothing there')],
    ['a mistake of ours', new TypeError('x is no function')],
  ])('throws %s, stops the questions beside it, and keeps what it has', async (_, error) => {
    const experiment = experimentOf(CONFIGS, { parallel: 2 });
    let asked = 0;
    const ask: RunOptions['ask'] = async (...all) => {
      asked += 1;
      return failingAt(askOf(countingParts()), 'strict', 'q2', error)(...all);
    };
    await expect(runIn(experiment, { ask })).rejects.toBe(error);
    expect(asked).toBeLessThan(8);
    expect(idsIn(tracesIn(experiment, 'base'))).toContain('q1');
    expect((await runIn(experiment)).observations.systems.map(({ answers }) => answers.size)).toEqual([4, 4, 4]);
  });

  it('ends soon after its signal, with ABORTED', async () => {
    const abort = new AbortController();
    const ask: RunOptions['ask'] = (_system, _gold, { signal }) =>
      new Promise((_, reject) =>
        signal?.addEventListener('abort', () => reject(new DiscernError('ABORTED', 'stopped'))),
      );
    const run = runIn(experimentOf(CONFIGS, { parallel: 2 }), { ask, signal: abort.signal });
    setTimeout(() => abort.abort(), 5);
    await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
