import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openaiServer } from '../../src/testing/openai-server.ts';

const run = promisify(execFile);
/** Runs an example as a newcomer does, on the built package. */
const printed = async (file: string, ...args: string[]): Promise<string[]> => {
  const { stdout } = await run('npx', ['tsx', `examples/${file}`, ...args], { maxBuffer: 10_000_000 });
  return stdout.trim().split('\n');
};

describe('examples', () => {
  it('05 compares two configurations with paired intervals', async () => {
    const lines = await printed('05-evaluate.ts');
    expect(lines).toHaveLength(5);
    for (const line of lines)
      expect(line).toMatch(/^[\w.@]+: [\d.]+ and [\d.]+, difference -?[\d.]+ \(-?[\d.]+ to -?[\d.]+, n \d+\)$/);
    // Without a reranker one call less is made for each question that is searched for.
    expect(Number(/difference (-[\d.]+)/.exec(lines.at(-1)!)![1])).toBeLessThan(-0.5);
  }, 300_000);

  it('06 tunes on replays, and says what the evidence is', async () => {
    const lines = await printed('06-tune.ts');
    // 200 drawn ones, the recorded one, and those that put single options of the chosen one back.
    const [, settings] = /^(\d+) settings, \d+ replays, no model calls$/.exec(lines[0]!)!;
    expect(Number(settings)).toBeGreaterThan(200);
    expect(Number(settings)).toBeLessThan(230);
    expect(lines.at(-1)).toMatch(/^(promoted|no evidence): /);
  }, 300_000);

  it('04 gives a chain what is relevant, and nothing where nothing is', async () => {
    const lines = await printed('04-langchain-retriever.ts');
    expect(lines[0]).toBe('How many passengers can the Petrel take?');
    expect(lines[1]).toMatch(/^ {2}P\(relevant\) 0\.\d\d ferries\.md$/);
    expect(lines.slice(-2)).toEqual(['Who painted the Mona Lisa?', '  I do not know.']);
  }, 120_000);

  it('07 retrieves, writes and checks in a graph', async () => {
    const lines = await printed('07-langgraph.ts');
    expect(lines[2]).toBe('  supported by corpus/ferries.md');
    expect(lines.slice(3, 6)).toEqual([
      'Can the Petrel sink!?',
      '  The Petrel was sold to pirates in 1920.',
      '  not supported',
    ]);
    expect(lines.at(-1)).toBe('  no context: no passage was relevant enough');
  }, 120_000);

  it('08 writes on a server, segment by segment, with citations', async () => {
    const server = await openaiServer(() => ({ tokens: ['It takes', ' 180', ' passengers', '.'] }));
    try {
      const lines = await printed('08-openai-server.ts', server.url, 'my-model');
      expect(lines[0]).toBe('It takes 180 passengers. [1]');
      expect(lines.join('\n')).toMatch(/\[1\] corpus\/[\w.-]+.*, support: \w+\n.*\d+ calls, \d+ tokens written$/s);
      expect(server.requests.every(({ body }) => body.model === 'my-model')).toBe(true);
    } finally {
      await server.close();
    }
  }, 120_000);

  it('09 keeps the context that helps, and not the other', async () => {
    const lines = await printed('09-gate-only.ts');
    expect(lines[0]).toMatch(/^helps: keep, entropy falls by \d\.\d\d nats, 1 kept$/);
    expect(lines[1]).toContain('with it "2016"');
    expect(lines[2]).toMatch(/^beside: (drop|refuse), entropy falls by -?\d\.\d\d nats, 0 kept$/);
  }, 240_000);

  it('10 shows what is supported, and no more', async () => {
    const lines = await printed('10-guard.ts');
    expect(lines.filter((line) => !line.startsWith('  '))).toEqual([
      'The Petrel is a ferry for 180 passengers. (ship-1)',
      'The Auk, built in 1974, is a diesel ferry for 120 passengers and 14 cars. (ship-2)',
      'The documents do not say: Who built the Petrel?',
    ]);
  }, 120_000);

  it('each is numbered and under 40 lines', () => {
    const files = readdirSync('examples').filter((name) => /^\d\d-/.test(name));
    expect(files.map((name) => name.slice(0, 2))).toEqual(['01', '02', '03', '04', '05', '06', '07', '08', '09', '10']);
    for (const name of files)
      expect(readFileSync(`examples/${name}`, 'utf8').trimEnd().split('\n').length, name).toBeLessThan(40);
  });
});
