import { serverClient } from '../../src/backends/server/client.ts';
import type { RouteContext } from '../../src/backends/server/route-types.ts';
import { parseConfig } from '../../src/config.ts';
import { createModelStore } from '../../src/models/store.ts';

/** The server of llama.cpp that `npm run test:services` has started. */
export function llamaUrl(): string {
  const url = process.env.DISCERN_TEST_LLAMA_URL;
  if (!url) throw new Error('these tests need a server: run them with npm run test:services');
  return url;
}

/** One request at a time: what runs beside it changes the sums of llama.cpp, and with them the probabilities. */
export const llamaClient = (concurrency = 1) =>
  serverClient({ baseUrl: llamaUrl(), concurrency, timeoutMs: 300_000, retries: 0 });

export const llamaContext = (): RouteContext => ({
  client: llamaClient(),
  api: '/v1',
  model: null,
  owner: 'llama.cpp',
});

/** The model that the server has, for node-llama-cpp. */
export const sameModel = () => createModelStore(parseConfig().models).resolve('smollm2-135m-instruct');
