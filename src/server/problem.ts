import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { DiscernError, ERRORS, type ErrorCode } from '../errors.ts';

/** A failure as clients get it: `{ error: { code, message, hint } }`, with the status of the table of errors. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** Of failures that are ours nothing but the fact is told. */
export function problemOf(error: unknown): Problem {
  if (error instanceof TooMany)
    return {
      ...{ status: 429, code: 'TOO_MANY_REQUESTS', message: error.message, retryAfter: error.seconds },
      hint: `try again in ${error.seconds} s`,
    };
  if (DiscernError.is(error)) {
    const { status } = ERRORS[error.code as ErrorCode];
    return { status, code: error.code, message: error.message, hint: error.hint };
  }
  if (error instanceof HTTPException)
    return { status: error.status, code: CODES[error.status] ?? 'INPUT_INVALID', message: error.message, hint: '' };
  return { status: 500, code: 'INTERNAL', message: 'something went wrong in the server', hint: 'its log has the rest' };
}

const CODES: Readonly<Record<number, string>> = {
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  413: 'TOO_LARGE',
};

/** Turned away before anything was asked. */
export class TooMany extends Error {
  readonly seconds: number;
  constructor(message: string, seconds: number) {
    super(message);
    this.seconds = seconds;
  }
}

export const bodyOf = ({ code, message, hint }: Problem) => ({ error: { code, message, hint } });

export function respond(c: Context, problem: Problem): Response {
  if (problem.retryAfter !== undefined) c.header('Retry-After', String(problem.retryAfter));
  if (problem.status === 401) c.header('WWW-Authenticate', 'Bearer');
  return c.json(bodyOf(problem), problem.status as ContentfulStatusCode);
}
