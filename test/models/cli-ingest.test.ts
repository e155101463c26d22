import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../src/types.ts';
import { discern, temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const FIXTURES = fileURLToPath(new URL('../fixtures/documents/', import.meta.url));

/** A new folder with these files. */
function folder(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(dir, name);
  mkdirSync(path, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
}

const reportOf = async (paths: readonly string[], index: string, ...flags: string[]) => {
  const { code, out } = await discern(['ingest', ...paths, '--index', index, '--json', ...flags]);
  return { code, ...JSON.parse(out) };
};

describe('discern ingest', () => {
  it('embeds what is new or changed, and drops what is gone', async () => {
    const docs = folder('docs', {
      'goat.md': '# Goats\n\nGreta the goat lives on the roof of the mill.\n',
      'bread.txt': 'The bakery opens at six in the morning.',
      'bell.txt': 'The bell of Orre weighs ninety kilograms.',
    });
    const index = join(dir, 'docs.index');
    expect(await reportOf([docs], index)).toMatchObject({ code: 0, added: 3, embedded: 3, failed: [], ignored: [] });
    expect(await reportOf([docs], index)).toMatchObject({ code: 0, added: 0, changed: 0, unchanged: 3, embedded: 0 });
    writeFileSync(join(docs, 'bread.txt'), 'The bakery opens at five in the morning.');
    expect(await reportOf([docs], index)).toMatchObject({ code: 0, changed: 1, unchanged: 2, removed: 0, embedded: 1 });
    rmSync(join(docs, 'bell.txt'));
    const last = await reportOf([docs], index);
    expect(last).toMatchObject({ code: 0, removed: 1, unchanged: 2, embedded: 0 });
    expect(last.index).toEqual({ passages: 2, sources: 2, search: 'exact' });
    expect(existsSync(join(index, 'embedding.partial'))).toBe(false);

    const asked = await discern(['ask', 'When does the bakery open?', '--index', index, '--json']);
    const { text, citations } = JSON.parse(asked.out) as Answer;
    expect(text).toContain('opens at five');
    expect(citations[0]?.docId).toBe('docs/bread.txt');
  });

  it('reports each file that cannot be read, exits with 1, and ingests the rest', async () => {
    const docs = folder('mixed', {
      'goat.txt': 'Greta the goat lives on the roof.',
      'empty.txt': '',
      'photo.xyz': '?',
    });
    for (const name of ['broken.pdf', 'latin1.txt']) copyFileSync(join(FIXTURES, name), join(docs, name));
    const index = join(dir, 'mixed.index');
    const { code, out, err } = await discern(['ingest', docs, '--index', index]);
    expect(code).toBe(1);
    expect(out).toContain('2 added, 0 changed, 0 removed, 0 unchanged; 1 passage embedded\n');
    expect(err).toContain('left out, no format fits: mixed/photo.xyz\n');
    expect(err).toMatch(/^failed DOCUMENT_UNREADABLE: mixed\/broken\.pdf: [^/]+$/m);
    expect(err).toMatch(/^failed DOCUMENT_UNREADABLE: mixed\/latin1\.txt: not UTF-8, byte 6 is 0xE9$/m);
    const again = await reportOf([docs], index);
    expect(again).toMatchObject({ code: 1, unchanged: 2, embedded: 0 });
    expect(again.failed.map(({ key }: { key: string }) => key)).toEqual(['mixed/broken.pdf', 'mixed/latin1.txt']);
    const asked = await discern(['ask', 'Where does the goat live?', '--docs', docs, '--no-why']);
    expect(asked.code).toBe(0);
    expect(asked.out).toContain('Greta the goat lives on the roof. [1]');
    expect(asked.err).toContain('not read: mixed/broken.pdf: ');
  });

  it.each([
    ['an empty folder', {}, 'nothing to read in'],
    ['an empty file', { 'a.txt': '' }, ''],
    ['a blank file', { 'a.md': ' \n\n\t' }, ''],
    ['nothing but other formats', { 'a.xyz': 'x' }, 'left out, no format fits: '],
  ])('%s leaves nothing to answer from, and that is said', async (what, files, noted) => {
    const docs = folder(what, files);
    const ingested = await discern(['ingest', docs, '--index', `${docs}.index`]);
    expect(ingested.code).toBe(0);
    expect(ingested.out).toContain('the index holds 0 passages');
    expect(ingested.err).toContain(noted);
    const asked = await discern(['ask', 'Where is it?', '--docs', docs]);
    expect({ code: asked.code, out: asked.out }).toEqual({ code: 2, out: '' });
    expect(asked.err).toMatch(/^error INDEX_EMPTY: .*\n {2}hint: the documents given held no text/m);
  });

  it('refuses another embedder, naming both, and leaves the index as it is', async () => {
    const docs = folder('two', { 'goat.txt': 'Greta the goat lives on the roof.' });
    const index = join(dir, 'two.index');
    await reportOf([docs], index);
    writeFileSync(join(docs, 'more.txt'), 'More.');
    const other = await discern(['ingest', docs, '--index', index, '--embedder.model', 'all-minilm-l6-v2']);
    expect({ code: other.code, out: other.out }).toEqual({ code: 2, out: '' });
    expect(other.err).toMatch(/^error INDEX_FINGERPRINT: .*bge-small-en-v1\.5.*all-minilm-l6-v2/m);
    expect(await reportOf([docs], index)).toMatchObject({ code: 0, added: 1, unchanged: 1, embedded: 1 });
  });

  it('two at once: one may be refused, and the index is whole', async () => {
    const files = Array.from({ length: 12 }, (_, i) => [`${i}.txt`, `Boat ${i} carries ${i * 7} barrels of salt.`]);
    const docs = folder('fleet', Object.fromEntries(files));
    const index = join(dir, 'fleet.index');
    const both = await Promise.all([0, 1].map(() => discern(['ingest', docs, '--index', index])));
    const codes = both.map(({ code }) => code);
    expect(codes).toContain(0);
    for (const { code, err } of both) if (code !== 0) expect(err).toMatch(/^error INDEX_LOCKED: [\s\S]*hint: /m);
    const last = await reportOf([docs], index);
    expect(last).toMatchObject({ code: 0, unchanged: 12, embedded: 0, index: { passages: 12, sources: 12 } });
    expect(existsSync(join(index, 'embedding.partial'))).toBe(false);
  });
});
