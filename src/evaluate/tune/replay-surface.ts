import type { ConfigInput } from '../../config.ts';
import { DiscernError } from '../../errors.ts';
import { prepareReplay } from '../../replay/prepared.ts';
import type { Trace } from '../../types.ts';
import { type GoldQuestion, groupOf } from '../data/dataset.ts';
import { answerMetric } from '../metrics/registry.ts';
import type { Outcome, Setting, Surface } from './surface.ts';

/** A recorded question with what a right answer to it is. */
export interface RecordedQuestion {
  readonly trace: Trace;
  readonly gold: GoldQuestion;
}

/** The change of a config that a setting is. */
export function changeOf(setting: Setting): ConfigInput {
  const change: Record<string, Record<string, unknown>> = {};
  for (const [path, value] of Object.entries(setting)) {
    const [group = '', ...rest] = path.split('.');
    change[group] = { ...change[group], [rest.join('.')]: value };
  }
  return change as ConfigInput;
}

/** What recorded questions come to under other settings. All must have been recorded with the same config. */
export function replaySurface(questions: readonly RecordedQuestion[], metricNames: readonly string[]): Surface {
  if (questions.length === 0) throw new DiscernError('INPUT_INVALID', 'there are no recorded questions');
  const metrics = metricNames.map(answerMetric);
  const replayers = questions.map(({ trace }) => prepareReplay(trace));
  const counts = { replayed: 0, remembered: 0 };
  const outcome = async (i: number, setting: Setting): Promise<Outcome | null> => {
    counts.replayed += 1;
    try {
      const answer = await replayers[i]!.answer(changeOf(setting));
      return { values: metrics.map(({ of }) => of(answer, questions[i]!.gold)), cost: answer.cost };
    } catch (error) {
      if (DiscernError.is(error, 'REPLAY_FACT_MISSING')) return null;
      throw error;
    }
  };
  return {
    ids: questions.map(({ gold }) => gold.id),
    groups: questions.map(({ gold }) => groupOf(gold)),
    metrics: metricNames,
    base: questions[0]!.trace.config,
    counts,
    async at(setting) {
      const outcomes: (Outcome | null)[] = [];
      for (let i = 0; i < questions.length; i++) outcomes.push(await outcome(i, setting));
      return outcomes;
    },
  };
}
