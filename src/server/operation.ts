import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import type { Rag } from '../rag.ts';
import type { Admission } from './admission.ts';
import type { Variables } from './auth.ts';
import type { Limits } from './options.ts';
import { ErrorBody } from './schemas.ts';
import type { TraceStore } from './trace-store.ts';

export type App = OpenAPIHono<{ Variables: Variables }>;

/** What every route works with. */
export interface Server {
  readonly app: App;
  /** Where traces go; null: nowhere. */
  readonly traces: TraceStore | null;
  readonly rag: Pick<Rag, 'ask' | 'stream' | 'retrieve' | 'check' | 'critique' | 'add' | 'sources' | 'remove' | 'info'>;
  readonly model: string;
  readonly limits: Limits;
  readonly admission: Admission;
  /** Changes of the index, one at a time. */
  readonly changes: Admission;
}

const FAILURES = {
  400: 'what was sent is wrong; the message says what',
  401: 'no known token',
  403: 'the token lacks the scope',
  404: 'there is no such thing',
  409: 'the index is empty, or belongs to another embedder',
  413: 'too long, too many or too large',
  429: 'too many requests; Retry-After says when to try again',
  500: 'a failure of the server',
  502: 'a model failed',
  503: 'a model or the server cannot serve now',
  504: 'it took too long',
} as const;

export const json = <T extends z.ZodType>(schema: T) => ({ 'application/json': { schema } });

const failure = (description: string) => ({ description, content: json(ErrorBody) });
type Failures = Record<keyof typeof FAILURES, ReturnType<typeof failure>>;

export const failures = (): Failures =>
  Object.fromEntries(Object.entries(FAILURES).map(([status, text]) => [status, failure(text)])) as Failures;

/** Every route under `/v1` asks for a token, where there are any. */
export const SECURITY = [{ bearer: [] }];

/** A POST of JSON under `/v1`, with everything that can be answered. */
export function operation<P extends string, I extends z.ZodType, O extends z.ZodType>({
  path,
  summary,
  request,
  response,
  streams = false,
}: {
  path: P;
  summary: string;
  request: I;
  response: O;
  /** It may also answer with server-sent events. */
  streams?: boolean;
}) {
  const events = streams ? { 'text/event-stream': {} } : {};
  return createRoute({
    ...{ method: 'post' as const, path, summary, security: SECURITY },
    request: { body: { required: true as const, content: json(request) } },
    responses: {
      200: { description: summary, content: { ...json(response), ...events } },
      ...failures(),
    },
  });
}

/** Throws 413. */
export function tooLong(what: string, length: number, most: number): void {
  if (length > most) throw new HTTPException(413, { message: `${what}: ${length}, and at most ${most} are taken` });
}
