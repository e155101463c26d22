import type { ConfigInput } from '../../src/config.ts';
import type { Critic } from '../../src/contracts.ts';
import { type Collection, createCollection } from '../../src/evaluate/export/collect.ts';
import type { ExportOptions } from '../../src/evaluate/export/rows.ts';
import type { TargetOptions } from '../../src/evaluate/export/targets.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { type CriticOracle, scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { parseTrace } from '../../src/trace.ts';
import type { Passage, ReflectionKind, Trace } from '../../src/types.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

export const tower: Passage = passageOf('tower', 'The tower was built in 1902 by a guild. It is 31 metres high.');
export const mill: Passage = passageOf('mill', 'The mill grinds rye for the village. It has two wheels.');
export const QUESTION = 'When was the tower built?';

/** Sure of the tower, doubtful of the mill. */
export const oracle: CriticOracle = (request): Record<string, number> => {
  if (request.kind === 'isRel')
    return request.passage.text.includes('tower')
      ? { relevant: 0.9, irrelevant: 0.1 }
      : { relevant: 0.45, irrelevant: 0.55 };
  if (request.kind === 'isSup') return { fully: 0.7, partially: 0.2, none: 0.1 };
  if (request.kind === 'isUse') return { '5': 0.6, '4': 0.4 };
  return { yes: 0.8, no: 0.2 };
};

export const critic = (id = 'a@1', say: CriticOracle = oracle, kinds?: readonly ReflectionKind[]): Critic =>
  scriptedCritic(say, { id, predictsContinue: false, ...(kinds && { kinds }) });

export interface Recording {
  readonly question?: string;
  readonly passages?: readonly Passage[];
  readonly critic?: Critic;
  readonly shadow?: Critic | null;
  readonly config?: ConfigInput;
  readonly id?: string;
}

/** A trace as a file holds it. */
export async function traceOf(given: Recording = {}): Promise<Trace> {
  const one = given.critic ?? critic();
  const parts = partsOf({
    passages: given.passages ?? [tower, mill],
    critics: { retrieve: one, isRel: one, isSup: one, isUse: one },
    withContext: scriptedGenerator(),
    closedBook: scriptedGenerator(),
  });
  const answer = await answerQuestion(
    given.question ?? QUESTION,
    { ...parts, shadow: given.shadow ?? null },
    configOf({ retrieve: { mode: 'adaptive' }, beam: { maxSegments: 2 }, ...given.config }),
    { id: given.id ?? 'q1' },
  );
  return parseTrace(JSON.stringify(answer.trace));
}

export async function collected(...traces: readonly (Trace | readonly [Trace, string])[]): Promise<Collection> {
  const collection = createCollection();
  for (const one of traces) {
    const [trace, source] = Array.isArray(one) ? (one as readonly [Trace, string]) : [one as Trace, 'traces'];
    await collection.add(trace, source);
  }
  return collection;
}

export const TARGET: TargetOptions = { teacher: null, overrides: new Map(), overrideWeight: 1, keepDegraded: false };
export const OPTIONS: ExportOptions = {
  kinds: ['retrieve', 'isRel', 'isSup', 'isUse'],
  minConfidence: 0,
  target: TARGET,
  split: { shares: { train: 1 }, seed: 0, cut: false },
  known: null,
};
