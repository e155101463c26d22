import { createRoute, z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import type { ConfigInput } from '../config.ts';
import { replay } from '../replay.ts';
import type { Trace } from '../types.ts';
import { bodyOfAnswer, checkOptions } from './ask.ts';
import { failures, json, SECURITY, type Server } from './operation.ts';
import { AnswerBody, TraceBody, TraceListBody } from './schemas.ts';
import type { TraceStore } from './trace-store.ts';

const Id = z.object({ id: z.uuid() });

/** Traces of answered questions: listed, fetched, removed, and decided again with other options, without models. */
export function addTraces({ app }: Server, store: TraceStore): void {
  async function found(id: string): Promise<Trace> {
    const trace = await store.get(id);
    if (trace === null) throw new HTTPException(404, { message: `there is no trace ${id}` });
    return trace;
  }

  const list = createRoute({
    ...{ method: 'get' as const, path: '/v1/traces', summary: 'Traces, newest first', security: SECURITY },
    request: {
      query: z.object({
        limit: z.coerce.number().int().min(1).max(1000).default(100),
        before: z.uuid().optional().openapi({ description: 'the last id of the page before' }),
      }),
    },
    responses: { 200: { description: 'Traces', content: json(TraceListBody) }, ...failures() },
  });
  app.openapi(list, (c) => {
    const { limit, before } = c.req.valid('query');
    return c.json({ traces: store.list(limit, before) }, 200);
  });

  const get = createRoute({
    ...{ method: 'get' as const, path: '/v1/traces/{id}', summary: 'A whole trace', security: SECURITY },
    request: { params: Id },
    responses: { 200: { description: 'The trace', content: json(TraceBody) }, ...failures() },
  });
  app.openapi(get, async (c) => c.json(await found(c.req.valid('param').id), 200));

  const remove = createRoute({
    ...{ method: 'delete' as const, path: '/v1/traces/{id}', summary: 'Removes a trace', security: SECURITY },
    request: { params: Id },
    responses: { 204: { description: 'It is gone' }, ...failures() },
  });
  app.openapi(remove, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await store.remove(id))) throw new HTTPException(404, { message: `there is no trace ${id}` });
    return c.body(null, 204);
  });

  const again = createRoute({
    ...{ method: 'post' as const, path: '/v1/traces/{id}/replay', summary: 'Decides it again', security: SECURITY },
    request: {
      params: Id,
      body: {
        required: true as const,
        content: json(z.strictObject({ config: z.record(z.string(), z.record(z.string(), z.unknown())) })),
      },
    },
    responses: { 200: { description: 'The answer', content: json(AnswerBody) }, ...failures() },
  });
  app.openapi(again, async (c) => {
    const { id } = c.req.valid('param');
    const { config } = c.req.valid('json');
    checkOptions(config);
    const answer = await replay(await found(id), config as ConfigInput, { signal: c.req.raw.signal });
    return c.json(bodyOfAnswer(id, answer, false), 200);
  });
}
