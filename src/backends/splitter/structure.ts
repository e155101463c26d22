import type { Splitter } from '../../contracts.ts';
import { makePassage } from '../../text/passage.ts';
import { sentenceSpans } from '../../text/sentences.ts';
import type { SourceDocument, Span } from '../../types.ts';
import { cutSpan, overlapStart, trimSpan } from './cut.ts';

export interface SplitterOptions {
  /** Longest passage, in UTF-16 code units. */
  readonly size: number;
  /** Code units that neighbouring passages of a section share at most; below `size`. */
  readonly overlap: number;
}

/**
 * Passages that never cross a heading or a page: whole paragraphs as long as they fit, else sentences, else words.
 * The line of a heading is no part of a passage, for each passage below it has it as its heading.
 */
export function structureSplitter({ size, overlap }: SplitterOptions): Splitter {
  return {
    id: `structure@1:${size}/${overlap}`,
    async split(document) {
      const spans = sections(document).flatMap((section) =>
        pack(document.text, atoms(document.text, section, size, overlap), size, overlap),
      );
      return spans.map((span) => makePassage(document, span));
    },
  };
}

/** The trimmed ranges between headings and page starts, without the heading lines. */
function sections({ text, headings, pages }: SourceDocument): Span[] {
  const headingAt = new Map(headings.map(({ start, path }, i) => [start, { path, next: headings[i + 1]?.path ?? [] }]));
  const starts = [...new Set([0, ...headingAt.keys(), ...pages.map((page) => page.start)])].sort((a, b) => a - b);
  return starts.flatMap((start, i) => {
    const whole = trimSpan(text, { start, end: starts[i + 1] ?? text.length });
    const heading = headingAt.get(start);
    if (whole === null || heading === undefined) return whole ?? [];
    const { path, next } = heading;
    const body = trimSpan(text, { start: headingEnd(text, whole, path.at(-1) ?? ''), end: whole.end });
    if (body !== null) return body;
    // Nothing but a heading: the sections below it carry its words; without any it must speak for itself.
    return next.length > path.length && path.every((part, level) => part === next[level]) ? [] : whole;
  });
}

/** Where the body begins: after the first line if that is the heading itself, and after the rule under it. */
function headingEnd(text: string, { start, end }: Span, name: string): number {
  const newline = text.indexOf('\n', start);
  const lineEnd = newline < 0 || newline > end ? end : newline;
  if (lineEnd - start > 1000 || bare(text.slice(start, lineEnd)) !== bare(name)) return start;
  const rule = /^\s*\n {0,3}(=+|-+)[ \t]*(?=\r?\n|$)/.exec(text.slice(lineEnd, Math.min(end, lineEnd + 1000)));
  return lineEnd + (rule?.[0].length ?? 0);
}

/** Letters and digits alone, so that marks of the format make no difference. */
const bare = (line: string): string =>
  line
    .replace(/\]\([^()]*\)/g, '')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .toLowerCase();

/** The units that are not cut any more, in order. None is longer than `size`. */
function atoms(text: string, section: Span, size: number, overlap: number): Span[] {
  return paragraphs(text, section).flatMap((paragraph) => {
    if (paragraph.end - paragraph.start <= size) return paragraph;
    return sentenceSpans(text.slice(paragraph.start, paragraph.end)).flatMap(({ start, end }) => {
      const sentence = { start: paragraph.start + start, end: paragraph.start + end };
      // Pieces of one long sentence leave room for what they share with the piece before.
      return end - start <= size ? sentence : cutSpan(text, sentence, Math.max(1, size - overlap));
    });
  });
}

function paragraphs(text: string, { start, end }: Span): Span[] {
  const spans: (Span | null)[] = [];
  let from = start;
  for (const gap of text.slice(start, end).matchAll(/\n[ \t\r]*\n/g)) {
    spans.push(trimSpan(text, { start: from, end: start + gap.index }));
    from = start + gap.index + gap[0].length;
  }
  spans.push(trimSpan(text, { start: from, end }));
  return spans.filter((span) => span !== null);
}

/** As many neighbours together as fit. */
function pack(text: string, units: readonly Span[], size: number, overlap: number): Span[] {
  const spans: Span[] = [];
  let open: Span | null = null;
  for (const unit of units) {
    if (open !== null && unit.end - open.start <= size) {
      open = { start: open.start, end: unit.end };
      continue;
    }
    if (open !== null) spans.push(open);
    open = { start: open === null ? unit.start : overlapStart(text, open, unit, size, overlap), end: unit.end };
  }
  if (open !== null) spans.push(open);
  return spans;
}
