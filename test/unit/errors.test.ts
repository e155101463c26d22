import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DiscernError, ERRORS, type ErrorCode, throwIfAborted } from '../../src/errors.ts';

const read = (folder: string): string => {
  const root = fileURLToPath(new URL(`../../${folder}/`, import.meta.url));
  return (readdirSync(root, { recursive: true }) as string[])
    .filter((file) => file.endsWith('.ts') && !file.endsWith('errors.ts') && !file.endsWith('errors.test.ts'))
    .map((file) => readFileSync(`${root}${file}`, 'utf8'))
    .join('\n');
};
const source = read('src');
const tests = `${read('test')}${read('src/testing')}`;

describe('the table of errors', () => {
  it.each(Object.keys(ERRORS) as ErrorCode[])('%s is thrown somewhere, is in a test, and has a hint', (code) => {
    expect(source.includes(`'${code}'`), 'thrown').toBe(true);
    expect(tests.includes(code), 'tested').toBe(true);
    expect(ERRORS[code].hint.length).toBeGreaterThan(10);
    expect(ERRORS[code].status).toBeGreaterThanOrEqual(400);
  });

  it('is recognised by its brand, also across copies of the package', () => {
    const error = new DiscernError('INDEX_MISSING', 'no index in ./x', {
      details: { dir: './x' },
      cause: new Error('ENOENT'),
    });
    const foreign = Object.assign(new Error('x'), { code: 'INDEX_MISSING', [Symbol.for('discern-rag.error')]: true });
    expect([
      DiscernError.is(error),
      DiscernError.is(error, 'INDEX_MISSING'),
      DiscernError.is(error, 'ABORTED'),
      DiscernError.is(foreign, 'INDEX_MISSING'),
    ]).toEqual([true, true, false, true]);
    expect([DiscernError.is(null), DiscernError.is(new Error('x'))]).toEqual([false, false]);
    expect([error.hint, error.status, error.blame, error.details, (error.cause as Error).message]).toEqual([
      ERRORS.INDEX_MISSING.hint,
      404,
      'user',
      { dir: './x' },
      'ENOENT',
    ]);
  });

  it('an aborted signal throws ABORTED with its reason', () => {
    const controller = new AbortController();
    expect(() => throwIfAborted(controller.signal)).not.toThrow();
    controller.abort('enough');
    expect(() => throwIfAborted(controller.signal)).toThrow(
      expect.objectContaining({ code: 'ABORTED', cause: 'enough' }),
    );
  });
});
