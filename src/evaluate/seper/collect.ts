import type { Config } from '../../config.ts';
import type {
  CallOptions,
  Embedder,
  Entailed,
  Entailment,
  Generator,
  PassageIndex,
  SampledAnswer,
} from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { critiqueAll } from '../../stages/critique.ts';
import { type EvidenceParts, gatherEvidence } from '../../stages/evidence.ts';
import { compareAnswers } from '../../stages/meanings.ts';
import { embeddingRecaller } from '../../stages/recall.ts';
import { normalizeAnswer } from '../../text/answer.ts';
import { createFactLog } from '../../trace.ts';
import type { Candidate, CritiqueRequest } from '../../types.ts';
import type { GoldEntailment, GoldPairs } from '../metrics/seper.ts';
import type { GivenSamples, RowPassage, SeperRow } from './rows.ts';

/** What models said of one question: everything that is measured of it follows from this. */
export interface SeperFacts {
  readonly id: string;
  readonly question: string;
  readonly answers: readonly string[];
  readonly lang: string | null;
  readonly passages: readonly RowPassage[];
  readonly samples: GivenSamples;
  /** The different sampled answers, and each against each reference. */
  readonly texts: readonly string[];
  readonly pairs: GoldPairs;
  /** Pairs of `texts` that mean the same, smaller place first. */
  readonly same: readonly (readonly [number, number])[];
  /** What the references were compared by: NLI, or P(equivalent) in its place. Null where nothing was compared. */
  readonly by: 'entail' | 'equivalent' | null;
  readonly published: number | null;
  /** Names of what was asked; null where it was not. */
  readonly models: { readonly sampler: string | null; readonly entailment: string | null };
}

export interface SeperParts {
  /** Null where no answer needs to be drawn. */
  readonly sampler: Pick<Generator, 'id' | 'sample'> | null;
  readonly entailment: Entailment;
  /** What contexts are found in; null: they stand in the rows. */
  readonly search: { readonly embedder: Embedder; readonly index: PassageIndex } | null;
  /** Rewriter, reranker and critics as the pipeline has them. */
  readonly evidence: Omit<EvidenceParts, 'recaller'>;
}

export interface SeperOptions {
  /** Of it count `gate`, `generate.seed`, and what shapes a recall. */
  readonly config: Config;
  /** Answers of each condition. */
  readonly samples: number;
  /** Also draw answers without each of the passages. */
  readonly perPassage: boolean;
  /** Ask for P(relevant) and the rerank score of passages that stand in the rows. */
  readonly scores: boolean;
}

/** Asks everything about one question: its context, answers with and without it, and what they mean. */
export async function askSeper(
  row: SeperRow,
  parts: SeperParts,
  options: SeperOptions,
  call: CallOptions = {},
): Promise<SeperFacts> {
  const { id, question, answers, lang, published } = row;
  const about = { id, question, answers, lang, published };
  const none = { with: null, without: null, rests: null };
  const silent = { texts: [], pairs: [], same: [], by: null, models: { sampler: null, entailment: null } };
  if (answers.length === 0) return { ...about, ...silent, passages: row.passages, samples: row.samples ?? none };
  const passages = await contextOf(row, parts, options, call);
  if (row.samples === null && passages.length === 0) return { ...about, ...silent, passages, samples: none };
  const samples = row.samples ?? (await draw(row, passages, parts, options, call));
  const lists = [samples.with, samples.without, ...(samples.rests ?? [])];
  const said = await compare(
    row,
    lists.flatMap((list) => list ?? []),
    parts,
    options,
    call,
  );
  const models = {
    sampler: row.samples === null ? parts.sampler!.id : null,
    entailment: said.texts.length === 0 ? null : parts.entailment.id,
  };
  return { ...about, passages, samples, ...said, models };
}

/** The passages of a row with their scores, or those that recall, rerank and IsREL find and keep for its question. */
async function contextOf(
  { question, passages, samples }: SeperRow,
  { search, evidence }: SeperParts,
  { config, scores }: SeperOptions,
  call: CallOptions,
): Promise<readonly RowPassage[]> {
  if (search !== null && samples === null) {
    const parts = { ...evidence, recaller: embeddingRecaller(search.embedder, search.index) };
    const asked = [{ question, answerSoFar: '' }];
    const [found] = await gatherEvidence(asked, parts, config, createFactLog(), 0, () => true, call);
    const { candidates, isRel } = found!.evidence;
    return candidates.map(({ passage, rerankScore }) => ({
      passage,
      isRel: isRel.get(passage.id)?.probs.relevant ?? null,
      rerank: rerankScore,
    }));
  }
  if (!scores || passages.every(({ isRel, rerank }) => isRel !== null || rerank !== null)) return passages;
  const requests = passages.map(({ passage }): CritiqueRequest<'isRel'> => ({ kind: 'isRel', question, passage }));
  const critiques = await critiqueAll<'isRel'>(requests, evidence.critics, call);
  const candidates = passages.map(
    ({ passage }, i): Candidate => ({ passage, recallRank: i + 1, recallScore: 0, rerankScore: null }),
  );
  const ranked = (await evidence.reranker?.score(question, candidates, call)) ?? [];
  return passages.map(({ passage, isRel, rerank }, i) => {
    const critique = critiques[i];
    const relevant = critique && !critique.undecided ? critique.probs.relevant : null;
    return { passage, isRel: isRel ?? relevant, rerank: rerank ?? ranked[i] ?? null };
  });
}

/** Answers of all conditions in one call. One passage alone has no others: without it is without context. */
async function draw(
  { question }: SeperRow,
  context: readonly RowPassage[],
  { sampler }: SeperParts,
  { config: { gate, generate }, samples, perPassage }: SeperOptions,
  call: CallOptions,
): Promise<GivenSamples> {
  if (sampler?.sample === undefined)
    throw new DiscernError('CONFIG_INVALID', 'SePer needs sampled answers, and no language model is configured', {
      hint: 'set generate.withContext or generate.closedBook to one, such as gguf',
    });
  const passages = context.map(({ passage }) => passage);
  const rests = perPassage && passages.length > 1 ? passages.map((_, left) => passages.toSpliced(left, 1)) : [];
  const lists = await sampler.sample(
    [passages, [], ...rests].map((condition) => ({ question, passages: condition })),
    {
      ...{ first: 0, count: samples, maxTokens: gate.answerTokens, temperature: gate.temperature },
      ...{ seed: generate.seed, contextTokens: gate.maxTokens, ...call },
    },
  );
  return { with: lists[0]!, without: lists[1]!, rests: perPassage ? lists.slice(2) : null };
}

type Comparison = Pick<SeperFacts, 'texts' | 'pairs' | 'same' | 'by'>;

/** Each different answer against each reference in one batch, and against the other answers in another. */
async function compare(
  { question, answers }: SeperRow,
  samples: readonly SampledAnswer[],
  { entailment }: SeperParts,
  { config: { gate } }: SeperOptions,
  call: CallOptions,
): Promise<Comparison> {
  const texts = distinctTexts(samples);
  if (texts.length === 0) return { texts, pairs: [], same: [], by: null };
  const by = entailment.outputs.includes('entail') ? 'entail' : 'equivalent';
  const asked = texts.flatMap((first) => answers.map((second) => ({ question, first, second })));
  let said: GoldEntailment[];
  if (by === 'entail') {
    const both = asked.flatMap((request) => [request, { question, first: request.second, second: request.first }]);
    const each = await entailment.entail(both, call);
    said = asked.map((_, i) => ({ answerToGold: each[2 * i]!, goldToAnswer: each[2 * i + 1]! }));
  } else {
    const chances = (await entailment.equivalent(asked, call)).map(asEntailed);
    said = chances.map((chance) => ({ answerToGold: chance, goldToAnswer: chance }));
  }
  const pairs = texts.map((_, i) => said.slice(i * answers.length, (i + 1) * answers.length));
  const alike = await compareAnswers(question, texts, entailment, gate.equivalence, call);
  const same = texts.flatMap((_, i) =>
    texts.slice(i + 1).flatMap((_, after) => {
      const j = i + 1 + after;
      return alike(i, j) ? [[i, j] as const] : [];
    }),
  );
  return { texts, pairs, same, by };
}

/** P(equivalent) in the place of entailment both ways: the likeliest class is entailment when it is above a half. */
const asEntailed = (chance: number): Entailed => ({ contradiction: 0, neutral: 1 - chance, entailment: chance });

/** One text for all that are equal after normalisation, the shortest: which one does not depend on their order. */
function distinctTexts(samples: readonly SampledAnswer[]): string[] {
  const byName = new Map<string, string>();
  for (const { text } of samples) {
    const name = normalizeAnswer(text);
    const before = byName.get(name);
    if (name !== '' && (before === undefined || isBefore(text, before))) byName.set(name, text);
  }
  return [...byName.values()];
}

const isBefore = (text: string, other: string): boolean =>
  text.length !== other.length ? text.length < other.length : text < other;
