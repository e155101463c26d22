import type { PresetContext } from './context.ts';

/**
 * A model that writes reflection tokens: that of the server of critics where one is named, else this file. Whoever asks
 * for the same model of the same instance gets the same one, so its critic knows what its generator wrote.
 */
export async function reflectionPartsOf({ config: { critics }, store, keys, signal }: PresetContext, file: string) {
  const { sharedParts } = await import('../backends/reflection-tokens/shared.ts');
  const { baseUrl, serverModel: model, top, timeoutMs, retries, concurrency } = critics;
  if (baseUrl === null)
    return sharedParts(store, `file ${file}`, async () => {
      const { ggufTokenModel } = await import('../backends/reflection-tokens/gguf.ts');
      return ggufTokenModel({ model: await store.resolve(file, { signal }) });
    });
  const how = { baseUrl, model, top, timeoutMs, retries, concurrency };
  return sharedParts(store, `server ${JSON.stringify(how)}`, async () => {
    const { serverTokenModel } = await import('../backends/reflection-tokens/server.ts');
    return serverTokenModel({ ...how, apiKey: keys.openai });
  });
}
