import { z } from 'zod';
import type { Rag } from '../rag.ts';
import type { Logger } from '../telemetry.ts';
import type { TraceStore } from './trace-store.ts';

/** What a bearer may do. `admin` may do everything. */
export const SCOPES = ['ask', 'ingest', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** A file of tokens: one entry for each bearer. */
export const TokensSchema = z.array(
  z.strictObject({
    /** Names the bearer in logs and metrics. */
    name: z.string().min(1),
    token: z.string().min(16, 'a token has at least 16 characters'),
    scopes: z.array(z.enum(SCOPES)).min(1),
  }),
);
export type Token = z.infer<typeof TokensSchema>[number];

/** Limits of the server; each has a flag of the same name in `discern serve`. */
export const LimitsSchema = z.strictObject({
  bodyBytes: z.int().min(1024).default(1_048_576).meta({ description: 'bytes of a request at most; more is 413' }),
  questionCharacters: z
    .int()
    .min(1)
    .max(100_000)
    .default(8_192)
    .meta({ description: 'characters of a question at most; more is 413' }),
  documents: z
    .int()
    .min(1)
    .max(1_000)
    .default(1_000)
    .meta({ description: 'documents of one rerank, or brought at once, at most; more is 413' }),
  concurrent: z.int().min(1).default(4).meta({ description: 'requests that models work on at the same time' }),
  waiting: z.int().min(0).default(32).meta({ description: 'requests that may wait for their turn; one more is 429' }),
  perMinute: z.int().min(1).nullable().default(null).meta({
    description:
      'requests of one bearer a minute, without tokens of everybody together; one more is 429; none = no limit',
  }),
  timeoutMs: z.int().min(100).default(120_000).meta({ description: 'milliseconds of a request at most; more is 504' }),
});
export type Limits = z.infer<typeof LimitsSchema>;

export interface ServerOptions {
  readonly rag: Pick<Rag, 'ask' | 'stream' | 'retrieve' | 'check' | 'critique' | 'add' | 'sources' | 'remove' | 'info'>;
  /** What clients call it; chat completions and reranks name it. Default: `discern`. */
  readonly model?: string;
  readonly version: string;
  /** Without any, everybody may do everything: then listen on loopback only. */
  readonly tokens?: readonly Token[];
  readonly limits?: Partial<Limits>;
  readonly logger?: Logger;
  /** Keeps the trace of every answer; then traces can be listed, fetched and replayed. They hold all texts. */
  readonly traces?: TraceStore;
  /** Milliseconds since some moment. */
  readonly now?: () => number;
}
