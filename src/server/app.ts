import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { DiscernError } from '../errors.ts';
import { createAdmission } from './admission.ts';
import { addAsk } from './ask.ts';
import { allow, bearers, type Variables } from './auth.ts';
import { addChat } from './chat.ts';
import { addDocuments } from './documents.ts';
import type { App } from './operation.ts';
import { LimitsSchema, type Scope, type ServerOptions } from './options.ts';
import { problemOf, respond } from './problem.ts';
import { addRerank } from './rerank.ts';
import { addSystemOne } from './systemone.ts';
import { addTraces } from './traces.ts';

export interface DiscernServer {
  /** Answers a request of the web: `app.fetch`. */
  readonly app: App;
  /** From now on it is not ready; what works and waits goes on. */
  drain(): void;
  /** Ends what works and what waits. */
  stop(): void;
  /** Requests that work or wait. */
  busy(): number;
}

/** The HTTP interface over one rag, which stays yours. */
export function createServer(options: ServerOptions): DiscernServer {
  const { rag, version, tokens = [], logger, now = () => performance.now(), model = 'discern' } = options;
  const limits = LimitsSchema.parse(options.limits ?? {});
  const admission = createAdmission(limits);
  const find = bearers(tokens);
  const metrics = createMetrics(admission);
  let draining = false;

  const app: App = new OpenAPIHono<{ Variables: Variables }>({
    defaultHook(result) {
      if (result.success) return;
      const list = result.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
      throw new DiscernError('INPUT_INVALID', list.slice(0, 5).join('; '), {
        hint: '/openapi.json has the whole schema',
      });
    },
  });
  app.use(async (c, next) => {
    const began = now();
    await next();
    const ms = now() - began;
    // The pattern of the route and not the path: a path may hold anything.
    const labels = { method: c.req.method, route: routeOf(c.req.path), status: String(c.res.status) };
    metrics.seconds.observe(labels, ms / 1000);
    logger?.info('request', { ...labels, ms: Math.round(ms), bearer: c.get('bearer')?.name });
  });
  app.onError((error, c) => {
    const problem = problemOf(error);
    metrics.failures.inc({ code: problem.code });
    if (problem.status >= 500) logger?.error('request failed', { code: problem.code, kind: error.name });
    return respond(c, problem);
  });
  app.notFound((c) =>
    respond(c, {
      ...{ status: 404, code: 'NOT_FOUND', message: `there is no ${c.req.method} ${c.req.path.slice(0, 100)}` },
      hint: '/openapi.json lists everything',
    }),
  );

  app.use('/v1/*', bodyLimit({ maxSize: limits.bodyBytes, onError: () => large(limits.bodyBytes) }));
  // Traces hold the questions of everybody.
  app.use('/v1/*', async (c, next) => {
    const scope = scopeOf(c.req.path);
    return allow(find, scope)(c, next);
  });
  app.use('/v1/*', async (c, next) => {
    if (draining) throw new DiscernError('BACKEND_CLOSED', 'the server is going down', { hint: 'try another one' });
    await admission.count(c.get('bearer').name);
    await next();
  });
  const changes = createAdmission({ ...limits, concurrent: 1, perMinute: null });
  const server = { app, rag, model, limits, admission, changes, traces: options.traces ?? null };
  addAsk(server);
  addChat(server);
  addRerank(server);
  addSystemOne(server);
  addDocuments(server);
  if (options.traces) addTraces(server, options.traces);
  app.get('/v1/models', (c) =>
    c.json({ object: 'list', data: [{ id: model, object: 'model', owned_by: 'discern-rag' }] }),
  );

  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', async (c) => {
    if (draining) return c.json({ status: 'draining' }, 503);
    const { passages } = await rag.info();
    return c.json({ status: passages > 0 ? 'ready' : 'empty', passages }, passages > 0 ? 200 : 503);
  });
  app.get('/metrics', allow(find, 'admin'), async (c) =>
    c.body(await metrics.registry.metrics(), 200, { 'Content-Type': metrics.registry.contentType }),
  );
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'Discern', version } });

  return {
    app,
    drain() {
      draining = true;
    },
    stop() {
      admission.stop();
      changes.stop();
    },
    busy: () => admission.working + admission.waiting + changes.working + changes.waiting,
  };
}

const scopeOf = (path: string): Scope =>
  path.startsWith('/v1/traces') ? 'admin' : path.startsWith('/v1/documents') ? 'ingest' : 'ask';

const ROUTES = [
  '/v1/documents',
  '/v1/ask',
  '/v1/chat/completions',
  '/v1/rerank',
  '/v1/systemone',
  '/v1/models',
  '/healthz',
  '/readyz',
  '/metrics',
  '/openapi.json',
];
const routeOf = (path: string): string =>
  ROUTES.find((route) => route === path) ?? (path.startsWith('/v1/traces') ? '/v1/traces' : 'other');

function large(most: number): never {
  throw new HTTPException(413, { message: `a request has at most ${most} bytes` });
}

function createMetrics(admission: { readonly working: number; readonly waiting: number }) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge({
    ...{ name: 'discern_requests_working', help: 'requests that models work on', registers },
    collect() {
      this.set(admission.working);
    },
  });
  new Gauge({
    ...{ name: 'discern_requests_waiting', help: 'requests that wait for their turn', registers },
    collect() {
      this.set(admission.waiting);
    },
  });
  return {
    registry,
    seconds: new Histogram({
      ...{ name: 'discern_request_seconds', help: 'time of requests', registers },
      labelNames: ['method', 'route', 'status'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60],
    }),
    failures: new Counter({
      ...{ name: 'discern_failures_total', help: 'requests that failed, by code', labelNames: ['code'], registers },
    }),
  };
}
