import { z } from 'zod';
import { ConfigSchema } from './config.ts';
import type { Critic, Generator, Recaller, Reranker, Rewriter, SegmentCandidate } from './contracts.ts';
import { DiscernError } from './errors.ts';
import { keyOf } from './text/hash.ts';
import type {
  Candidate,
  Critique,
  CritiqueRequest,
  Fact,
  FactRole,
  Passage,
  ReflectionKind,
  Trace,
  TraceEvent,
} from './types.ts';

/** Where facts come from: models (`live`), or a recorded trace. */
export interface FactSource {
  readonly facts: ReadonlyMap<string, Fact>;
  readonly passages: Readonly<Record<string, Passage>>;
}

/** Everything that one question asks of models goes through here: recorded once, counted, never asked twice. */
export interface FactLog {
  /** Facts in the order in which they were first used. */
  readonly facts: readonly Fact[];
  readonly passages: Readonly<Record<string, Passage>>;
  readonly events: readonly TraceEvent[];
  /** Calls to models and their time; the same live and in replay, so that budgets decide the same. */
  readonly spent: { readonly calls: number; readonly tokens: number; readonly ms: number };
  emit(event: TraceEvent): void;
  spendTokens(tokens: number): void;
  keep(passages: readonly Passage[]): void;
  /** One value for each request. Only requests without a fact reach `call`, all together. */
  ask<R, V>(
    role: FactRole,
    backend: string,
    requests: readonly R[],
    key: (request: R) => unknown,
    call: (missing: readonly R[]) => Promise<readonly V[]>,
  ): Promise<V[]>;
}

const factId = (role: FactRole, backend: string, key: string): string => `${role} ${backend} ${key}`;

export function createFactLog(
  options: { source?: FactSource; now?: () => number; onEvent?: (event: TraceEvent) => void } = {},
): FactLog {
  const { source, now = () => performance.now(), onEvent } = options;
  const facts: Fact[] = [];
  const known = new Map<string, Fact>();
  const passages: Record<string, Passage> = {};
  const events: TraceEvent[] = [];
  let micros = 0;
  const spent = { calls: 0, tokens: 0, ms: 0 };
  const add = (id: string, fact: Fact) => {
    known.set(id, fact);
    facts.push(fact);
    micros += Math.round(fact.ms * 1000);
    spent.ms = micros / 1000;
  };
  return {
    facts,
    passages,
    events,
    spent,
    emit(event) {
      events.push(event);
      onEvent?.(event);
    },
    spendTokens(tokens) {
      spent.tokens += tokens;
    },
    keep(list) {
      for (const passage of list) passages[passage.id] = passage;
    },
    async ask(role, backend, requests, key, call) {
      // One string for each request: it is flattened and hashed once, and finds the fact three times.
      const prefix = factId(role, backend, '');
      const ids = requests.map((request) => prefix + keyOf(key(request)));
      const missing = new Map<string, (typeof requests)[number]>();
      for (const [i, id] of ids.entries()) if (!known.has(id)) missing.set(id, requests[i]!);
      if (missing.size > 0) {
        spent.calls += 1;
        if (source) for (const id of missing.keys()) add(id, recorded(source, role, backend, id.slice(prefix.length)));
        else {
          const started = now();
          const values = await call([...missing.values()]);
          if (values.length !== missing.size)
            throw new DiscernError(
              'BACKEND_FAILED',
              `${backend} answered ${values.length} of ${missing.size} requests`,
            );
          // Whole microseconds, so that the sum does not depend on the order of adding.
          const ms = Math.round(((now() - started) / missing.size) * 1000) / 1000;
          let next = 0;
          for (const id of missing.keys())
            add(id, { role, backend, key: id.slice(prefix.length), value: values[next++], ms });
        }
      }
      return ids.map((id) => known.get(id)!.value as never);
    },
  };
}

function recorded(source: FactSource, role: FactRole, backend: string, key: string): Fact {
  const fact = source.facts.get(factId(role, backend, key));
  if (fact === undefined)
    throw new DiscernError('REPLAY_FACT_MISSING', `the trace has no "${role}" fact of ${backend} with key ${key}`, {
      details: { role, backend, key },
    });
  return fact;
}

export const factSource = (trace: Trace): FactSource => ({
  facts: new Map(trace.facts.map((fact) => [factId(fact.role, fact.backend, fact.key), fact])),
  passages: trace.passages,
});

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

interface RecallFact {
  readonly topK: number;
  readonly hits: readonly (readonly [passageId: string, score: number])[];
}

/** Recall through the log. A recorded list also serves a smaller topK; a larger one is asked again. */
export function recordRecaller(recaller: Recaller, log: FactLog, source?: FactSource): Recaller {
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
      );
      return values.map((value) => {
        if (topK > value.topK && value.hits.length === value.topK)
          throw new DiscernError(
            'REPLAY_FACT_MISSING',
            `the trace recalled ${value.topK} passages, ${topK} were asked for`,
          );
        if (source) log.keep(value.hits.map(([id]) => passageOf(source, id)));
        return value.hits.slice(0, topK).map(
          ([id, recallScore], i): Candidate => ({
            passage: log.passages[id]!,
            recallRank: i + 1,
            recallScore,
            rerankScore: null,
          }),
        );
      });
    },
  };
}

function passageOf(source: FactSource, id: string): Passage {
  const passage = source.passages[id];
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

export function recordGenerator(generator: Generator, log: FactLog): Generator {
  return {
    ...generator,
    extend: (requests, options) =>
      log.ask<(typeof requests)[number], SegmentCandidate[]>(
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
      ),
  };
}

const PassageSchema = z.object({
  id: z.string(),
  docId: z.string(),
  text: z.string(),
  title: z.string().nullable(),
  span: z.object({ start: z.int(), end: z.int() }),
  page: z.int().nullable(),
  heading: z.string().nullable(),
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

export const TraceSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  question: z.string(),
  config: ConfigSchema,
  backends: z.record(z.string(), z.string()),
  abilities: z.record(z.string(), z.record(z.string(), z.boolean())),
  prompts: z.record(z.string(), z.string()),
  passages: z.record(z.string(), PassageSchema),
  facts: z.array(
    z.object({
      role: z.enum(['rewrite', 'recall', 'rerank', 'critique', 'extend']),
      backend: z.string(),
      key: z.string(),
      value: z.json(),
      ms: z.number(),
    }),
  ),
  events: z.array(z.looseObject({ type: z.string() })),
  answer: z.looseObject({
    text: z.string(),
    unanswered: z.object({ reason: z.string(), detail: z.string() }).nullable(),
  }),
});

/** Reads one line of a trace file. Throws TRACE_INVALID that names what is wrong. */
export function parseTrace(line: string): Trace {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new DiscernError('TRACE_INVALID', `not a line of JSON: ${line.slice(0, 60)}`, { cause });
  }
  const parsed = TraceSchema.safeParse(json);
  if (parsed.success) return parsed.data as unknown as Trace;
  const version = (json as { version?: unknown } | null)?.version;
  if (version !== 1)
    throw new DiscernError(
      'TRACE_INVALID',
      `trace version ${String(version)} is not supported; this package reads version 1`,
    );
  const list = parsed.error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new DiscernError('TRACE_INVALID', list.join('; '));
}
