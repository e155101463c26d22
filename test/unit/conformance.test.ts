import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DiscernError } from '../../src/errors.ts';
import { checkConformance } from '../../src/evaluate/conformance.ts';

const golden = (name: string) => JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8'));

describe('golden files', () => {
  it.each([
    ['selfrag-scores.json', 62],
    ['selfrag-beam.json', 43],
    ['selfrag-closed.json', 12],
  ])('%s: all %i cases agree', (name, count) => {
    const result = checkConformance(golden(name));
    expect(result.differences).toEqual([]);
    expect(result).toMatchObject({ passed: count, failed: 0 });
  });

  it('names the place of a difference', () => {
    const file = golden('selfrag-closed.json');
    file.cases[0].expected.scores[1] += 1e-6;
    const result = checkConformance(file);
    expect(result).toMatchObject({ passed: 11, failed: 1 });
    expect(result.differences[0]).toMatchObject({ id: 'cs-s00', path: 'scores.1' });
  });

  it('refuses an unknown format', () => {
    expect(() => checkConformance({ format: 'other/1' })).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
    expect(DiscernError.is(new DiscernError('INPUT_INVALID', 'x'), 'INPUT_INVALID')).toBe(true);
  });
});
