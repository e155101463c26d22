import { describe, expect, it } from 'vitest';
import { createRag, type StreamEvent } from '../../src/index.ts';
import { streamOf } from '../../src/stream.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { listRecaller, passageOf } from './parts.ts';

const passages = [passageOf('tower', 'The tower was built in 1902. It is 31 metres high.')];
const ragOf = (withContext = scriptedGenerator()) =>
  createRag({
    config: {
      critics: { retrieve: null, isRel: null, isSup: null, isUse: null },
      rerank: { backend: 'none' },
      beam: { width: 1 },
    },
    parts: { recaller: listRecaller(passages), withContext },
  });
const question = 'When was the tower built?';

describe('stream', () => {
  it('gives the events of the trace in their order, and the answer at last', async () => {
    const rag = await ragOf();
    const events: StreamEvent[] = [];
    const heard: string[] = [];
    for await (const event of rag.stream(question, { id: 'q1', onEvent: ({ type }) => heard.push(type) }))
      events.push(event);
    const last = events.at(-1);
    if (last?.type !== 'answer') throw new Error('no answer came last');
    expect(last.answer.text).toBe('The tower was built in 1902. [1] It is 31 metres high. [2]');
    expect(events.slice(0, -1)).toEqual(last.answer.trace.events);
    expect(heard).toEqual(events.slice(0, -1).map(({ type }) => type));
    expect(last.answer.trace.id).toBe('q1');
    await rag.close();
  });

  it('gives a segment before the next one is written', async () => {
    const order: string[] = [];
    const slow = scriptedGenerator(({ answerSoFar }) => {
      order.push(`writes ${answerSoFar.length + 1}`);
      return [{ text: `Segment ${answerSoFar.length + 1}.`, end: answerSoFar.length === 1 }];
    });
    // As a model does, it takes longer than a microtask.
    const extend: typeof slow.extend = async (requests, options) => {
      await new Promise((resolve) => setImmediate(resolve));
      return slow.extend(requests, options);
    };
    const rag = await ragOf({ ...slow, extend });
    for await (const event of rag.stream(question)) if (event.type === 'segment-committed') order.push(event.text);
    expect(order).toEqual(['writes 1', 'Segment 1.', 'writes 2', 'Segment 2.']);
    await rag.close();
  });

  it('aborts the question when the reader leaves', async () => {
    let signal: AbortSignal | undefined;
    const rag = await createRag({
      config: { critics: { retrieve: null, isRel: null, isSup: null, isUse: null }, rerank: { backend: 'none' } },
      parts: {
        recaller: listRecaller(passages),
        withContext: {
          ...scriptedGenerator(),
          extend: (_requests, options) => {
            signal = options.signal;
            return new Promise((_, reject) => options.signal!.addEventListener('abort', () => reject(signal!.reason)));
          },
        },
      },
    });
    for await (const { type } of rag.stream(question)) if (type === 'relevance-decided') break;
    await new Promise((resolve) => setImmediate(resolve));
    expect(signal === undefined || signal.aborted).toBe(true);
    await rag.close();
  });

  it('throws what went wrong after the events before it, and what the caller aborted', async () => {
    const seen: number[] = [];
    const failing = streamOf<number>(async (emit) => {
      emit(1);
      emit(2);
      throw new Error('broken');
    }, undefined);
    await expect(
      (async () => {
        for await (const value of failing) seen.push(value);
      })(),
    ).rejects.toThrow('broken');
    expect(seen).toEqual([1, 2]);
    const rag = await ragOf();
    await expect(rag.stream(question, { signal: AbortSignal.abort() }).next()).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await rag.close();
  });
});
