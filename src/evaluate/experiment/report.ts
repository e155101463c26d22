import { parseConfig, publicConfig } from '../../config.ts';
import type { Dataset, GoldQuestion } from '../data/dataset.ts';
import { meanInterval } from '../metrics/mean.ts';
import { holm, pairedDifference } from '../metrics/paired.ts';
import type { AnswerMetric } from '../metrics/registry.ts';
import type {
  ChangedQuestion,
  ExperimentReport,
  QuestionReport,
  SystemReport,
  TableCell,
} from '../report/experiment-report.ts';
import type { Chapter } from '../report/html.ts';
import { differences } from './resume.ts';
import type { Observations, SystemRun } from './run.ts';
import type { Experiment } from './schema.ts';

/** A further chapter of the page, and every number in it for the JSON. */
export interface ExperimentChapter {
  readonly chapter: Chapter;
  readonly figures: unknown;
}

/** Null: there is nothing to show. */
export type ChapterBuilder = (observations: Observations) => Promise<ExperimentChapter | null>;

export interface ReportFacts {
  readonly dataset: Pick<Dataset, 'name' | 'sha256' | 'documents'>;
  /** ISO 8601. */
  readonly made: string;
  readonly packageVersion: string;
  /** Wall time of the run. */
  readonly seconds: number;
  readonly chapters: readonly ExperimentChapter[];
}

/** Questions that are shown as changed for each config. */
const MOST_CHANGED = 20;

type Values = readonly (number | null)[];

/** What an experiment came to. */
export function experimentReport(
  experiment: Pick<Experiment, 'name' | 'metrics' | 'main' | 'seed'>,
  observations: Observations,
  { dataset, made, packageVersion, seconds, chapters }: ReportFacts,
): ExperimentReport {
  const { questions, systems, baseline, requests, sharedRequests } = observations;
  const { metrics, main, seed } = experiment;
  const values = new Map(
    metrics.map((metric) => [
      metric.name,
      new Map(systems.map((system) => [system.name, questions.map((gold) => valueFor(metric, system, gold))])),
    ]),
  );
  return {
    version: 1,
    name: experiment.name,
    made,
    packageVersion,
    dataset: {
      ...{ name: dataset.name, sha256: dataset.sha256, questions: questions.length },
      documents: dataset.documents?.length ?? null,
    },
    metrics: metrics.map(({ of: _of, ...shown }) => shown),
    systems: systems.map(systemReport),
    baseline,
    table: tableOf(metrics, values, baseline, seed),
    changed: changedQuestions(main, values.get(main)!, questions, baseline),
    questions: questions.map((gold, i) => questionReport(gold, i, systems, values)),
    run: { seconds, requests, sharedRequests },
    chapters: Object.fromEntries(chapters.map(({ chapter, figures }) => [chapter.id, figures])),
  };
}

function valueFor({ of }: AnswerMetric, { answers }: SystemRun, gold: GoldQuestion): number | null {
  const answer = answers.get(gold.id);
  return answer === undefined ? null : of(answer, gold);
}

type AllValues = ReadonlyMap<string, ReadonlyMap<string, Values>>;

/** All metrics of all configs. What is paid is a family of tests of its own: its noise moves no p of quality. */
function tableOf(metrics: readonly AnswerMetric[], values: AllValues, baseline: string, seed: number): TableCell[] {
  const cells = metrics.flatMap(({ name: metric, stage }) =>
    [...values.get(metric)!].map(([system, own]) => {
      const known = own.filter((value) => value !== null);
      const difference = system === baseline ? null : pairedDifference(values.get(metric)!.get(baseline)!, own, seed);
      return {
        metric,
        system,
        isCost: stage === 'cost',
        value: known.length === 0 ? null : meanInterval(known, seed),
        difference,
      };
    }),
  );
  const adjusted = new Map<(typeof cells)[number], number>();
  for (const isCost of [false, true]) {
    const family = cells.filter((cell) => cell.isCost === isCost && cell.difference !== null);
    const ps = holm(family.map(({ difference }) => difference!.p));
    for (const [i, cell] of family.entries()) adjusted.set(cell, ps[i]!);
  }
  return cells.map((cell) => {
    const { isCost: _isCost, ...shown } = cell;
    return { ...shown, adjustedP: adjusted.get(cell) ?? null };
  });
}

function systemReport({ name, config, answers, failed }: SystemRun): SystemReport {
  const changed = differences(parseConfig(), publicConfig(config)).map(({ path, now }) => [path, now] as const);
  return {
    name,
    options: Object.fromEntries(changed),
    backends: Object.assign({}, ...[...answers.values()].map(({ trace }) => trace.backends)),
    traces: tracesOf(name),
    failed,
  };
}

/** The traces of a config, relative to the report. */
export const tracesOf = (system: string): string => `traces/${system}.jsonl`;

/** Where each config differs most from the baseline, largest first. */
function changedQuestions(
  metric: string,
  values: ReadonlyMap<string, Values>,
  questions: readonly GoldQuestion[],
  baseline: string,
): ChangedQuestion[] {
  const before = values.get(baseline)!;
  return [...values].flatMap(([system, after]) =>
    questions
      .flatMap(({ id }, i): ChangedQuestion[] => {
        const [was, is] = [before[i] ?? null, after[i] ?? null];
        return was === null || is === null || was === is ? [] : [{ id, system, metric, before: was, after: is }];
      })
      .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before))
      .slice(0, MOST_CHANGED),
  );
}

function questionReport(
  { id, question, answers }: GoldQuestion,
  at: number,
  systems: readonly SystemRun[],
  values: AllValues,
): QuestionReport {
  const results = systems.flatMap((system) => {
    const answer = system.answers.get(id);
    if (answer === undefined) return [];
    const own = [...values].map(([metric, bySystem]) => [metric, bySystem.get(system.name)![at] ?? null] as const);
    const result = {
      text: answer.text,
      unanswered: answer.unanswered?.reason ?? null,
      values: Object.fromEntries(own),
      trace: system.places.get(id)!,
    };
    return [[system.name, result] as const];
  });
  return { id, question, answers, results: Object.fromEntries(results) };
}
