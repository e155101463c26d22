import { answeredTable } from '../answered.ts';
import { findFaults } from '../faults/faults.ts';
import { answeredChapter } from '../report/answered-chapter.ts';
import { faultsChapter } from '../report/faults-chapter.ts';
import { sensitivityChapter } from '../report/sensitivity-chapter.ts';
import { sensitivity } from '../sensitivity/sensitivity.ts';
import type { ChapterBuilder } from './report.ts';
import type { Experiment } from './schema.ts';

/** Whether what was found was answered, for each config; nothing where nobody judged what should be found. */
export const answeredBuilder: ChapterBuilder = async ({ questions, systems }) => {
  const tables = systems.map(({ name, answers }) =>
    answeredTable(
      name,
      questions.flatMap((gold) => {
        const answer = answers.get(gold.id);
        return answer === undefined ? [] : [{ answer, gold }];
      }),
    ),
  );
  const isEmpty = tables.every(({ points }) => points.every(({ n }) => n === 0));
  return isEmpty ? null : { chapter: answeredChapter(tables), figures: tables };
};

/** Which stage made the answers of a config differ from those of the baseline. */
const faultsBuilder =
  (system: string, { main, metrics, seed }: Experiment): ChapterBuilder =>
  async ({ questions, systems, baseline }) => {
    const golds = new Map(questions.map((gold) => [gold.id, gold]));
    const runOf = (name: string) => ({
      name,
      traces: [...systems.find((one) => one.name === name)!.answers.values()].map(({ trace }) => trace),
    });
    const report = await findFaults(runOf(baseline), runOf(system), {
      goldOf: ({ id }) => golds.get(id) ?? null,
      metrics: metrics.filter(({ name }) => name === main),
      seed,
    });
    const chapter = { ...faultsChapter(report), id: `faults-${system}`, title: `${system}: what changed, and where` };
    return { chapter, figures: report };
  };

/** What the baseline hangs on; it was recorded for that. */
const sensitivityBuilder =
  ({ main, seed }: Experiment): ChapterBuilder =>
  async ({ questions, systems, baseline }) => {
    const { answers } = systems.find(({ name }) => name === baseline)!;
    const recorded = questions.flatMap((gold) => {
      const answer = answers.get(gold.id);
      return answer === undefined ? [] : [{ trace: answer.trace, gold }];
    });
    if (recorded.length === 0) return null;
    const report = await sensitivity(recorded, { metric: main, seed });
    const chapter = await sensitivityChapter(report);
    return { chapter: { ...chapter, title: `${chapter.title}: ${baseline}` }, figures: report };
  };

/** The chapters of the page of an experiment after its tables, in order. */
export const experimentChapters = (experiment: Experiment): ChapterBuilder[] => [
  answeredBuilder,
  ...experiment.systems
    .filter(({ name }) => name !== experiment.baseline)
    .map(({ name }) => faultsBuilder(name, experiment)),
  ...(experiment.wide > 0 ? [sensitivityBuilder(experiment)] : []),
];
