import type { Attributes } from '@opentelemetry/api';
import type { SampledAnswer, SegmentCandidate } from '../contracts.ts';
import type { ModelCall } from '../trace.ts';
import type { Decision, FactRole, TraceEvent } from '../types.ts';

/**
 * Operations of the GenAI semantic conventions, where one fits. Writers may ask a chat, a completion or no language
 * model at all, in one batch: the operation that all of them have in common. The others have no name there.
 */
const OPERATIONS: Readonly<Record<FactRole | 'embed', string>> = {
  rewrite: 'generate_content',
  recall: 'retrieval',
  rerank: 'rerank',
  critique: 'critique',
  sample: 'generate_content',
  entail: 'entail',
  extend: 'generate_content',
  embed: 'embeddings',
};

export interface WatchedCall extends Omit<ModelCall, 'role'> {
  readonly role: FactRole | 'embed';
}

/** Of which kind the spans are, not who serves the model: that stands on the spans of whoever asks it. */
export const PROVIDER = { 'gen_ai.provider.name': 'discern-rag' } as const;

export function callSpan({ role, backend, requests }: WatchedCall): { name: string; attributes: Attributes } {
  const operation = OPERATIONS[role];
  return {
    name: `${operation} ${backend}`,
    attributes: {
      'gen_ai.operation.name': operation,
      ...PROVIDER,
      [role === 'recall' ? 'gen_ai.data_source.id' : 'gen_ai.request.model']: backend,
      'discern.role': role,
      'discern.backend': backend,
      'discern.requests': requests,
    },
  };
}

interface Recalled {
  readonly topK: number;
  readonly hits: readonly (readonly [id: string, score: number])[];
}

type Written = Pick<SampledAnswer, 'tokens'> & Partial<Pick<SegmentCandidate, 'quoted'>>;

/** Of what a model said, what is no text. */
export function saidAttributes(role: WatchedCall['role'], said: unknown, content: boolean): Attributes {
  if (role === 'extend' || role === 'sample') {
    const answers = (said as readonly Written[][]).flat();
    // A quote is found, not written.
    const written = answers.filter(({ quoted = null }) => quoted === null);
    return {
      'discern.candidates': answers.length,
      ...(written.length > 0 && { 'gen_ai.usage.output_tokens': written.reduce((sum, { tokens }) => sum + tokens, 0) }),
    };
  }
  if (role !== 'recall') return {};
  const lists = said as readonly Recalled[];
  const documents = lists.flatMap(({ hits }) => hits.map(([id, score]) => ({ id, score })));
  return {
    ...(lists[0] && { 'gen_ai.retrieval.top_k': lists[0].topK }),
    'discern.candidates': documents.length,
    ...(content && { 'gen_ai.retrieval.documents': JSON.stringify(documents) }),
  };
}

/** Null and what is not finite have no place in a span. */
const numbers = (values: Readonly<Record<string, number | null>>): Attributes =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === null || !Number.isFinite(value) ? [] : [[`discern.${name}`, value]],
    ),
  );

const best = (values: readonly (number | null)[]): number | null =>
  values.reduce<number | null>((high, value) => (value === null || (high ?? value) > value ? high : value), null);

/** What was decided, by which numbers: no question, no passage, no answer, unless `content`. */
export function eventAttributes(event: TraceEvent, content: boolean): Attributes {
  const level: Attributes = 'level' in event ? { 'discern.level': event.level } : {};
  switch (event.type) {
    case 'retrieve-decided':
      return {
        ...level,
        'discern.outcome': event.retrieve,
        ...numbers({ value: event.value, threshold: event.threshold }),
      };
    case 'recall-end':
      return {
        ...level,
        ...numbers({ candidates: event.candidates.length, value: best(event.candidates.map(({ score }) => score)) }),
        ...(content && { 'gen_ai.retrieval.query.text': event.query }),
      };
    case 'rerank-end':
      return { ...level, ...numbers({ kept: event.kept.length, value: best(event.kept.map(({ score }) => score)) }) };
    case 'relevance-decided': {
      const kept = event.passages.filter((passage) => passage.kept).length;
      const value = best(event.passages.map((passage) => passage.value));
      return {
        ...level,
        ...numbers({ kept, dropped: event.passages.length - kept, value, threshold: event.threshold }),
      };
    }
    case 'gate-decided':
      return {
        ...level,
        ...{ 'discern.outcome': event.action, 'discern.measure': event.measure },
        ...numbers({ value: event.value, threshold: event.threshold }),
      };
    case 'gate-skipped':
      return level;
    case 'negative-utility':
      return {
        ...level,
        ...{ 'discern.passage': event.passageId, 'discern.measure': event.measure },
        ...numbers({ value: event.value }),
      };
    case 'segment-scored':
      return {
        ...level,
        ...(event.passageId !== null && { 'discern.passage': event.passageId }),
        'discern.dropped': event.dropped,
        ...numbers({ value: event.score.total }),
        ...(content && { 'discern.text': event.text }),
      };
    case 'beam-pruned':
      return { ...level, ...numbers({ kept: event.kept.length, value: best(event.kept.map(({ score }) => score)) }) };
    case 'segment-committed':
      return {
        ...numbers({ segment: event.index, citation: event.citation }),
        ...(content && { 'discern.text': event.text }),
      };
    case 'budget-spent':
      return { ...level, 'discern.limit': event.limit, ...numbers({ value: event.value }) };
    case 'degraded':
      return { ...level, 'discern.role': event.role, 'discern.reason': event.reason };
  }
}

export const decisionAttributes = ({ about, outcome, value, threshold, passageId, level }: Decision): Attributes => ({
  ...{ 'discern.about': about, 'discern.outcome': outcome },
  ...(passageId !== null && { 'discern.passage': passageId }),
  ...numbers({ level, value, threshold }),
});

/** One message in the form of the conventions. */
export const messages = (role: 'user' | 'assistant', content: string): string =>
  JSON.stringify([
    { role, parts: [{ type: 'text', content }], ...(role === 'assistant' && { finish_reason: 'stop' }) },
  ]);
