import { EventEmitter, getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { serverClient } from '../../src/backends/server/client.ts';
import { createRag } from '../../src/index.ts';
import { fromChatModel } from '../../src/langchain.ts';
import { stopWith } from '../../src/stop-with.ts';
import { listRecaller, passageOf } from './parts.ts';

/** What a signal keeps of those who listen to it, and of those made of it by AbortSignal.any. */
function keptOf(signal: AbortSignal): number {
  const made = Object.getOwnPropertySymbols(signal).find((symbol) => String(symbol).includes('DependantSignals'));
  const dependant = made && (signal as unknown as Record<symbol, { readonly size: number } | undefined>)[made];
  return getEventListeners(signal, 'abort').length + (dependant?.size ?? 0);
}

describe('stopWith', () => {
  it('is aborted with any of the signals, by its reason, also by one that was aborted before', () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const { stop } = stopWith(first.signal, undefined, second.signal);
    expect(stop.signal.aborted).toBe(false);
    second.abort('enough');
    expect(stop.signal.reason).toBe('enough');
    expect(stopWith(first.signal, second.signal).stop.signal.reason).toBe('enough');
  });

  it('is not taken for a leak where many calls listen at the same time', async () => {
    const warnings: string[] = [];
    const note = ({ name }: Error) => warnings.push(name);
    process.on('warning', note);
    const { signal } = new AbortController();
    const made = Array.from({ length: 50 }, () => stopWith(signal));
    stopWith(undefined).release();
    await new Promise((resolve) => setImmediate(resolve));
    for (const { release } of made) release();
    process.off('warning', note);
    expect(warnings).toEqual([]);
    expect(EventEmitter.defaultMaxListeners).toBe(10);
  });

  it('leaves nothing behind in the signals once it is released', () => {
    const long = new AbortController();
    AbortSignal.any([long.signal]);
    expect(keptOf(long.signal)).toBe(1);
    const { stop, release } = stopWith(long.signal);
    expect(keptOf(long.signal)).toBe(2);
    release();
    release();
    expect(keptOf(long.signal)).toBe(1);
    long.abort();
    expect(stop.signal.aborted).toBe(false);
  });
});

describe('a signal that lives as long as the program', () => {
  const { signal } = new AbortController();

  it('keeps nothing of a client of a server', async () => {
    const server = createServer((_, response) => response.setHeader('content-type', 'application/json').end('{}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = serverClient({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    await Promise.all(
      Array.from({ length: 20 }, () => client.ask({ path: '/x', schema: z.looseObject({}) }, { signal })),
    );
    expect(keptOf(signal)).toBe(0);
    await client.close();
    server.close();
  });

  it('keeps nothing of questions and streams, asked of a model of LangChain', async () => {
    const rag = await createRag({
      config: { critics: { retrieve: null, isRel: null, isSup: null, isUse: null }, rerank: { backend: 'none' } },
      parts: {
        recaller: listRecaller([passageOf('tower', 'The tower was built in 1902.')]),
        withContext: fromChatModel(new FakeListChatModel({ responses: ['It was built in 1902.'] })),
      },
    });
    const question = 'When was the tower built?';
    for (let i = 0; i < 5; i++) {
      await rag.ask(question, { signal });
      for await (const { type } of rag.stream(question, { signal })) if (type === 'recall-end' && i > 2) break;
    }
    expect(keptOf(signal)).toBe(0);
    await rag.close();
  });
});
