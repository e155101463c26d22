import { serverClient } from '../../src/backends/server/client.ts';
import type { RouteContext } from '../../src/backends/server/route-types.ts';
import { parseConfig } from '../../src/config.ts';
import { createModelStore } from '../../src/models/store.ts';

function urlOf(index: number): string {
  const url = process.env.DISCERN_TEST_LLAMA_URLS?.split(' ')[index];
  if (!url) throw new Error('these tests need servers: run them with npm run test:services');
  return url;
}

/** The server of llama.cpp that `npm run test:services` has started, as it is by default. */
export const llamaUrl = () => urlOf(0);

/** One that works on one request at a time and keeps no prompt. */
export const quietLlamaUrl = () => urlOf(1);

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
