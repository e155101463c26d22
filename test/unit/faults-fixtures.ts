import type { ConfigInput } from '../../src/config.ts';
import type { Critic, Generator, Recaller, Reranker } from '../../src/contracts.ts';
import { answerQuestion, type Parts } from '../../src/pipeline.ts';
import { type CriticOracle, scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedEntailment } from '../../src/testing/scripted-entailment.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { parseTrace } from '../../src/trace.ts';
import type { Candidate, Passage, Trace } from '../../src/types.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

/** A number from 0 to 1 that follows from its arguments alone (FNV-1a, mixed at the end). */
export function chance(...of: readonly unknown[]): number {
  let hash = 0x811c9dc5;
  for (const char of JSON.stringify(of)) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0xffffffff;
}

const SUBJECTS = ['tower', 'bridge', 'harbour', 'mill', 'school', 'bakery', 'library', 'museum'];
const FACTS = ['was built', 'was closed', 'was sold', 'was painted', 'was moved'];

/** Five passages about each of eight subjects; each passage has three sentences. */
export const PASSAGES: readonly Passage[] = SUBJECTS.flatMap((subject, s) =>
  FACTS.map((fact, f) =>
    passageOf(
      `${subject}-${f}`,
      [0, 1, 2].map((n) => `The ${subject} ${fact} in ${1700 + 37 * s + 5 * f + n}.`).join(' '),
    ),
  ),
);
export const QUESTIONS: readonly string[] = SUBJECTS.map((subject) => `What happened to the ${subject}?`);

/** Finds the passages of the question's subject first, each question in an order of its own. */
export const recaller = (
  passages: readonly Passage[] = PASSAGES,
  order: (list: readonly Passage[], question: string) => readonly Passage[] = (list) => list,
): Recaller => ({
  id: 'index@1',
  async recall(queries, { topK }) {
    return queries.map((query) => {
      const score = ({ id, text }: Passage) =>
        (query.includes(text.split(' ')[1]!) ? 0.5 : 0) + chance('recall', query, id) / 4;
      const ranked = [...passages].sort((a, b) => score(b) - score(a)).slice(0, topK);
      return order(ranked, query).map(
        (passage, i): Candidate => ({ passage, recallRank: i + 1, recallScore: 0.9 - i / 100, rerankScore: null }),
      );
    });
  },
});

export const reranker = (sign = 1, id = 'reranker@1'): Reranker => ({
  id,
  async score(question, candidates) {
    return candidates.map(({ passage }) => sign * (chance('rerank', question, passage.id) * 8 - 4));
  },
  async close() {},
});

const judge: CriticOracle = (request): Record<string, number> => {
  const p = chance(request.kind, 'passage' in request ? { ...request, passage: request.passage.id } : request);
  switch (request.kind) {
    case 'retrieve':
      return { yes: 0.4 + p / 2, no: 0.3 };
    case 'isRel':
      return { relevant: 0.3 + 0.7 * p, irrelevant: 0.7 - 0.7 * p };
    case 'isSup':
      return { fully: p, partially: 0.1, none: 1 - p };
    case 'isUse':
      return { '5': p, '3': 0.2, '1': 1 - p };
  }
};

const SWAPS: Readonly<Record<string, string>> = {
  ...{ relevant: 'irrelevant', irrelevant: 'relevant', fully: 'none', none: 'fully' },
  ...{ '1': '5', '2': '4', '4': '2', '5': '1', yes: 'no', no: 'yes' },
};
const swapped: CriticOracle = (request) =>
  Object.fromEntries(Object.entries(judge(request)).map(([label, weight]) => [SWAPS[label] ?? label, weight]));

export const critic = (isSwapped = false, id = 'critic@1'): Critic =>
  scriptedCritic(isSwapped ? swapped : judge, { id, predictsContinue: false });

/** Writes a sentence of the passage that the seed chooses. */
export const writer = (id = 'writer@1'): Generator => ({
  ...scriptedGenerator(undefined, { id, samples: null }),
  async extend(requests, { seed }) {
    return requests.map(({ passage, answerSoFar }) => {
      const said = passage?.text.split('. ').map((text) => `${text.replace(/\.$/, '')}.`) ?? ['I do not know.'];
      const text = said[(seed + answerSoFar.length) % said.length]!;
      return [{ text, tokens: 5, logprobs: [-1, -1, -1, -1, -1], end: answerSoFar.length > 0, quoted: null }];
    });
  },
});

/** Sure with passages and in doubt without them, or the other way round: then the gate drops the context. */
export const sampler = (isMisled = false): Generator =>
  scriptedGenerator(undefined, {
    id: 'sampler@1',
    samples: ({ question, passages }, index) =>
      (passages.length === 0) === isMisled ? `in ${question.length}` : `in ${1000 + index}`,
  });

export interface World {
  readonly recaller?: Recaller;
  readonly reranker?: Reranker | null;
  readonly critic?: Critic;
  readonly writer?: Generator;
  readonly sampler?: Generator;
  readonly questions?: readonly string[];
  readonly config?: ConfigInput;
}

const BASE: ConfigInput = {
  recall: { topK: 5 },
  rerank: { topN: 3, mix: 1 },
  gate: { when: 'always', measure: 'entropyReduction', refuse: false, samples: 4, minSamples: 4 },
  beam: { maxSegments: 2 },
  isRel: { threshold: 0.4 },
};

export const worldParts = (world: World = {}): Parts => {
  const one = world.critic ?? critic();
  const write = world.writer ?? writer();
  return partsOf({
    recaller: world.recaller ?? recaller(),
    reranker: world.reranker === undefined ? reranker() : (world.reranker ?? undefined),
    critics: { retrieve: one, isRel: one, isSup: one, isUse: one },
    withContext: write,
    closedBook: write,
    gate: {
      sampler: world.sampler ?? sampler(),
      entailment: scriptedEntailment({ equivalent: ({ first, second }) => (first === second ? 1 : 0) }),
      estimator: null,
    },
  });
};

/** Groups of options laid over those of the base. */
export const worldConfig = (change: ConfigInput = {}) =>
  configOf(
    Object.fromEntries(
      [...new Set([...Object.keys(BASE), ...Object.keys(change)])].map((group) => [
        group,
        { ...BASE[group as keyof ConfigInput], ...change[group as keyof ConfigInput] },
      ]),
    ),
  );

/** The traces of all questions, as they are read from a file. */
export async function record(world: World = {}): Promise<Trace[]> {
  const [parts, config] = [worldParts(world), worldConfig(world.config)];
  const traces: Trace[] = [];
  for (const [i, question] of (world.questions ?? QUESTIONS).entries()) {
    const { trace } = await answerQuestion(question, parts, config, { id: `q${i}`, now: () => 0 });
    traces.push(parseTrace(JSON.stringify(trace)));
  }
  return traces;
}

let base: Promise<readonly Trace[]> | undefined;
/** The traces of the world without a fault, recorded once. */
export const baseline = (): Promise<readonly Trace[]> => (base ??= record());
