import type { Passage, SourceDocument, Span } from '../types.ts';
import { sha256Hex } from './hash.ts';

/** Cuts one passage out of a document. Page and heading are those in force where it starts. */
export function makePassage(document: SourceDocument, span: Span): Passage {
  const at = <T extends { readonly start: number }>(marks: readonly T[]): T | undefined =>
    marks.findLast((mark) => mark.start <= span.start);
  return {
    id: sha256Hex(`${document.id}\n${span.start}-${span.end}`).slice(0, 24),
    docId: document.id,
    text: document.text.slice(span.start, span.end),
    title: document.title,
    span,
    page: at(document.pages)?.page ?? null,
    heading: at(document.headings)?.path.join(' > ') ?? null,
    metadata: document.metadata,
  };
}

/** What is embedded for a passage: its text under its title and headings, which name what a cut sentence is about. */
export function passageText(passage: Passage): string {
  const head = [passage.title, passage.heading].filter((part) => part !== null && part !== '');
  return [...new Set(head), passage.text].join('\n');
}
