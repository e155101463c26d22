/** Faults to plant in the parts of a run. Each keeps the ids of the parts, as a bug or another index would. */
import type { Config } from '../src/config.ts';
import type { Critic, Recaller, Reranker } from '../src/contracts.ts';
import type { FaultStage } from '../src/evaluate/faults/stages.ts';
import type { Parts } from '../src/pipeline.ts';
import { seededRandom } from '../src/text/random.ts';
import type { Candidate, Critique, FactRole, ReflectionKind } from '../src/types.ts';
import { shuffle } from './lib-fit.ts';

export interface Setup {
  readonly parts: Parts;
  readonly config: Config;
}

export interface Plant {
  readonly name: string;
  /** What is to be blamed; none: it changes no answer. */
  readonly stages: readonly FaultStage[];
  /** Roles whose facts are others with it. */
  readonly roles: readonly FactRole[];
  readonly of: (setup: Setup) => Setup;
}

const withParts =
  (change: (parts: Parts, config: Config) => Partial<Parts>): Plant['of'] =>
  ({ parts, config }) => ({ parts: { ...parts, ...change(parts, config) }, config });

const reversed = (reranker: Reranker): Reranker => ({
  ...reranker,
  score: async (question, candidates, options) =>
    (await reranker.score(question, candidates, options)).map((score) => -score),
});

const SWAPS: Readonly<Record<string, string>> = {
  ...{ relevant: 'irrelevant', irrelevant: 'relevant', fully: 'none', none: 'fully' },
  ...{ '1': '5', '2': '4', '4': '2', '5': '1', yes: 'no', no: 'yes' },
};
const swapped = <K extends ReflectionKind>(critique: Critique<K>): Critique<K> => {
  const probs = critique.probs as Readonly<Record<string, number>>;
  const turned = Object.fromEntries(Object.keys(probs).map((label) => [label, probs[SWAPS[label] ?? label]!]));
  return { ...critique, probs: turned as unknown as Critique<K>['probs'] };
};
const swappedCritic = (critic: Critic): Critic => ({
  ...critic,
  critique: async (requests, options) => (await critic.critique(requests, options)).map(swapped),
});
/** A critic for several kinds stays one. */
function swappedCritics({ critics }: Parts): Pick<Parts, 'critics'> {
  const made = new Map([...new Set(Object.values(critics))].map((critic) => [critic, critic && swappedCritic(critic)]));
  const of = (kind: ReflectionKind) => made.get(critics[kind]) ?? null;
  return { critics: { retrieve: of('retrieve'), isRel: of('isRel'), isSup: of('isSup'), isUse: of('isUse') } };
}

const ranked = (list: readonly Candidate[]): Candidate[] =>
  list.map((candidate, i) => ({ ...candidate, recallRank: i + 1 }));

/** What an index of those documents would find that a number drawn for each leaves in. */
const halved = (recaller: Recaller, seed: number): Recaller => ({
  ...recaller,
  recall: async (queries, options) => {
    const isIn = ({ passage }: Candidate) =>
      seededRandom(seed + [...passage.docId].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 1e9, 7))() < 0.5;
    const lists = await recaller.recall(queries, { ...options, topK: 4 * options.topK + 100 });
    return lists.map((list) => ranked(list.filter(isIn).slice(0, options.topK)));
  },
});

/** The ranks below `from` in another order; each passage keeps its score. */
const shuffled = (recaller: Recaller, from: number, seed: number): Recaller => ({
  ...recaller,
  recall: async (queries, options) =>
    (await recaller.recall(queries, options)).map((list) =>
      ranked([...list.slice(0, from), ...shuffle(list.slice(from), seededRandom(seed))]),
    ),
});

const reverseRerank = withParts(({ reranker }) => ({ reranker: reranker && reversed(reranker) }));
const swapCritics = withParts(swappedCritics);

/** The faults of a run, and those of a run whose language model writes at random. */
export const plantsOf = (seed: number): { readonly quoting: readonly Plant[]; readonly writing: readonly Plant[] } => ({
  quoting: [
    { name: 'reranker reversed', stages: ['rerank'], roles: ['rerank'], of: reverseRerank },
    {
      ...{ name: 'index of half the documents', stages: ['recall'], roles: ['recall'] },
      of: withParts(({ recaller }) => ({ recaller: recaller && halved(recaller, seed) })),
    },
    { name: 'critic with swapped labels', stages: ['critic'], roles: ['critique'], of: swapCritics },
    {
      ...{ name: 'reranker reversed and critic with swapped labels', stages: ['rerank', 'critic'] },
      ...{ roles: ['rerank', 'critique'], of: (setup) => swapCritics(reverseRerank(setup)) },
    },
    {
      ...{ name: 'recall shuffled below topN', stages: [], roles: ['recall'] },
      of: withParts(({ recaller }, { rerank }) => ({ recaller: recaller && shuffled(recaller, rerank.topN, seed) })),
    },
  ],
  writing: [
    {
      ...{ name: 'generator with another seed', stages: ['generator'], roles: [] },
      of: ({ parts, config }) => ({
        parts,
        config: { ...config, generate: { ...config.generate, seed: config.generate.seed + 1 } },
      }),
    },
  ],
});
