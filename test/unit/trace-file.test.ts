import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { finishedTraces, orderTraces, traceLine, traceWriter } from '../../src/cli/trace-file.ts';
import type { Trace } from '../../src/types.ts';
import { newFolder } from './eval-fixtures.ts';

/** As much of a trace as a file of traces looks at. */
const traceOf = (id: string, question = `Who is ${id}?`): Trace =>
  ({ version: 1, id, question, config: {}, facts: [] }) as unknown as Trace;
const lineOf = (trace: Trace): string => `${JSON.stringify(trace)}\n`;
const newFile = (text?: string): string => {
  const path = join(newFolder(), 'traces.jsonl');
  if (text !== undefined) writeFileSync(path, text);
  return path;
};

describe('files of traces', () => {
  it('holds nothing where there is no file, and makes none', async () => {
    const path = newFile();
    expect(await finishedTraces(path)).toEqual(new Map());
    expect(() => readFileSync(path)).toThrow('ENOENT');
  });

  it('finds each line again, whatever stands in it', async () => {
    const path = newFile();
    const traces = ['a', 'b', 'c'].map((id) => traceOf(id, `Wer hütet\u2028die Brücke 🌉 "${id}"?\n`));
    const writer = traceWriter(path);
    await Promise.all(traces.map(writer.append));
    await writer.close();
    const spots = await finishedTraces(path);
    expect([...spots].map(([id, { line }]) => [id, line])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    for (const trace of traces) expect(JSON.parse(await traceLine(path, spots.get(trace.id)!))).toEqual(trace);
  });

  it('cuts off what a kill has torn, at every place, and takes a line without its line feed', async () => {
    const [first, second] = [lineOf(traceOf('ä')), lineOf(traceOf('b'))];
    const bytes = Buffer.from(second);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const path = newFile();
      writeFileSync(path, Buffer.concat([Buffer.from(first), bytes.subarray(0, cut)]));
      const isWhole = cut >= bytes.length - 1;
      expect([...(await finishedTraces(path)).keys()]).toEqual(isWhole ? ['ä', 'b'] : ['ä']);
      expect(readFileSync(path, 'utf8')).toBe(isWhole ? first + second : first);
    }
  });

  it('keeps the first of two traces of one id', async () => {
    const path = newFile(lineOf(traceOf('a', 'one')) + lineOf(traceOf('a', 'two')));
    const spots = await finishedTraces(path);
    expect(JSON.parse(await traceLine(path, spots.get('a')!)).question).toBe('one');
  });

  it.each(['notes\n', '{"a":1}\n', `${lineOf(traceOf('a'))}notes\n${lineOf(traceOf('b'))}`])(
    'leaves a file with something else as it is: %j',
    async (text) => {
      const path = newFile(text);
      await expect(finishedTraces(path)).rejects.toMatchObject({ code: 'TRACE_INVALID' });
      expect(readFileSync(path, 'utf8')).toBe(text);
    },
  );

  it('says where it cannot write', async () => {
    const writer = traceWriter(join(newFolder(), 'missing', 'traces.jsonl'));
    await expect(writer.append(traceOf('a'))).rejects.toMatchObject({ code: 'DISK_FULL' });
    await expect(writer.append(traceOf('b'))).rejects.toMatchObject({ code: 'DISK_FULL' });
    await writer.close();
    await writer.close();
  });

  it('orders any file by the ids that are wanted, and loses nothing', async () => {
    const ids = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'ä', '🌉'), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(ids, ids, async (there, wanted) => {
        const path = newFile(there.map((id) => lineOf(traceOf(id))).join(''));
        const lines = await orderTraces(path, wanted);
        const first = wanted.filter((id) => there.includes(id));
        const others = there.filter((id) => !wanted.includes(id));
        expect([...lines]).toEqual(first.map((id, i) => [id, i + 1]));
        expect(readFileSync(path, 'utf8')).toBe([...first, ...others].map((id) => lineOf(traceOf(id))).join(''));
      }),
      { numRuns: 60 },
    );
  });
});
