import { z } from '@hono/zod-openapi';
import type { Trace } from '../types.ts';

const Decision = z.object({
  about: z.enum(['retrieve', 'isRel', 'gate', 'budget', 'isSup', 'isUse']),
  outcome: z.string(),
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  reason: z.string(),
  passageId: z.string().nullable(),
  level: z.int().nullable(),
});

const Cost = z.object({ calls: z.int(), requests: z.int(), tokens: z.int(), ms: z.number() });

const Citation = z.object({
  number: z.int().min(1),
  passageId: z.string(),
  docId: z.string(),
  title: z.string().nullable(),
  page: z.int().nullable(),
  heading: z.string().nullable(),
  start: z.int().min(0),
  end: z.int().min(0),
  quote: z.string().nullable(),
  isSup: z.enum(['fully', 'partially', 'none']).nullable(),
});

const Segment = z.object({
  text: z.string(),
  passageId: z.string().nullable(),
  citation: z.int().nullable(),
  score: z.object({ total: z.number(), parts: z.record(z.string(), z.number().nullable()) }),
});

export const AskRequest = z
  .strictObject({
    question: z.string().min(1).openapi({ example: 'Who keeps the lighthouse?' }),
    config: z
      .record(z.string(), z.record(z.string(), z.unknown()))
      .optional()
      .openapi({ description: 'options of this question, as in docs/options.md: { "isRel": { "threshold": 0.3 } }' }),
    stream: z.boolean().default(false).openapi({ description: 'server-sent events in place of one JSON' }),
    trace: z.boolean().default(false).openapi({ description: 'the whole trace in the answer' }),
  })
  .openapi('AskRequest');

/** It is written by the pipeline, and is no input: its form is not checked again. */
export const TraceBody = z
  .custom<Trace>((value) => typeof value === 'object' && value !== null)
  .openapi('Trace', { type: 'object', description: 'facts, passages, events and config; docs/traces.md' });

export const AnswerBody = z
  .object({
    id: z.string(),
    text: z.string(),
    unanswered: z.object({ reason: z.string(), detail: z.string() }).nullable(),
    usedContext: z.boolean(),
    segments: z.array(Segment),
    citations: z.array(Citation),
    decisions: z.array(Decision),
    cost: Cost,
    trace: TraceBody.optional(),
  })
  .openapi('Answer');

export const ErrorBody = z
  .object({ error: z.object({ code: z.string(), message: z.string(), hint: z.string() }) })
  .openapi('Error');

const TextPart = z.object({ type: z.string(), text: z.string().optional() });

export const ChatRequest = z
  .object({
    model: z.string().optional(),
    messages: z
      .array(
        z.object({
          role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
          content: z.union([z.string(), z.array(TextPart)]).nullish(),
        }),
      )
      .min(1),
    stream: z.boolean().nullish(),
    stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
    n: z.int().min(1).max(1, 'one choice only').nullish(),
  })
  .openapi('ChatCompletionRequest');

const Annotation = z.object({
  type: z.literal('url_citation'),
  url_citation: z.object({ start_index: z.int(), end_index: z.int(), title: z.string(), url: z.string() }),
});

const Usage = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });

export const ChatBody = z
  .object({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        finish_reason: z.enum(['stop']),
        logprobs: z.null(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string(),
          refusal: z.null(),
          annotations: z.array(Annotation),
        }),
      }),
    ),
    usage: Usage,
  })
  .openapi('ChatCompletion');

export const RerankRequest = z
  .object({
    model: z.string().optional(),
    query: z.string().min(1),
    documents: z.array(z.union([z.string(), z.object({ text: z.string() })])).min(1),
    top_n: z.int().min(1).optional(),
    return_documents: z.boolean().default(false),
  })
  .openapi('RerankRequest');

export const RerankBody = z
  .object({
    id: z.string(),
    model: z.string(),
    results: z.array(
      z.object({
        index: z.int().min(0),
        relevance_score: z.number().min(0).max(1),
        document: z.object({ text: z.string() }).optional(),
      }),
    ),
  })
  .openapi('Rerank');

const Probability = z.number().min(0).max(1);

export const SystemOneRequest = z
  .object({
    model: z.string().optional(),
    state: z
      .object({
        question: z.string(),
        passage: z.string().optional(),
        statement: z.string().optional(),
        answer: z.string().optional(),
        answerSoFar: z.string().optional(),
      })
      .openapi({ description: 'what is decided about' }),
    questions: z
      .record(
        z.string(),
        z.object({
          type: z.enum(['noul', 'choice', 'score']),
          instructions: z.string().optional(),
          criteria: z.union([z.record(z.string(), z.string().nullable()), z.array(z.string())]).nullish(),
        }),
      )
      .openapi({ description: 'retrieval (choice), relevance (noul), support (choice), usefulness (score)' }),
  })
  .openapi('SystemOneRequest');

export const SystemOneBody = z
  .object({
    model: z.string(),
    answers: z.record(
      z.string(),
      z.union([
        z.object({ type: z.literal('noul'), noul: Probability, label_mass: Probability }),
        z.object({
          type: z.literal('choice'),
          choice: z.string(),
          probabilities: z.record(z.string(), Probability),
          confidence: Probability,
          label_mass: Probability,
        }),
        z.object({
          type: z.literal('score'),
          score: z.number(),
          legend: z.array(z.string()),
          probabilities: z.record(z.string(), Probability),
          confidence: Probability,
          label_mass: Probability,
        }),
      ]),
    ),
    usage: z.object({ input_tokens: z.int(), output_tokens: z.int() }),
  })
  .openapi('SystemOne');

export const TraceListBody = z
  .object({ traces: z.array(z.object({ id: z.string(), at: z.string() })) })
  .openapi('TraceList');

export const DocumentsRequest = z
  .strictObject({
    documents: z
      .array(
        z.strictObject({
          id: z.string().min(1).max(1000),
          text: z.string(),
          title: z.string().nullish(),
          metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
        }),
      )
      .min(1),
    cut: z.boolean().default(true).openapi({ description: 'false: each document is one passage' }),
  })
  .openapi('DocumentsRequest');

export const IngestBody = z
  .object({
    added: z.int(),
    changed: z.int(),
    unchanged: z.int(),
    passages: z.int(),
    embedded: z.int(),
  })
  .openapi('Ingest');

export const DocumentListBody = z
  .object({ documents: z.array(z.object({ id: z.string(), passages: z.int() })), total: z.int() })
  .openapi('DocumentList');
