import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXPLAINED, familyOf, isAllowed, namesOf, productionPackages } from '../../scripts/licenses.mjs';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const found = productionPackages(JSON.parse(read('package-lock.json')));

describe('LICENSES.md', () => {
  it('names every package that an install brings, on any platform (npm run licenses writes it)', () => {
    const named = namesOf(read('LICENSES.md'));
    expect(found.length).toBeGreaterThan(100);
    expect([...new Set(found.map(({ name }) => familyOf(name)))].filter((name) => !named.includes(name))).toEqual([]);
  });

  it('every direct dependency is among them', () => {
    const { dependencies, optionalDependencies } = JSON.parse(read('package.json'));
    const names = found.map(({ name }) => name);
    for (const [name, range] of Object.entries<string>({ ...dependencies, ...optionalDependencies }))
      expect(names).toContain(/^npm:(@?[^@]+)@/.exec(range)?.[1] ?? name);
  });

  it('no licence binds users, except where the page says why it may be there', () => {
    const wrong = found.filter(({ name, licence }) => !isAllowed(licence ?? 'unknown') && !EXPLAINED[familyOf(name)]);
    expect(wrong).toEqual([]);
  });
});

describe('productionPackages', () => {
  const packages = {
    '': { dependencies: { a: '1', b: '1' }, optionalDependencies: { b: '1' }, devDependencies: { tool: '1' } },
    'node_modules/a': {
      version: '1.0.0',
      license: 'MIT',
      dependencies: { c: '1' },
      peerDependencies: { p: '1', q: '1' },
      peerDependenciesMeta: { q: { optional: true } },
    },
    'node_modules/a/node_modules/c': { version: '1.0.0', license: 'ISC' },
    'node_modules/b': { name: 'real-b', version: '2.0.0', license: 'MIT', dependencies: { c: '2', p: '1' } },
    'node_modules/c': { version: '2.0.0', license: 'GPL-3.0-only' },
    'node_modules/p': { version: '1.0.0', license: 'MIT' },
    'node_modules/q': { version: '1.0.0', license: 'MIT' },
    'node_modules/tool': { version: '1.0.0', license: 'AGPL-3.0-only', dev: true },
  };
  const of = productionPackages({ packages }).map(
    ({ name, version, optional }) => `${name}@${version}${optional ? ' optional' : ''}`,
  );

  it('follows what is needed, nested ones and peers, and no tools', () => {
    expect(of.sort()).toEqual(['a@1.0.0', 'c@1.0.0', 'c@2.0.0 optional', 'p@1.0.0', 'real-b@2.0.0 optional']);
  });
});

it.each([
  ['MIT', true],
  ['(MIT OR GPL-3.0-or-later)', true],
  ['Apache-2.0 AND LGPL-3.0-or-later', false],
  ['AGPL-3.0-only', false],
  ['UNLICENSED', false],
])('licence %s: allowed %s', (licence, allowed) => {
  expect(isAllowed(licence)).toBe(allowed);
});

it.each([
  ['@img/sharp-libvips-linuxmusl-arm64', '@img/sharp-libvips-*'],
  ['@img/sharp-win32-x64', '@img/sharp-*'],
  ['hnswlib-node', 'hnswlib-node'],
])('%s is of the family %s', (name, family) => {
  expect(familyOf(name)).toBe(family);
});
