import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
/** Runs an example as a newcomer does, on the built package. */
const printed = async (file: string): Promise<string[]> => {
  const { stdout } = await run('npx', ['tsx', `examples/${file}`], { maxBuffer: 10_000_000 });
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
});
