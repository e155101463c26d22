import type { SourceDocument } from '../../types.ts';
import { type FormatInput, headingPath, label, readText } from './format.ts';

/** Markdown, as it stands, with its headings. The title is that of the front matter, or the first heading of level 1. */
export async function markdown(input: FormatInput): Promise<SourceDocument[]> {
  return [parseMarkdown(input.key, await readText(input))];
}

interface Line {
  readonly text: string;
  readonly start: number;
}

export function parseMarkdown(id: string, text: string): SourceDocument {
  const lines = linesOf(text);
  const { title, length } = frontMatter(lines);
  const pathOf = headingPath();
  const headings: { path: readonly string[]; start: number }[] = [];
  let firstTitle: string | null = null;
  let fence: string | null = null;

  const add = (level: number, raw: string, start: number) => {
    const name = label(plain(raw.slice(0, 2000)));
    if (level === 1 && name !== '') firstTitle ??= name;
    headings.push({ path: pathOf(level, name), start });
  };

  for (let i = length; i < lines.length; i++) {
    const { text: line, start } = lines[i]!;
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence !== null) {
      if (mark?.startsWith(fence) && line.trim() === mark) fence = null;
      continue;
    }
    if (mark !== undefined) {
      fence = mark;
      continue;
    }
    const hashes = /^ {0,3}(#{1,6})(?=[ \t]|$)/.exec(line);
    if (hashes) add(hashes[1]!.length, line.slice(hashes[0].length), start);
    else if (isUnderlined(lines, i, length)) add(lines[i + 1]!.text.includes('=') ? 1 : 2, line, start);
  }
  // Front matter is blanked, not cut out: it is no text of the document, and the offsets stay those of the file.
  const body = lines[length]?.start ?? text.length;
  const blanked = length === 0 ? text : text.slice(0, body).replace(/[^\r\n]/g, ' ') + text.slice(body);
  return { id, title: title ?? firstTitle, text: blanked, pages: [], headings, metadata: {} };
}

/** A paragraph of one line above a line of `=` or `-`. Longer ones are left alone: there the line is meant as a rule. */
function isUnderlined(lines: readonly Line[], i: number, first: number): boolean {
  const line = lines[i]!.text;
  const next = lines[i + 1]?.text;
  if (next === undefined || !/^ {0,3}(=+|-+)[ \t]*$/.test(next)) return false;
  if (line.trim() === '' || /^( {4}|\t| {0,3}([>|]|[-+*][ \t]|={2,}|-{2,}))/.test(line)) return false;
  return i === first || lines[i - 1]!.text.trim() === '' || /^ {0,3}#/.test(lines[i - 1]!.text);
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < text.length; ) {
    const next = text.indexOf('\n', start);
    const end = next < 0 ? text.length : next;
    lines.push({ text: text.slice(start, text[end - 1] === '\r' && end > start ? end - 1 : end), start });
    start = end + 1;
  }
  return lines;
}

/** Front matter is no heading, though its last line and the closing rule look like one. */
function frontMatter(lines: readonly Line[]): { title: string | null; length: number } {
  if (lines[0]?.text.trimEnd() !== '---') return { title: null, length: 0 };
  const end = lines.findIndex(({ text }, i) => i > 0 && /^(---|\.\.\.)\s*$/.test(text));
  if (end < 0) return { title: null, length: 0 };
  const line = lines.slice(1, end).find(({ text }) => /^title\s*:/.test(text));
  const value = line?.text.slice(line.text.indexOf(':') + 1, 2000).trim() ?? '';
  return { title: label(value.replace(/^(["'])(.*)\1$/, '$2')) || null, length: end + 1 };
}

/** A heading without its marks: closing hashes, emphasis, code and the targets of links. */
const plain = (heading: string): string =>
  heading
    .trim()
    .replace(/(^|[ \t])#+$/, '')
    .replace(/!?\[([^[\]]*)\]\([^()]*\)/g, '$1')
    .replace(/[*`]+/g, '');
