import { join } from 'node:path';
import { openExperimentFolder } from '../../src/cli/eval-run-folder.ts';
import { type ConfigInput, parseConfig } from '../../src/config.ts';
import type { Critic, Generator, Recaller } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import type { GoldQuestion } from '../../src/evaluate/data/dataset.ts';
import { type ExperimentChapter, experimentReport } from '../../src/evaluate/experiment/report.ts';
import { experimentRecord } from '../../src/evaluate/experiment/resume.ts';
import { type Observations, type RunOptions, runExperiment } from '../../src/evaluate/experiment/run.ts';
import type { Experiment } from '../../src/evaluate/experiment/schema.ts';
import { answerMetric } from '../../src/evaluate/metrics/registry.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { type CriticOracle, scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { newFolder } from './eval-fixtures.ts';
import { partsOf, passageOf } from './parts.ts';

/** Who keeps what: what the passage says, P(relevant) of it, and who is right. */
const TABLE = [
  { id: 'q1', thing: 'bridge', says: 'Ida', relevant: 0.9, gold: 'Ida' },
  { id: 'q2', thing: 'mill', says: 'Jon', relevant: 0.6, gold: 'Jon' },
  { id: 'q3', thing: 'tower', says: 'Kim', relevant: 0.9, gold: 'Lea' },
  { id: 'q4', thing: 'ferry', says: 'Max', relevant: 0.3, gold: 'Max' },
];

export const QUESTIONS: readonly GoldQuestion[] = TABLE.map(({ id, thing, gold }) => ({
  ...{
    id,
    question: `Who keeps the ${thing}?`,
    answers: [gold],
    relevant: new Map([[id, 1]]),
    group: null,
    lang: 'en',
  },
}));

/** Answers q1 to q3, of which q3 is wrong; `strict` q1 and q3, `loose` all four. So em is 0.5, 0.25 and 0.75. */
export const CONFIGS: Readonly<Record<string, ConfigInput>> = {
  base: { isRel: { threshold: 0.5 } },
  strict: { isRel: { threshold: 0.8 } },
  loose: { isRel: { threshold: 0.2 } },
};

export function experimentOf(configs = CONFIGS, change: Partial<Experiment> = {}): Experiment {
  return {
    ...{ name: 'Thresholds', datasets: [], index: null, baseline: Object.keys(configs)[0]!, out: newFolder() },
    systems: Object.entries(configs).map(([name, config]) => ({ name, config: parseConfig(config) })),
    metrics: ['em', 'calls', 'requests', 'tokens', 'ms'].map(answerMetric),
    ...{ main: 'em', parallel: 1, wide: 0, seed: 0 },
    ...change,
  };
}

export const NO_CALLS = { recall: 0, recalled: 0, critique: 0, critiques: 0, extend: 0, extensions: 0 };

/** Parts without models that count what reaches them: calls, and the requests in them. */
export function countingParts() {
  const calls = { ...NO_CALLS };
  const recaller: Recaller = {
    id: 'table@1',
    async recall(questions) {
      calls.recall += 1;
      calls.recalled += questions.length;
      return questions.map((question) =>
        TABLE.filter(({ thing }) => question.includes(thing)).map(({ id, says }) => ({
          ...{ passage: { ...passageOf(id, says), docId: id }, recallRank: 1, recallScore: 0.9, rerankScore: null },
        })),
      );
    },
  };
  const oracle: CriticOracle = (request): Record<string, number> => {
    if (request.kind !== 'isRel') return request.kind === 'isSup' ? { fully: 1 } : { '5': 1 };
    const { relevant } = TABLE.find(({ says }) => says === request.passage.text)!;
    return { relevant, irrelevant: 1 - relevant };
  };
  const told = scriptedCritic(oracle);
  const critic: Critic = {
    ...told,
    critique: (requests, options) => {
      calls.critique += 1;
      calls.critiques += requests.length;
      return told.critique(requests, options);
    },
  };
  const reader = scriptedGenerator();
  const withContext: Generator = {
    ...reader,
    extend: (requests, options) => {
      calls.extend += 1;
      calls.extensions += requests.length;
      return reader.extend(requests, options);
    },
  };
  return {
    calls,
    critic,
    parts: partsOf({ recaller, critics: { isRel: critic, isSup: critic, isUse: critic }, withContext }),
  };
}

export type Fake = ReturnType<typeof countingParts>;

/** Asks the parts; a clock that stands still. */
export const askOf =
  ({ parts }: Pick<Fake, 'parts'>): RunOptions['ask'] =>
  (system, { id, question }, { shared, signal }) =>
    answerQuestion(
      question,
      parts,
      { ...system.config, rerank: { ...system.config.rerank, mix: 1 } },
      { id, shared, signal, now: () => 0 },
    );

export interface Ran {
  readonly observations: Observations;
  readonly calls: Fake['calls'];
  readonly progress: readonly (readonly [number, number])[];
}

/** Runs in the folder of the experiment, going on with what is there. */
export async function runIn(
  experiment: Experiment,
  change: Partial<RunOptions> = {},
  fake = countingParts(),
): Promise<Ran> {
  const progress: [number, number][] = [];
  const folder = await openExperimentFolder(
    experiment.out,
    experiment.systems.map(({ name }) => name),
    false,
  );
  try {
    await folder.keep(recordOf(experiment));
    const observations = await runExperiment(experiment, QUESTIONS, {
      ask: askOf(fake),
      scopeOf: () => () => '',
      traces: folder.traces,
      isFatal: ({ code }) => code === 'INDEX_EMPTY',
      onProgress: (done, total) => progress.push([done, total]),
      ...change,
    });
    return { observations, calls: fake.calls, progress };
  } finally {
    await folder.close();
  }
}

export const recordOf = (experiment: Experiment, sha256 = 'd1', index = 'i1') =>
  experimentRecord(experiment, { sha256 }, Object.fromEntries(experiment.systems.map(({ name }) => [name, index])));

export const reportOf = (experiment: Experiment, observations: Observations, chapters: ExperimentChapter[] = []) =>
  experimentReport(experiment, observations, {
    ...{ made: '2026-01-01T00:00:00.000Z', packageVersion: '0.0.0', seconds: 1, chapters },
    dataset: { name: 'keepers', sha256: 'd1', documents: null },
  });

export const reportText = (experiment: Experiment, { observations }: Ran): string =>
  JSON.stringify(reportOf(experiment, observations));

export const tracesIn = ({ out }: Experiment, system: string): string => join(out, 'traces', `${system}.jsonl`);

/** Throws for one question of one config, and asks for all others. */
export const failingAt =
  (
    ask: RunOptions['ask'],
    system: string,
    id: string,
    error: unknown = new DiscernError('BACKEND_FAILED', 'it broke'),
  ): RunOptions['ask'] =>
  (asked, gold, options) =>
    asked.name === system && gold.id === id ? Promise.reject(error) : ask(asked, gold, options);
