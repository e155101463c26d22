import type { AnyNode, Element } from 'domhandler';
import type { SourceDocument } from '../../types.ts';
import { type FormatInput, headingPath, label, readText } from './format.ts';

const setOf = (names: string) => new Set(names.split(' '));

/** What a reader of the page does not read as its text. Scripts and styles are no tags to the parser. */
const LEFT_OUT = setOf('noscript template nav svg iframe object canvas');

/** Elements that stand on lines of their own; those of the second set follow one another without a blank line. */
const BLOCKS = setOf(
  'address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html li main menu ol p pre section summary table tbody td tfoot th thead tr ul',
);
const TIGHT = setOf('li tr dt dd');

/** The text of a page, block by block, with its headings. Offsets are into that text. */
export async function html(input: FormatInput): Promise<SourceDocument[]> {
  const source = await readText(input);
  // The small build: its parser takes linear time on any input, and no selector is needed here.
  const { load } = await import('cheerio/slim');
  const { text, title, headings } = read(load(source).root().get(0)!);
  const name = title ?? headings.find(({ level }) => level === 1)?.path.at(-1);
  return [
    {
      id: input.key,
      title: name || null,
      text,
      pages: [],
      headings: headings.map(({ path, start }) => ({ path, start })),
      metadata: {},
    },
  ];
}

function read(root: AnyNode) {
  const page = blocks();
  const pathOf = headingPath();
  const headings: { level: number; path: readonly string[]; start: number }[] = [];
  let title: string | null = null;
  let cells = 0;

  /** Reads a node; returns what is to be read below it, and what ends it. */
  const enter = (node: AnyNode): { children: readonly AnyNode[]; end?: () => void } | null => {
    if (node.type === 'root') return node;
    if (node.type === 'text') page.inline(node.data);
    if (node.type !== 'tag' || isLeftOut(node)) return null;
    const { name } = node;
    if (name === 'title') {
      title ??= label(textOf(node));
    } else if (name === 'br') {
      page.newLine();
    } else if (name === 'pre') {
      page.flush();
      page.write(
        textOf(node)
          .replace(/^[ \t]*\r?\n/, '')
          .trimEnd(),
      );
    } else if (/^h[1-6]$/.test(name)) {
      page.flush();
      const level = Number(name[1]);
      const heading = collapse(textOf(node));
      if (heading !== '') headings.push({ level, start: page.write(heading), path: pathOf(level, label(heading)) });
    } else if (isCell(node)) {
      page.inline(`${cells++ > 0 ? ' | ' : ''}${textOf(node)}`);
    } else if (BLOCKS.has(name)) {
      page.flush();
      cells = 0;
      page.tighten(TIGHT.has(name) && follows(node));
      const end = () => {
        page.flush();
        page.tighten(false);
      };
      return { children: node.children, end };
    } else {
      return node;
    }
    return null;
  };

  const stack: (AnyNode | (() => void))[] = [root];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (typeof next === 'function') {
      next();
      continue;
    }
    const below = enter(next);
    if (below === null) continue;
    if (below.end) stack.push(below.end);
    for (let i = below.children.length - 1; i >= 0; i--) stack.push(below.children[i]!);
  }
  page.flush();
  return { text: page.text(), title, headings };
}

/** Collects blocks of text; inline text gathers until the next block begins. */
function blocks() {
  const done: string[] = [];
  let length = 0;
  let lines: string[][] = [[]];
  let tight = false;

  /** Adds a block; returns where it begins. */
  const write = (block: string): number => {
    const gap = length === 0 || block === '' ? '' : tight ? '\n' : '\n\n';
    const start = length + gap.length;
    done.push(gap, block);
    length = start + block.length;
    if (block !== '') tight = false;
    return start;
  };
  return {
    write,
    inline: (text: string) => void lines.at(-1)!.push(text),
    newLine: () => void lines.push([]),
    tighten(value: boolean) {
      tight = value;
    },
    flush() {
      const block = lines.map((line) => collapse(line.join(''))).join('\n');
      lines = [[]];
      write(block.trim());
    },
    text: () => done.join(''),
  };
}

const collapse = (text: string): string => text.replace(/\s+/g, ' ').trim();

const isLeftOut = ({ name, attribs }: Element): boolean =>
  LEFT_OUT.has(name) || 'hidden' in attribs || attribs.role === 'navigation';

/** A cell of a table of data; one that holds blocks is layout. */
const isCell = ({ name, children }: Element): boolean =>
  (name === 'td' || name === 'th') && !children.some((child) => child.type === 'tag' && BLOCKS.has(child.name));

/** Whether it comes straight after another item or row. */
function follows(node: Element): boolean {
  let before = node.prev;
  while (before?.type === 'text' && before.data.trim() === '') before = before.prev;
  return before?.type === 'tag' && TIGHT.has(before.name);
}

/** All text below a node. */
function textOf(node: AnyNode): string {
  const parts: string[] = [];
  const stack: AnyNode[] = [node];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (next.type === 'text') parts.push(next.data);
    else if (next.type === 'tag' && !isLeftOut(next)) {
      if (next.name === 'br') parts.push('\n');
      for (let i = next.children.length - 1; i >= 0; i--) stack.push(next.children[i]!);
    }
  }
  return parts.join('');
}
