import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileLoader } from '../../src/backends/loader/files.ts';
import { parseMarkdown } from '../../src/backends/loader/markdown.ts';
import { DiscernError, type ErrorCode } from '../../src/errors.ts';
import type { SourceDocument } from '../../src/types.ts';

const FIXTURES = 'test/fixtures/documents';
const loader = fileLoader({ textField: null, titleField: null });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'discern-loader-'));
});
afterAll(() => rm(folder, { recursive: true }));

const fixture = (name: string, using = loader) => using.load({ key: name, path: join(FIXTURES, name) });

async function written(name: string, content: string | Uint8Array, using = loader): Promise<SourceDocument[]> {
  const path = join(folder, name);
  await writeFile(path, content);
  return using.load({ key: name, path });
}

async function failure(work: Promise<unknown>, code: ErrorCode): Promise<DiscernError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!DiscernError.is(error, code)) throw new Error(`expected ${code}, got ${String(error)}`);
  return error;
}

const headingTexts = ({ text, headings }: SourceDocument) =>
  headings.map(({ path, start }) => [path.join(' > '), text.slice(start).split('\n')[0]]);

describe('formats', () => {
  test('text loses its byte order mark and nothing else', async () => {
    const [document] = await fixture('plain.txt');
    expect(document).toMatchObject({ id: 'plain.txt', title: null, headings: [], pages: [] });
    expect(document!.text).toBe('The lamp was lit at dusk.\r\n\r\nIt burned rape oil — 鯨油は使わない 🪔.\r\n');
    expect((await fixture('utf16.txt'))[0]!.text).toBe('Grüße aus Zürich.\r\nZweite Zeile.\r\n');
    expect((await fixture('empty.txt'))[0]!.text).toBe('');
    expect((await fixture('README'))[0]!.text).toMatch(/^Documents for the tests/);
  });

  test('Markdown: headings, front matter, fences', async () => {
    const [document] = await fixture('guide.md');
    expect(document!.title).toBe("Keeper's guide");
    expect(document!.text.trimStart()).toMatch(/^Written for new keepers\./);
    expect(headingTexts(document!)).toEqual([
      ['The lamp', '# The lamp'],
      ['The lamp > Oil', '## Oil ##'],
      ['The lamp > Fog signal', 'Fog signal'],
      ['Stores', '# Stores'],
      ['Stores > Paint', '### Paint'],
    ]);
  });

  test('Markdown: marks that are no headings', () => {
    const text =
      '#tag\n\n    # code\n\n- item\n---\n\n| a |\n---\n\nA paragraph\nof two lines\n---\n\n~~~\n# in\n```\n# still in\n~~~\n# Out [now](x) `code` #\n';
    expect(parseMarkdown('a', text).headings.map(({ path }) => path)).toEqual([['Out now code']]);
    expect(parseMarkdown('a', '# A\r\n\r\nB\r\n===\r\n').headings).toEqual([
      { path: ['A'], start: 0 },
      { path: ['B'], start: 7 },
    ]);
    expect(parseMarkdown('a', '---\ntitle: only').title).toBeNull();
  });

  test('HTML: the text of the body by blocks, without scripts and navigation', async () => {
    const [document] = await fixture('page.html');
    expect(document!.title).toBe('Harbour notes');
    expect(document!.text).toMatchInlineSnapshot(`
      "Harbour notes

      The harbour was dredged in 1902 & again in 1931.

      Dues

      Yachts: 4 crowns
      Barges:
      9 crowns

      Year | Ships
      1902 | 311

      Tides

      high  04:10
      low   10:25

      See the table on the quay."
    `);
    expect(headingTexts(document!)).toEqual([
      ['Harbour notes', 'Harbour notes'],
      ['Harbour notes > Dues', 'Dues'],
      ['Harbour notes > Tides', 'Tides'],
    ]);
    const [layout] = await written('layout.html', '<table><tr><td><h1>Old</h1><p>One</p><p>Two</p></td></tr></table>');
    expect(layout).toMatchObject({ title: 'Old', text: 'Old\n\nOne\n\nTwo', headings: [{ path: ['Old'], start: 0 }] });
  });

  test('PDF: pages and title', async () => {
    const [document] = await fixture('mills.pdf');
    expect(document!.title).toBe('On tidal mills');
    expect(document!.pages.map(({ page, start }) => [page, document!.text.slice(start, start + 12)])).toEqual([
      [1, 'Tidal mills\n'],
      [2, 'The pond fil'],
      [3, 'Eling Mill i'],
    ]);
    expect(document!.text).toContain('small inlet.\n\nThe pond');
  });

  test('JSON: records, texts, one object', async () => {
    expect((await fixture('list.json')).map(({ id, title, text }) => [id, title, text])).toEqual([
      ['list.json#1', null, 'First note.'],
      ['list.json#2', 'Two', 'Second note.'],
    ]);
    expect(await fixture('object.json')).toMatchObject([
      { id: 'object.json', text: 'keeper.name: Ailsa\nkeeper.years: 12\nlights: north\nlights: south' },
    ]);
    expect(await written('blank.json', ' \n')).toEqual([]);
  });

  test('JSONL: ids, suffixes for equal ids, line numbers, metadata; also packed and UTF-16', async () => {
    expect((await fixture('facts.jsonl')).map(({ id, title, metadata }) => [id, title, metadata])).toEqual([
      ['facts.jsonl#f1', 'Rope', { id: 'f1', year: 1880 }],
      ['facts.jsonl#f1~2', null, { id: 'f1' }],
      ['facts.jsonl#4', null, { safe: true }],
    ]);
    expect(await fixture('more.jsonl.gz')).toMatchObject([{ id: 'more.jsonl.gz#1', text: 'Packed and read.' }]);
    expect(
      await written('wide.jsonl', Buffer.from('\uFEFF{"text":"Größe"}\r\n{"text":"b"}\n', 'utf16le')),
    ).toMatchObject([{ text: 'Größe' }, { text: 'b' }]);
    expect(await written('mark.jsonl', '\uFEFF{"text":"marked"}')).toMatchObject([{ text: 'marked' }]);
  });

  test('CSV and TSV: quotes, line ends in fields, rows without an id', async () => {
    expect(await fixture('ships.csv')).toMatchObject([
      {
        id: 'ships.csv#anna',
        title: 'Anna',
        text: 'A ketch, built in "Old Yard".\nShe carried slate.',
        metadata: { tonnage: '62' },
      },
      { id: 'ships.csv#2', title: 'Bee', text: 'A cutter.' },
    ]);
    expect((await fixture('ports.tsv')).map(({ text }) => text)).toEqual([
      'port: Leith\ndepth: 7.5',
      'port: Tobermory\ndepth: 4',
    ]);
    expect(await written('eu.csv', 'name;text\nA;"x, y"\n')).toMatchObject([{ title: 'A', text: 'x, y' }]);
    expect(await written('header.csv', 'name,text\n')).toEqual([]);
  });

  test('fields can be named; a record without them is reported', async () => {
    const named = fileLoader({ textField: 'note', titleField: 'year' });
    expect(named.id).not.toBe(loader.id);
    expect(await written('n.jsonl', '{"note":"N","text":"T","year":1880}\n{"note":null}', named)).toMatchObject([
      { text: 'N', title: '1880', metadata: { text: 'T' } },
      { text: '', title: null },
    ]);
    const error = await failure(fixture('facts.jsonl', named), 'DOCUMENT_UNREADABLE');
    expect(error.message).toContain('line 1: no text in the field "note"; it has id, title, text, year, tags');
  });

  test('LangChain loaders read .docx and .srt; a missing parser is named with its install line', async () => {
    expect(await fixture('letter.docx')).toMatchObject([
      { id: 'letter.docx', text: 'Dear keeper,\n\nthe new lens is on its way.' },
    ]);
    expect(await fixture('talk.srt')).toMatchObject([{ text: 'Good evening, keepers. Tonight we talk of fog.' }]);
    await failure(
      written('latin.srt', Buffer.from('1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n', 'latin1')),
      'DOCUMENT_UNREADABLE',
    );
    const error = await failure(written('slides.pptx', 'x'), 'PACKAGE_MISSING');
    expect(error.message).toContain('npm install --legacy-peer-deps @langchain/community officeparser');
  });
});

describe('hostile and broken input', () => {
  test('what cannot be read says why and where', async () => {
    const reason = async (work: Promise<unknown>) => (await failure(work, 'DOCUMENT_UNREADABLE')).message;
    expect(await reason(fixture('latin1.txt'))).toBe('latin1.txt: not UTF-8, byte 6 is 0xE9');
    expect(await reason(written('good.txt', Buffer.concat([Buffer.from('a\uFFFDb'), Buffer.from([0xc3])])))).toBe(
      'good.txt: not UTF-8, byte 5 is 0xC3',
    );
    expect(await reason(written('binary', Buffer.from([65, 0, 66])))).toContain('character 1 is NUL');
    expect(await reason(written('half.txt', Buffer.from([0xff, 0xfe, 0x00, 0xd8])))).toContain('broken utf-16le');
    expect(await reason(fixture('broken.pdf'))).toContain('broken.pdf: Invalid PDF structure');
    expect(await reason(written('empty.pdf', ''))).toContain('empty.pdf: ');
    expect(await reason(fixture('bad.jsonl'))).toMatch(
      /bad\.jsonl: line 2: not JSON: .*; line 3: a record must be an object or a text, not an array/,
    );
    expect(await reason(written('l.jsonl', Buffer.from('{"text":"a"}\n{"text":"\xe9"}\n', 'latin1')))).toContain(
      'l.jsonl line 2: not UTF-8, byte 9 is 0xE9',
    );
    expect(await reason(written('cut.jsonl.gz', gzipSync('{"text":"a"}\n'.repeat(100)).subarray(0, 30)))).toContain(
      'unexpected end of file',
    );
    expect(await reason(written('b.json', '{"a":'))).toContain('b.json: not JSON');
    expect(await reason(written('ragged.csv', 'a,b\n1,2\n3\n'))).toMatch(/ragged\.csv: .*line 3/);
    expect(await reason(written('letter.docx', 'no zip'))).toContain('letter.docx: ');
    expect(await reason(loader.load({ key: 'gone.txt', path: join(folder, 'gone.txt') }))).toContain('ENOENT');
  });

  test('tokens, templates, long lines and half characters are only text', async () => {
    const text = '[Fully supported] {{question}} <|im_end|> </s>';
    expect((await written('t.md', `# ${text}\n\n${text}\n`))[0]).toMatchObject({ title: text });
    expect((await written('t.html', `<p>{{question}} &lt;|im_end|&gt; [Fully supported]</p>`))[0]!.text).toBe(
      '{{question}} <|im_end|> [Fully supported]',
    );
    const line = 'x'.repeat(1_000_000);
    const [long] = await written('long.md', `# ${line}\n`);
    expect(long!.headings[0]!.path[0]).toHaveLength(200);
    expect((await written('long.jsonl', `{"title":"${line}","text":"t"}`))[0]!.title).toHaveLength(200);
    expect(
      (await written('keys.jsonl', `{"text":"t","__proto__":"p","long":"${line}","toString":1}`))[0]!.metadata,
    ).toEqual(
      Object.fromEntries([
        ['__proto__', 'p'],
        ['toString', 1],
      ]),
    );
    expect((await written('half.jsonl', '{"text":"a\\ud83d b"}'))[0]!.text).toBe('a\uFFFD b');
    expect((await written('links.md', `# ${'](['.repeat(300_000)}\n`))[0]!.headings).toHaveLength(1);
    const nested = await written('nested.html', `${'<div><b>'.repeat(10_000)}deep<h1>x`);
    expect(nested[0]!.text).toBe('deep\n\nx');
    const wide = await written('wide.html', '<p>a'.repeat(20_000));
    expect(wide[0]!.text).toHaveLength(3 * 20_000 - 2);
  });

  test('an aborted signal ends the reading', async () => {
    const signal = AbortSignal.abort();
    await failure(loader.load({ key: 'a', path: join(FIXTURES, 'facts.jsonl') }, { signal }), 'ABORTED');
    await failure(loader.list([FIXTURES], { signal }), 'ABORTED');
    await failure(loader.hash({ path: join(FIXTURES, 'guide.md') }, { signal }), 'ABORTED');
  });
});

describe('list', () => {
  const place = async (...names: string[]) => {
    for (const name of names) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), name);
    }
  };

  test('names files by their folder and leaves out what is hidden, foreign or unknown', async () => {
    await place(
      'one/docs/a.txt',
      'one/docs/sub/b.md',
      'one/docs/.hidden.txt',
      'one/docs/.git/c.txt',
      'one/docs/node_modules/d/e.txt',
      'one/docs/f.xyz',
      'one/docs/[g] {h}.txt',
      'one/outside.txt',
    );
    await symlink(join(folder, 'one/outside.txt'), join(folder, 'one/docs/leaves.txt'));
    await symlink(join(folder, 'one/docs/a.txt'), join(folder, 'one/docs/0-again.txt'));
    await symlink(join(folder, 'one/docs/.hidden.txt'), join(folder, 'one/docs/shown.txt'));
    await symlink(join(folder, 'one/nowhere'), join(folder, 'one/docs/broken.txt'));
    await symlink(join(folder, 'one/docs'), join(folder, 'one/docs/loop'));
    const { files, roots, ignored } = await loader.list([join(folder, 'one/docs')]);
    expect(files.map(({ key }) => key)).toEqual(['docs/[g] {h}.txt', 'docs/a.txt', 'docs/sub/b.md']);
    expect(roots.map(({ name }) => name)).toEqual(['docs']);
    expect(ignored).toEqual(['docs/f.xyz']);
  });

  test('a file reached twice is listed once; two files of one name are refused', async () => {
    await place('two/x/a.txt', 'two/y/a.txt');
    const at = (name: string) => join(folder, 'two', name);
    expect((await loader.list([at('x'), at('x/a.txt'), `${at('x')}/`])).files.map(({ key }) => key)).toEqual([
      'x/a.txt',
    ]);
    expect((await loader.list([at('x/a.txt')])).files.map(({ key }) => key)).toEqual(['a.txt']);
    const error = await failure(loader.list([at('x/a.txt'), at('y/a.txt')]), 'INPUT_INVALID');
    expect(error.message).toContain('would both be called a.txt');
  });

  test('bad paths are named', async () => {
    expect((await failure(loader.list([]), 'INPUT_INVALID')).message).toBe('no files or folders are given');
    expect((await failure(loader.list(['no/such']), 'INPUT_INVALID')).message).toBe(
      'there is no file or folder no/such',
    );
    const error = await failure(loader.list([join(FIXTURES, 'photo.xyz')]), 'INPUT_INVALID');
    expect(error.message).toMatch(/photo\.xyz: no format has this extension; there are \.txt .*\.pdf/);
  });

  test('the hash is that of the content', async () => {
    expect(await loader.hash({ path: join(FIXTURES, 'empty.txt') })).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
  });
});
