import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { contentFaults, MAX_CODE, MAX_PACKED, MUST_HOLD } from '../../scripts/package-content.mjs';

const exports = { '.': { types: './dist/index.d.ts', default: './dist/index.js' }, './backends/*': null };
const right = {
  files: [...MUST_HOLD, 'dist/cli/main.d.ts', 'dist/index.js', 'dist/index.d.ts'].map((path) => ({ path, size: 1000 })),
  size: 1e6,
  manifest: { exports, scripts: { test: 'vitest' } },
  read: (_: string) => 'text',
};
const withFile = (path: string, size = 1000) => ({ ...right, files: [...right.files, { path, size }] });

describe('contentFaults', () => {
  it('finds nothing in a package as it should be', () => {
    expect(contentFaults(right)).toEqual([]);
  });

  it.each([
    ['src/index.ts', ['src/index.ts is unexpected', 'src/index.ts is a source']],
    ['dist/score.test.js', ['dist/score.test.js is a test', 'dist/score.test.js has no types']],
    ['dist/index.js.map', ['dist/index.js.map is unexpected', 'dist/index.js.map is a source map']],
    [
      'critics/train/rows.jsonl',
      [
        'critics/train/rows.jsonl is unexpected',
        'critics/train/rows.jsonl is training',
        'critics/train/rows.jsonl is data',
      ],
    ],
    ['.env', ['.env is unexpected', '.env is a secret']],
    [
      '.cache/models/x.gguf',
      [
        '.cache/models/x.gguf is unexpected',
        '.cache/models/x.gguf is a folder of the checkout',
        '.cache/models/x.gguf is data',
      ],
    ],
    ['docs/notes.md', ['docs/notes.md is unexpected']],
  ])('%s', (path, faults) => {
    expect(contentFaults(withFile(path))).toEqual(faults);
  });

  it('what is missing, a key, a script of install, sizes', () => {
    const files = right.files.filter(({ path }) => path !== 'LICENSE' && path !== 'dist/index.js');
    expect(contentFaults({ ...right, files })).toEqual(['LICENSE is missing', 'dist/index.js is missing']);
    const read = (path: string) => (path === 'README.md' ? `OPENAI_API_KEY=sk-${'a1'.repeat(16)}` : '');
    expect(contentFaults({ ...right, read })).toEqual(['README.md has what looks like a key']);
    const manifest = { exports, scripts: { postinstall: 'node x.js' } };
    expect(contentFaults({ ...right, manifest })).toEqual(['package.json has a script postinstall']);
    expect(contentFaults({ ...right, size: MAX_PACKED + 1 })).toHaveLength(1);
    expect(contentFaults(withFile('dist/big.d.ts', MAX_CODE))).toHaveLength(1);
  });
});

describe('package.json', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

  it('has types for every entry, and no entry that starts a worker', () => {
    for (const [path, target] of Object.entries<Record<string, string> | string | null>(manifest.exports)) {
      if (target === null || typeof target === 'string') continue;
      expect(Object.keys(target), path).toEqual(['types', 'default']);
    }
    expect(manifest.exports['./backends/onnx-worker']).toBeNull();
  });

  it('runs nothing when it is installed', () => {
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(manifest.scripts[name]).toBeUndefined();
  });
});
