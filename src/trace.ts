import { z } from 'zod';
import { GATE_FEATURES, GATE_MEASURES } from './config/gate.ts';
import { ConfigSchema } from './config.ts';
import { DiscernError } from './errors.ts';
import { keyOf } from './text/hash.ts';
import type { ModelCalls } from './trace/calls.ts';
import type { ReplayMemo } from './trace/memo.ts';
import type { SharedFacts } from './trace/shared.ts';
import type { Fact, FactRole, Passage, Trace, TraceEvent } from './types.ts';

export type { ModelCall, ModelCalls } from './trace/calls.ts';
export { createSharedFacts, type SharedFacts } from './trace/shared.ts';

/** Where facts come from: models (`live`), or a recorded trace. */
export interface FactSource {
  readonly facts: ReadonlyMap<string, Fact>;
  readonly passages: Readonly<Record<string, Passage>>;
  /** Where the same trace is replayed again and again. */
  readonly memo?: ReplayMemo;
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
    /** Whether a shared value serves; one that does not is asked again. */
    fits?: (value: V) => boolean,
  ): Promise<V[]>;
}

interface LogOptions {
  readonly source?: FactSource;
  readonly shared?: SharedFacts;
  readonly now?: () => number;
  readonly onEvent?: (event: TraceEvent) => void;
  readonly modelCalls?: ModelCalls;
}

const factId = (role: FactRole, backend: string, key: string): string => `${role} ${backend} ${key}`;

export function createFactLog(options: LogOptions = {}): FactLog {
  const { source, shared, onEvent } = options;
  const facts: Fact[] = [];
  const known = new Map<string, Fact>();
  const passages: Record<string, Passage> = {};
  const events: TraceEvent[] = [];
  let micros = 0;
  const spent = { calls: 0, tokens: 0, ms: 0 };
  /** How many facts each call to models gave, in the order of asking: that is the order of facts, in every run. */
  const counts: number[] = [];
  const add = (id: string, fact: Fact, at = facts.length) => {
    known.set(id, fact);
    facts.splice(at, 0, fact);
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
      for (const passage of list) {
        passages[passage.id] = passage;
        if (shared) shared.passages[passage.id] = passage;
      }
    },
    async ask(role, backend, requests, key, call, fits = () => true) {
      // One string for each request: it is flattened and hashed once, and finds the fact three times.
      const prefix = factId(role, backend, '');
      const ids = idsOf(prefix, requests, key, source?.memo);
      const missing = ids.filter((id) => !known.has(id));
      if (missing.length > 0) spent.calls += 1;
      if (source) {
        for (const id of missing) if (!known.has(id)) add(id, recorded(source, id, role, backend));
      } else if (missing.length > 0) {
        const asked = new Map(ids.flatMap((id, i) => (known.has(id) ? [] : [[id, requests[i]!] as const])));
        const place = counts.push(0) - 1;
        const found = await live(role, backend, prefix, asked, call as never, options, fits as never);
        let at = counts.slice(0, place).reduce((sum, count) => sum + count, 0);
        counts[place] = found.size;
        for (const [id, fact] of found) add(id, fact, at++);
      }
      return ids.map((id) => known.get(id)!.value as never);
    },
  };
}

/** Asks the models for what no other setting has asked. A fact costs what it took, whoever asked first: budgets decide the same. */
async function live<R>(
  role: FactRole,
  backend: string,
  prefix: string,
  missing: ReadonlyMap<string, R>,
  call: (missing: readonly R[]) => Promise<readonly unknown[]>,
  { shared, modelCalls, now = () => performance.now() }: LogOptions,
  fits: (value: unknown) => boolean,
): Promise<Map<string, Fact>> {
  const known = new Map<string, Fact>();
  const asked = new Map<string, R>();
  for (const [id, request] of missing) {
    const fact = shared?.facts.get(id);
    if (fact !== undefined && fits(fact.value)) known.set(id, fact);
    else asked.set(id, request);
  }
  if (asked.size > 0) {
    const started = now();
    const work = () => call([...asked.values()]);
    const values = await (modelCalls?.around({ role, backend, requests: asked.size }, work) ?? work());
    if (values.length !== asked.size)
      throw new DiscernError('BACKEND_FAILED', `${backend} answered ${values.length} of ${asked.size} requests`);
    // Whole microseconds, so that the sum does not depend on the order of adding.
    const ms = Math.round(((now() - started) / asked.size) * 1000) / 1000;
    for (const [i, id] of [...asked.keys()].entries()) {
      const fact: Fact = { role, backend, key: id.slice(prefix.length), value: values[i], ms };
      known.set(id, fact);
      shared?.facts.set(id, fact);
    }
  }
  return new Map([...missing.keys()].map((id) => [id, known.get(id)!]));
}

function idsOf<R>(
  prefix: string,
  requests: readonly R[],
  key: (request: R) => unknown,
  memo: ReplayMemo | undefined,
): readonly string[] {
  if (memo === undefined) return requests.map((request) => prefix + keyOf(key(request)));
  const known = memo.batches.get(requests);
  if (known?.[0]?.startsWith(prefix)) return known;
  const ids = requests.map((request) => prefix + memo.keyOf(key(request)));
  memo.batches.set(requests, ids);
  return ids;
}

function recorded(source: FactSource, id: string, role: FactRole, backend: string): Fact {
  const fact = source.facts.get(id);
  if (fact !== undefined) return fact;
  const key = id.slice(factId(role, backend, '').length);
  throw new DiscernError('REPLAY_FACT_MISSING', `the trace has no "${role}" fact of ${backend} with key ${key}`, {
    details: { role, backend, key },
  });
}

export const factSource = (trace: Trace): FactSource => ({
  facts: new Map(trace.facts.map((fact) => [factId(fact.role, fact.backend, fact.key), fact])),
  passages: trace.passages,
});

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

const EstimatorSchema = z.object({
  id: z.string(),
  bias: z.number(),
  features: z.array(
    z.object({ name: z.enum(GATE_FEATURES), mean: z.number(), scale: z.number().positive(), weight: z.number() }),
  ),
  stopping: z.array(
    z.object({
      measure: z.enum(GATE_MEASURES),
      samples: z.int().positive(),
      risk: z.number(),
      margin: z.number().nonnegative(),
    }),
  ),
});

const CapabilitiesSchema = z.object({
  logprobs: z.enum(['raw', 'sampled', 'unknown', 'none']),
  top: z.int().nonnegative().nullable(),
  tokenIds: z.boolean(),
  singleTokenLabels: z.boolean().nullable(),
  thinksFirst: z.boolean().nullable(),
  prefill: z.boolean().nullable(),
  notes: z.array(z.string()),
});

export const TraceSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  question: z.string(),
  config: ConfigSchema,
  backends: z.record(z.string(), z.string()),
  abilities: z.record(z.string(), z.record(z.string(), z.boolean())),
  capabilities: z.record(z.string(), CapabilitiesSchema).optional(),
  prompts: z.record(z.string(), z.string()),
  gate: EstimatorSchema.optional(),
  passages: z.record(z.string(), PassageSchema),
  facts: z.array(
    z.object({
      role: z.enum(['rewrite', 'recall', 'rerank', 'critique', 'sample', 'entail', 'extend']),
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
  task: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('retrieve') }),
      z.object({ type: z.literal('check'), answer: z.string(), passageIds: z.array(z.string()) }),
    ])
    .optional(),
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
