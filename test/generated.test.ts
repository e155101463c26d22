import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { generate } from '../scripts/gen-prompts.mjs';
import { optionsPage } from '../src/cli/options.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const lock = () => JSON.parse(read('prompts/lock.json')) as Record<string, string>;

it('src/prompts.generated.ts and prompts/lock.json are what `npm run gen` writes', () => {
  expect(generate(lock())).toEqual({ source: read('src/prompts.generated.ts'), lock: read('prompts/lock.json') });
});

it('a released prompt can be neither edited nor removed', () => {
  expect(() => generate({ ...lock(), 'is-rel.v1.md': '0'.repeat(64) })).toThrow(
    'is-rel.v1.md is released and was edited',
  );
  expect(() => generate({ ...lock(), 'gone.v1.md': '0'.repeat(64) })).toThrow(
    'released prompts are missing: gone.v1.md',
  );
});

it('docs/options.md is what `npm run gen` writes', () => {
  expect(read('docs/options.md')).toBe(optionsPage());
});
