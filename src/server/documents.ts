import { createRoute, z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import type { IngestProgress, IngestReport } from '../stages/ingest.ts';
import { admitEvents } from './events.ts';
import { failures, json, operation, SECURITY, type Server, tooLong } from './operation.ts';
import { DocumentListBody, DocumentsRequest, IngestBody } from './schemas.ts';

const bodyOfReport = ({ added, changed, unchanged, passages, embedded }: IngestReport) => ({
  ...{ added, changed, unchanged, passages, embedded },
});

/**
 * Documents of the index: brought, listed, removed. One change at a time; it is acknowledged when it is in the index, whole,
 * and then it survives a kill.
 */
export function addDocuments({ app, rag, limits, changes }: Server): void {
  const put = operation({
    ...{ path: '/v1/documents', summary: 'Ingests documents; one whose id is known replaces it' },
    ...{ request: DocumentsRequest, response: IngestBody, streams: true },
  });
  app.openapi(put, async (c) => {
    const { documents, cut } = c.req.valid('json');
    tooLong('documents', documents.length, limits.documents);
    const inputs = documents.map(({ title = null, ...document }) => ({ ...document, title }));
    const wantsEvents = c.req.header('accept')?.includes('text/event-stream') ?? false;
    if (!wantsEvents) {
      const report = await changes.admit(c.req.raw.signal, (signal) => rag.add(inputs, { cut, signal }));
      return c.json(bodyOfReport(report), 200);
    }
    return admitEvents(c, changes, async (tell, signal) => {
      const onProgress = (progress: IngestProgress) => void tell(progress, 'progress').catch(() => {});
      await tell(bodyOfReport(await rag.add(inputs, { cut, signal, onProgress })), 'report');
    }) as never;
  });

  const list = createRoute({
    ...{ method: 'get' as const, path: '/v1/documents', summary: 'Documents by id', security: SECURITY },
    request: {
      query: z.object({
        limit: z.coerce.number().int().min(1).max(10_000).default(1000),
        after: z.string().optional().openapi({ description: 'the last id of the page before' }),
      }),
    },
    responses: { 200: { description: 'Documents', content: json(DocumentListBody) }, ...failures() },
  });
  app.openapi(list, async (c) => {
    const { limit, after } = c.req.valid('query');
    const all = await rag.sources();
    const from = after === undefined ? all : all.filter(({ key }) => key > after);
    const documents = from.slice(0, limit).map(({ key, passages }) => ({ id: key, passages }));
    return c.json({ documents, total: all.length }, 200);
  });

  const remove = createRoute({
    ...{ method: 'delete' as const, path: '/v1/documents', summary: 'Removes a document', security: SECURITY },
    request: { query: z.object({ id: z.string().min(1) }) },
    responses: { 204: { description: 'It is gone' }, ...failures() },
  });
  app.openapi(remove, async (c) => {
    const { id } = c.req.valid('query');
    const gone = await changes.admit(c.req.raw.signal, (signal) => rag.remove([id], { signal }));
    if (gone === 0) throw new HTTPException(404, { message: 'there is no document of this id' });
    return c.body(null, 204);
  });
}
