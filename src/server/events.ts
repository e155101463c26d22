import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { type Admission, givenUp } from './admission.ts';
import { bodyOf, problemOf } from './problem.ts';

/** Writes one event; without a name a bare line of data, as clients of OpenAI want it. */
export type Tell = (data: unknown, event?: string) => Promise<void>;

/**
 * Server-sent events of admitted work. The response begins when the work does: who is turned away gets a plain failure with
 * its status. What fails later is the last event.
 */
export function admitEvents(
  c: Context,
  admission: Admission,
  work: (tell: Tell, signal: AbortSignal) => Promise<void>,
  failed: (tell: Tell, body: ReturnType<typeof bodyOf>) => Promise<void> = (tell, body) => tell(body, 'error'),
): Promise<Response> {
  const gone = new AbortController();
  const leave = () => gone.abort();
  c.req.raw.signal.addEventListener('abort', leave, { once: true });
  return new Promise((resolve, reject) => {
    const write = (signal: AbortSignal) => async (events: SSEStreamingApi) => {
      events.onAbort(leave);
      const tell: Tell = (data, event) =>
        events.writeSSE({ ...(event && { event }), data: typeof data === 'string' ? data : JSON.stringify(data) });
      await work(tell, signal).catch((error: unknown) =>
        failed(tell, bodyOf(problemOf(signal.aborted ? givenUp(signal, error) : error))),
      );
    };
    const admitted = (signal: AbortSignal) =>
      new Promise<void>((done) => {
        resolve(streamSSE(c, (events) => write(signal)(events).finally(done)));
      });
    admission
      .admit(gone.signal, admitted)
      .catch(reject)
      .finally(() => c.req.raw.signal.removeEventListener('abort', leave));
  });
}
