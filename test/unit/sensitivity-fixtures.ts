import type { ConfigInput } from '../../src/config.ts';
import type { RecordedQuestion } from '../../src/evaluate/tune/replay-surface.ts';
import { answerQuestion, type Parts } from '../../src/pipeline.ts';
import { mergeConfig } from '../../src/replay.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { createSharedFacts, parseTrace } from '../../src/trace.ts';
import type { Critique, CritiqueRequest, ReflectionKind, Trace } from '../../src/types.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

/** A passage of one sentence, and what the critics say of it. */
export interface Said {
  readonly text: string;
  readonly relevant?: number;
  readonly fully?: number;
  /** IsUSE: -1..1 between grades 1 and 5. */
  readonly use?: number;
}

interface Recording {
  readonly id?: string;
  readonly passages: readonly Said[];
  readonly gold: string;
  /** P(yes). */
  readonly retrieve?: number;
  readonly config?: ConfigInput;
  /** Its facts are recorded with each of these; it is looked at as if it had been `config`. None: with `config`. */
  readonly wide?: readonly ConfigInput[];
  /** One critic for each token, or one for all. */
  readonly critics?: 'one' | 'each';
  readonly kinds?: readonly ReflectionKind[];
}

const KINDS = ['retrieve', 'isRel', 'isSup', 'isUse'] as const;

/** A question over passages of one sentence; each may become the answer, and the best scored one does. */
export async function recorded(given: Recording): Promise<RecordedQuestion> {
  const { id = 'q1', passages, gold, retrieve = 0.9, config = {}, wide = [{}], critics = 'one', kinds = KINDS } = given;
  const of = (text: string): Said => passages.find((one) => text.includes(one.text)) ?? { text };
  const oracle = (request: CritiqueRequest): Record<string, number> => {
    if (request.kind === 'retrieve') return { yes: retrieve, no: 1 - retrieve };
    if (request.kind === 'isUse') {
      const { use = 0 } = of(request.answer);
      return { '5': (1 + use) / 2, '1': (1 - use) / 2 };
    }
    const { relevant = 0.9, fully = 0.9 } = of(request.passage.text);
    return request.kind === 'isRel' ? { relevant, irrelevant: 1 - relevant } : { fully, none: 1 - fully };
  };
  const one = scriptedCritic(oracle, { id: 'all@1', predictsContinue: false });
  const each = (kind: ReflectionKind) =>
    critics === 'one' ? one : scriptedCritic(oracle, { id: `${kind}@1`, kinds: [kind], predictsContinue: false });
  const parts = partsOf({
    passages: passages.map(({ text }, i) => passageOf(`${id}-${i}`, text)),
    critics: Object.fromEntries(kinds.map((kind) => [kind, each(kind)])),
    withContext: scriptedGenerator(),
    closedBook: scriptedGenerator(),
  });
  const trace = await widely(id, parts, { ...config, beam: { maxSegments: 1, ...config.beam } }, wide);
  return {
    trace,
    gold: { id, question: trace.question, answers: [gold], relevant: null, group: null, lang: null },
  };
}

/** A trace of a config that holds the facts of other configs. */
export async function widely(
  id: string,
  parts: Parts,
  config: ConfigInput,
  wide: readonly ConfigInput[],
): Promise<Trace> {
  const shared = createSharedFacts();
  const traces: Trace[] = [];
  for (const change of wide) {
    const answer = await answerQuestion(`Question ${id}?`, parts, configOf(mergeConfig(config, change)), {
      id,
      shared,
    });
    traces.push(parseTrace(JSON.stringify(answer.trace)));
  }
  const facts = new Map(traces.flatMap((trace) => trace.facts.map((fact) => [fact.role + fact.key, fact])));
  const passages = Object.assign({}, ...traces.map((trace) => trace.passages));
  return { ...traces[0]!, config: configOf(config), facts: [...facts.values()], passages };
}

export const critiquesOf = (trace: Trace, kind: ReflectionKind): Critique[] =>
  trace.facts.flatMap(({ role, value }) =>
    role === 'critique' && (value as Critique).kind === kind ? [value as Critique] : [],
  );

const EVERYTHING: readonly ConfigInput[] = [
  { isRel: { threshold: 0 } },
  { isRel: { threshold: 1, whenNoEvidence: 'generate' } },
];

/** Eight questions; of the even ones only what the recorded settings need is known. */
export async function questions(narrow = true): Promise<RecordedQuestion[]> {
  return Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      recorded({
        id: `q${i}`,
        passages: [
          { text: 'Beta was second.', relevant: 0.3, fully: 0.2 },
          { text: 'Alpha was first.', relevant: 0.8, fully: 0.8 },
        ],
        gold: 'Alpha was first.',
        critics: 'each',
        ...((!narrow || i % 2 === 1) && { wide: EVERYTHING }),
      }),
    ),
  );
}
