import type { Attributes } from '@opentelemetry/api';
import type { IngestReport } from '../stages/ingest.ts';
import type { Answer, Checked, Cost, Decision, Retrieved } from '../types.ts';
import { messages } from './attributes.ts';
import type { Logger } from './logger.ts';

/** What is said of a task that went well, once without texts and once with them. */
export interface Outcome {
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
  readonly attributes: Attributes;
  /** Attributes that hold texts. */
  readonly content: () => Attributes;
  /** Decisions that no event has told. */
  readonly decisions: readonly Decision[];
  readonly log?: (logger: Logger) => void;
}

const costFields = ({ calls, requests, tokens, ms }: Cost) => ({ calls, requests, tokens, modelMs: Math.round(ms) });

const costAttributes = ({ calls, requests, tokens, ms }: Cost): Attributes => ({
  'discern.cost.calls': calls,
  'discern.cost.requests': requests,
  'discern.cost.tokens': tokens,
  'discern.cost.ms': ms,
});

export const answerOutcome = ({
  text,
  unanswered,
  usedContext,
  citations,
  segments,
  cost,
  trace,
}: Answer): Outcome => ({
  fields: {
    ...{ unanswered: unanswered?.reason ?? null, usedContext, citations: citations.length },
    ...costFields(cost),
  },
  attributes: {
    ...(unanswered && { 'discern.unanswered': unanswered.reason }),
    'discern.used_context': usedContext,
    'discern.segments': segments.length,
    'discern.citations': citations.length,
    ...costAttributes(cost),
  },
  content: () => ({
    'gen_ai.input.messages': messages('user', trace.question),
    'gen_ai.output.messages': messages('assistant', text),
  }),
  decisions: [],
});

export const retrieveOutcome = ({ passages, empty, cost, trace }: Retrieved): Outcome => ({
  fields: { empty: empty?.reason ?? null, passages: passages.length, ...costFields(cost) },
  attributes: {
    ...(empty && { 'discern.empty': empty.reason }),
    'discern.passages': passages.length,
    ...costAttributes(cost),
  },
  content: () => ({
    'gen_ai.retrieval.query.text': trace.question,
    'gen_ai.retrieval.documents': JSON.stringify(
      passages.map(({ passage, isRel, rerankScore, recallScore }) => ({
        ...{ id: passage.id, score: isRel ?? rerankScore ?? recallScore, content: passage.text },
      })),
    ),
  }),
  decisions: [],
});

export const checkOutcome = ({ accepted, support, use, segments, text, decisions, cost, trace }: Checked): Outcome => ({
  fields: { accepted, support, use, segments: segments.length, ...costFields(cost) },
  attributes: {
    'discern.accepted': accepted,
    ...(support !== null && { 'discern.support': support }),
    ...(use !== null && { 'discern.use': use }),
    'discern.segments': segments.length,
    ...costAttributes(cost),
  },
  content: () => ({
    'gen_ai.input.messages': messages('user', trace.question),
    'gen_ai.output.messages': messages('assistant', text),
  }),
  // Of a check the sentences are decided on at its end.
  decisions: decisions.filter(({ about }) => about === 'isSup' || about === 'isUse'),
});

export function ingestOutcome({ failed, ignored, ...counts }: IngestReport): Outcome {
  const numbers = { ...counts, failed: failed.length, ignored: ignored.length };
  return {
    fields: numbers,
    attributes: Object.fromEntries(Object.entries(numbers).map(([name, value]) => [`discern.ingest.${name}`, value])),
    content: () => ({}),
    decisions: [],
    log(logger) {
      // The message may quote the document: the report has it.
      for (const { key, code } of failed) logger.warn('document not read', { document: key, code });
    },
  };
}
