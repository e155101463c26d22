import type {
  Critic,
  Entailed,
  Entailment,
  EntailmentRequest,
  Generator,
  Recaller,
  Reranker,
  Rewriter,
  SampledAnswer,
  SampleOptions,
  SampleRequest,
  SegmentCandidate,
} from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { answerKey } from '../text/answer.ts';
import type { FactLog, FactSource } from '../trace.ts';
import type { Candidate, Critique, CritiqueRequest, Passage, ReflectionKind } from '../types.ts';

/** Recording is a wrapper around a contract: what a model is asked goes through the log. */
interface RecallFact {
  readonly topK: number;
  readonly hits: readonly (readonly [passageId: string, score: number])[];
}

/** Recall through the log. A recorded list also serves a smaller topK; a larger one is asked again. */
export function recordRecaller(recaller: Recaller, log: FactLog, known?: KnownPassages): Recaller {
  return {
    id: recaller.id,
    async recall(queries, { topK, filter, signal }) {
      const values = await log.ask<string, RecallFact>(
        'recall',
        recaller.id,
        queries,
        (query) => ({ query, filter: filter ?? null }),
        async (missing) => {
          const lists = await recaller.recall(missing, { topK, filter, signal });
          for (const list of lists) log.keep(list.map(({ passage }) => passage));
          return lists.map((list) => ({
            topK,
            hits: list.map(({ passage, recallScore }) => [passage.id, recallScore] as const),
          }));
        },
        (value) => topK <= value.topK || value.hits.length < value.topK,
      );
      return values.map((value) => candidatesOf(value, topK, log, known));
    },
  };
}

type KnownPassages = Pick<FactSource, 'passages' | 'memo'>;

function candidatesOf(value: RecallFact, topK: number, log: FactLog, known?: KnownPassages): Candidate[] {
  if (topK > value.topK && value.hits.length === value.topK)
    throw new DiscernError('REPLAY_FACT_MISSING', `the trace recalled ${value.topK} passages, ${topK} were asked for`);
  const listed = known?.memo?.candidates.get(value);
  if (listed?.topK === topK) {
    log.keep(listed.passages);
    return listed.candidates;
  }
  if (known) log.keep(value.hits.flatMap(([id]) => (log.passages[id] ? [] : [passageOf(known, id)])));
  const passages = value.hits.map(([id]) => log.passages[id]!);
  const candidates = value.hits
    .slice(0, topK)
    .map(([, recallScore], i) => ({ passage: passages[i]!, recallRank: i + 1, recallScore, rerankScore: null }));
  known?.memo?.candidates.set(value, { topK, passages, candidates });
  return candidates;
}

function passageOf({ passages }: KnownPassages, id: string): Passage {
  const passage = passages[id];
  if (passage === undefined)
    throw new DiscernError('TRACE_INVALID', `the trace names passage ${id} and does not hold it`);
  return passage;
}

export function recordReranker(reranker: Reranker, log: FactLog): Reranker {
  return {
    id: reranker.id,
    score: (question, candidates, options) =>
      log.ask(
        'rerank',
        reranker.id,
        candidates,
        ({ passage }) => ({ question, passage: passage.id }),
        (missing) => reranker.score(question, missing, options),
      ),
    close: () => reranker.close(),
  };
}

/** What identifies a request to a critic: its texts, and its passage by id. */
const critiqueKey = (request: CritiqueRequest): unknown =>
  'passage' in request ? { ...request, passage: request.passage.id } : request;

export function recordCritic(critic: Critic, log: FactLog): Critic {
  return {
    ...critic,
    critique: <K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], options?: { signal?: AbortSignal }) =>
      log.ask<CritiqueRequest<K>, Critique<K>>(
        'critique',
        critic.id,
        requests,
        critiqueKey as (request: CritiqueRequest<K>) => unknown,
        (missing) => critic.critique(missing, options),
      ),
  };
}

/** JSON has no -Infinity: in a trace that was read, the log-probability of what cannot be is null. */
const restored = <T extends { readonly logprobs: readonly number[] | null }>(said: T): T =>
  said.logprobs === null
    ? said
    : { ...said, logprobs: said.logprobs.map((value) => (Number.isFinite(value) ? value : Number.NEGATIVE_INFINITY)) };

export function recordGenerator(generator: Generator, log: FactLog): Generator {
  return {
    ...generator,
    ...(generator.sample && { sample: recordSamples(generator, generator.sample, log) }),
    async extend(requests, options) {
      const lists = await log.ask<(typeof requests)[number], SegmentCandidate[]>(
        'extend',
        generator.id,
        requests,
        ({ question, passage, answerSoFar }) =>
          generator.abilities.quotes
            ? { question, passage: passage?.id ?? null }
            : {
                question,
                passage: passage?.id ?? null,
                answerSoFar,
                maxTokens: options.maxTokens,
                temperature: options.temperature,
                seed: options.seed,
              },
        (missing) => generator.extend(missing, options),
      );
      return lists.map((list) => list.map(restored));
    },
  };
}

interface Draw {
  readonly request: SampleRequest;
  readonly index: number;
}

/** Each sample is a fact of its own, so that fewer of them can be replayed, and more drawn later. */
function recordSamples(
  { id }: Generator,
  sample: NonNullable<Generator['sample']>,
  log: FactLog,
): NonNullable<Generator['sample']> {
  return async (requests, options) => {
    const { first, count, maxTokens, temperature, seed, contextTokens } = options;
    const draws = requests.flatMap((request) =>
      Array.from({ length: count }, (_, n): Draw => ({ request, index: first + n })),
    );
    const answers = await log.ask<Draw, SampledAnswer>(
      'sample',
      id,
      draws,
      ({ request: { question, passages }, index }) => ({
        ...{ question, passages: passages.map((passage) => passage.id), index },
        ...{ maxTokens, temperature, seed, contextTokens },
      }),
      (missing) => drawMissing(id, sample, missing, options),
    );
    return requests.map((_, i) => answers.slice(i * count, (i + 1) * count).map(restored));
  };
}

/** One call for all: the range of numbers that are missing anywhere. */
async function drawMissing(
  id: string,
  sample: NonNullable<Generator['sample']>,
  missing: readonly Draw[],
  options: SampleOptions,
): Promise<SampledAnswer[]> {
  const requests = [...new Set(missing.map(({ request }) => request))];
  const numbers = missing.map(({ index }) => index);
  const first = Math.min(...numbers);
  const count = Math.max(...numbers) - first + 1;
  const lists = await sample(requests, { ...options, first, count });
  if (lists.length !== requests.length || lists.some((list) => list.length !== count))
    throw new DiscernError(
      'BACKEND_FAILED',
      `${id} gave ${lists.map((list) => list.length).join(', ') || 'no'} samples for ${requests.length} requests of ${count}`,
    );
  return missing.map(({ request, index }) => lists[requests.indexOf(request)]![index - first]!);
}

/** Comparisons through the log: texts that are equal after normalisation are one text, and equivalence has no direction. */
export function recordEntailment(entailment: Entailment, log: FactLog): Entailment {
  const names = ({ first, second }: EntailmentRequest) => [answerKey(first), answerKey(second)];
  return {
    ...entailment,
    entail: (requests, options) =>
      log.ask<EntailmentRequest, Entailed>(
        'entail',
        entailment.id,
        requests,
        (request) => ({ question: request.question, entail: names(request) }),
        (missing) => entailment.entail(missing, options),
      ),
    equivalent: (requests, options) =>
      log.ask<EntailmentRequest, number>(
        'entail',
        entailment.id,
        requests,
        (request) => ({ question: request.question, equivalent: names(request).sort() }),
        (missing) => entailment.equivalent(missing, options),
      ),
  };
}

export function recordRewriter(rewriter: Rewriter, log: FactLog): Rewriter {
  return {
    ...rewriter,
    rewrite: (questions, options) =>
      log.ask(
        'rewrite',
        rewriter.id,
        questions,
        (question) => ({ question }),
        (missing) => rewriter.rewrite(missing, options),
      ),
  };
}
