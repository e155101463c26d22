import { globSync } from 'tinyglobby';

/** A fenced block of a Markdown page. */
export interface Block {
  /** Of the page, from the root. */
  readonly page: string;
  /** Of its first line of text, from 1. */
  readonly line: number;
  /** Empty where the fence names none. */
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a page, in order. Throws where one is not closed. */
export function blocksOf(page: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; indent: string; language: string; line: number; lines: string[] } | null = null;
  for (const [i, line] of markdown.split(/\r?\n/).entries()) {
    const [, indent = '', fence = '', info = ''] = /^( *)(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (open === null) {
      if (fence) open = { fence, indent, language: info.trim().split(/[\s{]/)[0]!, line: i + 2, lines: [] };
    } else if (fence.startsWith(open.fence) && info.trim() === '') {
      blocks.push({ page, line: open.line, language: open.language, text: `${open.lines.join('\n')}\n` });
      open = null;
    } else open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
  }
  if (open !== null) throw new Error(`${page}:${open.line - 1}: the block is not closed`);
  return blocks;
}

/** What a page says in a comment that its programs may take as given: `<!-- given: … -->`. */
export const givenOf = (markdown: string): string =>
  [...markdown.matchAll(/^<!-- given:\n([\s\S]*?)^-->$/gm)].map(([, text]) => text).join('');

/** All Markdown that a user reads; not what `npm run docs` copies or writes. */
export const pagesBelow = (root: string): string[] =>
  globSync(
    [
      'README.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'examples/README.md',
      'critics/**/*.md',
      'bench/**/*.md',
      'docs/**/*.md',
    ],
    { cwd: root, ignore: ['docs/project/**', 'docs/reference/**', 'docs/.vitepress/**', '**/node_modules/**'] },
  ).sort();
