import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Block, blocksOf, givenOf, pagesBelow } from './docs-blocks.ts';
import { commandErrors, commandsIn, mentionError, shellText } from './docs-commands.ts';
import { GIVEN } from './docs-given.ts';
import { jsonError } from './docs-json.ts';
import { typeErrors } from './docs-program.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = pagesBelow(root).map((page) => ({ page, text: readFileSync(root + page, 'utf8') }));
const blocks = pages.flatMap(({ page, text }) => blocksOf(page, text));
const of = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language));
const at = ({ page, line }: Block, wrong: string) => `${page}:${line}: ${wrong}`;

/** Without its blocks. */
const proseOf = (markdown: string) => markdown.replaceAll(/^( *)(`{3,})[\s\S]*?^\1\2$/gm, '');

/** A page whose blocks are wrong. */
const BAD = 'bad.md';
const bad = [
  'Text',
  '```ts',
  "import { createRag } from 'discern-rag';",
  'const rag = await createRag({ documents: 7 });',
  '```',
  '  ```sh',
  '  discern ask "x" --no-such-flag   # a comment',
  '  ```',
  '```ts',
  "import { createRag, DiscernError } from 'discern-rag';",
  "const rag = (await createRag()).asks('x');",
  'export const seen = [given, DiscernError, missing];',
  '```',
].join('\n');

let found: string[] | null = null;
/** What the compiler says of all pages and of the wrong one, in one run: it takes seconds to read the types. */
function mistyped(): string[] {
  found ??= typeErrors(
    [...pages, { page: BAD, text: bad }].map(({ page, text }) => ({
      page,
      blocks: blocksOf(page, text).filter(({ language }) => language === 'ts'),
      given: `${page === BAD ? 'declare const given: 1;' : (GIVEN[page] ?? '')}${givenOf(text)}`,
    })),
    root,
  );
  return found;
}

/** Blocks that are neither run nor type-checked, and why. */
const UNCHECKED: Readonly<Record<string, string>> = {
  '': 'what a command printed, or a drawing; commands in it are checked',
  diff: 'a change of a program that stands whole in a file which is run',
};

describe('every block of the Markdown', () => {
  it('is in a language that is checked, or unchecked with a reason', () => {
    const checked = new Set(['ts', 'sh', 'console', 'json', ...Object.keys(UNCHECKED)]);
    expect(blocks.filter(({ language }) => !checked.has(language)).map((block) => at(block, block.language))).toEqual(
      [],
    );
    expect(of('ts').length).toBeGreaterThan(10);
    expect(of('sh', 'console').length).toBeGreaterThan(20);
  });

  it('of TypeScript fits the types of src', { timeout: 120_000 }, () => {
    expect(mistyped().filter((error) => !error.startsWith(BAD))).toEqual([]);
  });

  it('of shell calls commands that exist, with options that exist', () => {
    const wrong = blocks.flatMap((block) => {
      const text = shellText(block.language, block.text);
      return text === null ? [] : commandErrors(text, root).map((error) => at(block, error));
    });
    expect(wrong).toEqual([]);
  });

  it('of JSON is an experiment, a config, a row or a trace', async () => {
    const wrong = await Promise.all(
      of('json').map(async (block) => {
        const error = await jsonError(block.text);
        return error === null ? [] : [at(block, error)];
      }),
    );
    expect(wrong.flat()).toEqual([]);
  });
});

describe('every command in the text', () => {
  it('exists, with its options', () => {
    const wrong = pages.flatMap(({ page, text }) =>
      [...proseOf(text).matchAll(/`([^`\n]+)`/g)].flatMap(([, code = '']) => {
        const error = mentionError(code);
        return error === null ? [] : [`${page}: \`${code}\`: ${error}`];
      }),
    );
    expect(wrong).toEqual([]);
  });
});

/** As GitHub makes it, and as the site does for headings of words. */
const slug = (heading: string) =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');

describe('every link of the Markdown', () => {
  it('leads to a file, and to a heading of it', () => {
    const wrong = pages.flatMap(({ page, text }) => {
      const prose = proseOf(text).replaceAll(/`[^`\n]*`/g, '');
      return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, href = '']) => {
        if (/^[a-z]+:/.test(href)) return [];
        const [path = '', anchor] = href.split('#');
        const file = path === '' ? page : posix.join(posix.dirname(page), decodeURI(path));
        if (!existsSync(root + file)) return [`${page}: ${href}`];
        if (anchor === undefined || !file.endsWith('.md')) return [];
        const headings = [...readFileSync(root + file, 'utf8').matchAll(/^#{1,6} (.*)$/gm)].map(([, one]) =>
          slug(one!),
        );
        return headings.includes(decodeURI(anchor)) ? [] : [`${page}: ${href}: no such heading`];
      });
    });
    expect(wrong).toEqual([]);
  });
});

describe('the checks of blocks', () => {
  it('find blocks with their language and line', () => {
    expect(blocksOf(BAD, bad).map(({ language, line }) => [language, line])).toEqual([
      ['ts', 3],
      ['sh', 7],
      ['ts', 10],
    ]);
    expect(blocksOf(BAD, bad)[1]!.text).toBe('discern ask "x" --no-such-flag   # a comment\n');
    expect(() => blocksOf(BAD, '```ts\nconst x = 1;')).toThrow('bad.md:1: the block is not closed');
  });

  it('find what does not fit the types, at its line', { timeout: 120_000 }, () => {
    expect(mistyped().filter((error) => error.startsWith(BAD))).toEqual([
      expect.stringMatching(/^bad\.md:4: Type 'number' is not assignable to type 'string \| readonly string\[\]/),
      expect.stringMatching(/^bad\.md:11: Property 'asks' does not exist on type 'Rag'/),
      expect.stringMatching(/^bad\.md:12: Cannot find name 'missing'/),
    ]);
  });

  it('find commands, options and values that do not exist', () => {
    const wrong = (line: string) => commandErrors(line, root);
    expect(wrong('discern ask "x" --docs d --isRel.threshold 0.3 | jq . && npm run build')).toEqual([]);
    expect(wrong('X=1 npx discern eval run e.json > out.txt 2>&1')).toEqual([]);
    expect(wrong('discern ask "x" --no-such-flag')).toEqual([
      expect.stringContaining("unknown option '--no-such-flag'"),
    ]);
    expect(wrong('discern ask "x" --isRel.threshold 3')).toEqual([expect.stringContaining('isRel.threshold')]);
    expect(wrong('discern ask')).toEqual([expect.stringContaining("missing required argument 'question'")]);
    expect(wrong('discern asks "x"')).toEqual([expect.stringContaining("unknown command 'asks'")]);
    expect(wrong('discern tune --traces')).toEqual([expect.stringContaining('argument missing')]);
    expect(wrong('npm run nothing')).toEqual([expect.stringContaining('no script "nothing"')]);
    expect(wrong('npx tsx bench/none.ts')).toEqual([expect.stringContaining('there is no bench/none.ts')]);
    expect(wrong('wget x')).toEqual([expect.stringContaining('the program is not known')]);
  });

  it('find commands of a text that do not exist', () => {
    expect(
      ['discern tune --over', 'discern critics list', '--isRel.threshold 0.3', 'rag.ask', 'discern'].map(mentionError),
    ).toEqual([null, null, null, null, null]);
    expect(mentionError('discern tone')).toBe('"discern" has no command "tone"');
    expect(mentionError('discern critics lists')).toBe('"critics" has no command "lists"');
    expect(mentionError('discern doctor --wide')).toBe('--wide');
    expect(mentionError('--isRel.treshold')).toBe('--isRel.treshold');
  });

  it('read shell as a shell does', () => {
    expect(commandsIn('A=1 npx tsx a.ts \\\n  --b "c d" # no\n$E/x y; z 2>&1 | w')).toEqual([
      ['npx', 'tsx', 'a.ts', '--b', 'c d'],
      ['$E/x', 'y'],
      ['z'],
      ['w'],
    ]);
    expect(shellText('console', '$ discern ask x \\\n  --json\nAn answer\n$ npm test\n')).toBe(
      'discern ask x \\\n  --json\nnpm test',
    );
    expect(shellText('', 'An answer [1]\n')).toBeNull();
  });

  it('find JSON that is not what it looks like', async () => {
    expect(await jsonError('{ "isRel": { "threshold": 0.3 } }')).toBeNull();
    expect(await jsonError('{ "isRel": { "treshold": 0.3 } }')).toContain('treshold');
    expect(await jsonError('{ "task": "relevance", "question": "x" }')).toContain('relevance row');
    expect(await jsonError('{ "name": "x", "configs": {} }')).toContain('experiment.json');
    expect(await jsonError('{ "seven": 7 }')).toContain('none of the forms');
    expect(await jsonError('{ "a": 1, }')).toMatch(/JSON/);
  });

  it('know every command of src/cli/main.ts', () => {
    const registered = (file: string) =>
      new Set(readFileSync(new URL(file, import.meta.url), 'utf8').match(/\bregister[A-Z]\w+(?=[,(\]])/g));
    expect(registered('docs-commands.ts')).toEqual(registered('../../src/cli/main.ts'));
  });
});
