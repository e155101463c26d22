import {
  type Attributes,
  type Context,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { Embedder } from './contracts.ts';
import { DiscernError } from './errors.ts';
import { callSpan, decisionAttributes, eventAttributes, PROVIDER, saidAttributes } from './telemetry/attributes.ts';
import { type Logger, safeLogger } from './telemetry/logger.ts';
import type { Outcome } from './telemetry/outcome.ts';
import { VERSION } from './telemetry/version.ts';
import type { ModelCalls } from './trace.ts';
import type { TraceEvent } from './types.ts';

export type { Logger } from './telemetry/logger.ts';
export { answerOutcome, checkOutcome, ingestOutcome, retrieveOutcome } from './telemetry/outcome.ts';

export interface TelemetryOptions {
  /** Makes the spans; without one, the provider that the process has registered. */
  readonly tracerProvider?: TracerProvider;
  /** True: the texts of questions, answers and passages stand in the spans. Keys never do. */
  readonly content?: boolean;
}

export interface ObserveOptions {
  readonly telemetry?: TelemetryOptions;
  /** Told of notices, degraded parts, spent budgets, unread documents and the end of each task; of no text and no key. */
  readonly logger?: Logger;
}

export type TaskName = 'ask' | 'stream' | 'retrieve' | 'check' | 'ingest';

interface Task<T> {
  readonly name: TaskName;
  /** Name of the trace. */
  readonly id?: string | undefined;
  /** Where it was asked for, if not here. */
  readonly from?: Context;
  readonly outcome: (result: T) => Outcome;
}

/** What one task is watched with. */
export interface Watch {
  /** The options of a question, with its events and model calls watched. */
  options<O extends { readonly onEvent?: (event: TraceEvent) => void }>(
    options: O,
  ): O & { readonly modelCalls?: ModelCalls };
  /** The embedder with a span around every call. */
  embedder(embedder: Embedder): Embedder;
}

export interface Telemetry {
  readonly log: Logger;
  /** The active context, for a task that begins later. */
  here(): Context;
  /** Runs a task in a span of its own and logs its end. */
  run<T>(task: Task<T>, work: (watch: Watch) => Promise<T>): Promise<T>;
}

/** Without a registered SDK and without a logger it does nothing, and costs nothing that can be measured. */
export function createTelemetry({ telemetry = {}, logger }: ObserveOptions, now = () => performance.now()): Telemetry {
  const { tracerProvider, content = false } = telemetry;
  const log = safeLogger(logger);
  const tracer = (tracerProvider ?? trace).getTracer('discern-rag', VERSION);

  const callsBelow = (parent: Context): ModelCalls => ({
    async around(call, work) {
      const span = tracer.startSpan(...spanOf(callSpan(call), parent));
      return ending(span, async () => {
        const said = await context.with(trace.setSpan(parent, span), work);
        span.setAttributes(saidAttributes(call.role, said, content));
        return said;
      });
    },
  });

  const embedderBelow = (parent: Context, embedder: Embedder): Embedder => ({
    get id() {
      return embedder.id; // it may know its runtime only later
    },
    fingerprint: () => embedder.fingerprint(),
    tokens: async (texts, options) => (await embedder.tokens?.(texts, options)) ?? null,
    close: () => embedder.close(),
    embed(texts, kind, options) {
      const call = { role: 'embed', backend: embedder.id, requests: texts.length } as const;
      const span = tracer.startSpan(...spanOf(callSpan(call), parent));
      const work = () => embedder.embed(texts, kind, options);
      return ending(span, () => context.with(trace.setSpan(parent, span), work));
    },
  });

  function tell(event: TraceEvent, about: Readonly<Record<string, unknown>>): void {
    if (event.type === 'degraded') {
      const { role, reason, level } = event;
      log.warn('critic degraded', { ...about, role, reason, level });
    }
    if (event.type === 'budget-spent') {
      const { limit, value, level } = event;
      log.warn('budget spent', { ...about, limit, value, level });
    }
  }

  return {
    log,
    here: () => context.active(),
    async run({ name, id, from = context.active(), outcome }, work) {
      const span = tracer.startSpan(...spanOf(taskSpan(name, id), from));
      const inside = trace.setSpan(from, span);
      const recording = span.isRecording();
      const { traceId } = span.spanContext();
      const about = { task: name, ...(id !== undefined && { id }), ...(recording && { traceId }) };
      const watch: Watch = {
        options(options) {
          if (!recording && !logger) return options;
          const onEvent = (event: TraceEvent) => {
            if (recording) span.addEvent(`discern.${event.type}`, eventAttributes(event, content));
            if (logger) tell(event, about);
            options.onEvent?.(event);
          };
          return { ...options, onEvent, ...(recording && { modelCalls: callsBelow(inside) }) };
        },
        embedder: (embedder) => (recording ? embedderBelow(inside, embedder) : embedder),
      };
      const began = now();
      try {
        return await ending(span, async () => {
          const result = await context.with(inside, () => work(watch));
          if (!recording && !logger) return result;
          const { fields, attributes, content: texts, decisions, log: more } = outcome(result);
          if (recording) {
            for (const decision of decisions) span.addEvent('discern.decided', decisionAttributes(decision));
            span.setAttributes({ ...attributes, ...(content && texts()) });
          }
          more?.(log);
          log.info(`${name} done`, { ...about, ...fields, ms: Math.round(now() - began) });
          return result;
        });
      } catch (error) {
        const code = codeOf(error);
        const fields = { ...about, code, ms: Math.round(now() - began) };
        if (code === 'ABORTED') log.info(`${name} aborted`, fields);
        else log.error(`${name} failed`, fields);
        throw error;
      }
    },
  };
}

/** Fixed steps that ask several models are a workflow; a retrieval alone and an ingest are what they are called. */
function taskSpan(name: TaskName, id: string | undefined): { name: string; attributes: Attributes } {
  const called = `discern.${name}`;
  const own = { 'discern.task': name, ...(id !== undefined && { 'discern.id': id }) };
  if (name === 'ingest') return { name: called, attributes: own };
  if (name === 'retrieve')
    return { name: `retrieval ${called}`, attributes: { 'gen_ai.operation.name': 'retrieval', ...PROVIDER, ...own } };
  return {
    name: `invoke_workflow ${called}`,
    attributes: { 'gen_ai.operation.name': 'invoke_workflow', 'gen_ai.workflow.name': called, ...PROVIDER, ...own },
  };
}

const spanOf = ({ name, attributes }: { name: string; attributes: Attributes }, parent: Context) =>
  [name, { kind: SpanKind.INTERNAL, attributes }, parent] as const;

/** The code alone: a message may quote what it is about. */
const codeOf = (error: unknown): string =>
  DiscernError.is(error) ? error.code : error instanceof Error ? error.name : '_OTHER';

async function ending<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    span.setAttribute('error.type', code);
    span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    throw error;
  } finally {
    span.end();
  }
}
