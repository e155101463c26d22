export { createServer, type DiscernServer } from './app.ts';
export { type Listening, type ListenOptions, listen } from './listen.ts';
export {
  type Limits,
  LimitsSchema,
  SCOPES,
  type Scope,
  type ServerOptions,
  type Token,
  TokensSchema,
} from './options.ts';
export { openTraceStore, type TraceStore, type TraceSummary } from './trace-store.ts';
