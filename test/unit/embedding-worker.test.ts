import { afterEach, describe, expect, it } from 'vitest';
import { type OnnxWorker, onnxWorker } from '../../src/backends/onnx-worker-client.ts';
import { DiscernError } from '../../src/errors.ts';

// Programs that speak the worker's protocol without a model.
const program = (body: string) =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort } from 'node:worker_threads';
      const runs = [];
      parentPort.on('message', async (message) => {
        if (message === 'close') return parentPort.close();
        const { job, task: { text } } = message;
        ${body}
      });
    `)}`,
  );
const COUNTING = program(`
  runs.push(text);
  await new Promise((go) => setTimeout(go, 5));
  parentPort.postMessage({ job, result: new Float32Array([runs.length]) });
`);
const FRAGILE = program(`
  if (text === 'die') process.exit(3);
  if (text === 'throw') throw new Error('no memory');
  parentPort.postMessage(text === 'fail' ? { job, error: 'bad input' } : { job, result: new Float32Array([text.length]) });
`);

const task = (text: string) => ({ type: 'embed' as const, text, maxTokens: 8, pooling: 'cls' as const });
const opened: OnnxWorker[] = [];
function open(url: URL): OnnxWorker {
  const worker = onnxWorker('scripted', { model: '', tokenizer: '', threads: 1 }, url);
  opened.push(worker);
  return worker;
}
afterEach(async () => {
  for (const worker of opened.splice(0)) await worker.close();
});
const failure = (code: 'ABORTED' | 'BACKEND_CLOSED' | 'BACKEND_FAILED') => (error: unknown) =>
  DiscernError.is(error, code);

describe('onnxWorker', () => {
  it('answers in order, and an urgent call goes before a batch under way', async () => {
    const worker = open(COUNTING);
    const batch = worker.ask(['a', 'b', 'c', 'd'].map(task), { urgent: false });
    const urgent = worker.ask([task('q')], { urgent: true });
    expect((await urgent).map(([run]) => run)).toEqual([2]);
    expect((await batch).map(([run]) => run)).toEqual([1, 3, 4, 5]);
  });

  it('drops what has not run when the signal fires', async () => {
    const worker = open(COUNTING);
    const controller = new AbortController();
    const seen: number[] = [];
    const batch = worker.ask(
      Array.from({ length: 50 }, () => task('x')),
      {
        urgent: false,
        signal: controller.signal,
        onProgress: (done) => {
          seen.push(done);
          if (done === 2) controller.abort();
        },
      },
    );
    await expect(batch).rejects.toSatisfy(failure('ABORTED'));
    expect(seen).toEqual([1, 2]);
    expect((await worker.ask([task('next')], { urgent: false }))[0]![0]).toBeLessThanOrEqual(4);
  });

  it('ends only the call whose text failed', async () => {
    const worker = open(FRAGILE);
    const bad = worker.ask([task('one'), task('fail')], { urgent: false });
    const good = worker.ask([task('four')], { urgent: false });
    await expect(bad).rejects.toThrow(/bad input/);
    expect([...(await good)[0]!]).toEqual([4]);
  });

  it.each([
    ['die', /ended with code 3/],
    ['throw', /no memory/],
  ])(
    'fails with the cause when the thread is lost (%s), and starts another for the next call',
    async (text, message) => {
      const worker = open(FRAGILE);
      const lost = worker.ask([task(text)], { urgent: false });
      const behind = worker.ask([task('behind')], { urgent: false });
      await expect(lost).rejects.toThrow(message);
      await expect(lost).rejects.toSatisfy(
        (error) => DiscernError.is(error, 'BACKEND_FAILED') && error.cause instanceof Error,
      );
      await expect(behind).rejects.toSatisfy(failure('BACKEND_FAILED'));
      expect([...(await worker.ask([task('again')], { urgent: false }))[0]!]).toEqual([5]);
    },
  );

  it('says what the model runs on, also before the first task', async () => {
    const worker = open(
      new URL(
        `data:text/javascript,${encodeURIComponent(`
          import { parentPort } from 'node:worker_threads';
          parentPort.postMessage({ runtime: { kind: 'wasm', because: 'is not installed' } });
          parentPort.on('message', (message) => message === 'close' && parentPort.close());
        `)}`,
      ),
    );
    expect(worker.knownRuntime).toBeNull();
    expect(await worker.runtime()).toEqual({ kind: 'wasm', because: 'is not installed' });
    expect(worker.knownRuntime).toEqual({ kind: 'wasm', because: 'is not installed' });
    await worker.close();
    await expect(worker.runtime()).rejects.toSatisfy(failure('BACKEND_CLOSED'));
  });

  it('gives the loss of its thread, and closing, to whoever asks what the model runs on', async () => {
    await expect(open(new URL('file:///nowhere/onnx-worker.js')).runtime()).rejects.toSatisfy(
      failure('BACKEND_FAILED'),
    );
    const silent = open(COUNTING);
    const asked = silent.runtime();
    const closing = silent.close();
    await expect(asked).rejects.toSatisfy(failure('BACKEND_CLOSED'));
    await closing;
  });

  it('says so when the program itself is missing', async () => {
    const worker = open(new URL('file:///nowhere/onnx-worker.js'));
    await expect(worker.ask([task('x')], { urgent: true })).rejects.toSatisfy(failure('BACKEND_FAILED'));
  });

  it('gives the error of a progress function to the call, not to the process', async () => {
    const worker = open(FRAGILE);
    const call = worker.ask([task('a'), task('b')], {
      urgent: false,
      onProgress: () => {
        throw new Error('mine');
      },
    });
    await expect(call).rejects.toThrow('mine');
    expect(await worker.ask([task('c')], { urgent: false })).toHaveLength(1);
  });

  it('ends what is under way when it is closed', async () => {
    const worker = open(COUNTING);
    const call = worker.ask([task('a'), task('b')], { urgent: false });
    const closing = worker.close();
    await expect(call).rejects.toSatisfy(failure('BACKEND_CLOSED'));
    await closing;
    await worker.close();
    await expect(worker.ask([task('a')], { urgent: false })).rejects.toSatisfy(failure('BACKEND_CLOSED'));
  });
});
