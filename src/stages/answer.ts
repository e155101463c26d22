import type { Config } from '../config.ts';
import { topLabel } from '../reflection.ts';
import { joinSegments } from '../text/join.ts';
import type { AnswerSegment, Citation, Passage, Segment, Span } from '../types.ts';
import type { ScoredSegment } from './generate.ts';

/** The segments of a hypothesis that are shown: with `output`, unsupported ones are left out. */
export const shownSegments = (
  values: readonly ScoredSegment[],
  supportFilter: Config['beam']['supportFilter'],
): ScoredSegment[] => values.filter(({ noSupport }) => supportFilter !== 'output' || !noSupport);

/** Where the words of a segment stand in its passage, in document coordinates; null when they do not stand there exactly. */
export function findSpan(segment: Pick<Segment, 'text' | 'quoted'>, passage: Passage): Span | null {
  if (segment.quoted !== null) return segment.quoted;
  const at = passage.text.indexOf(segment.text);
  if (at < 0 || segment.text === '') return null;
  return { start: passage.span.start + at, end: passage.span.start + at + segment.text.length };
}

/** The answer's text with numbered marks, its segments and its citations. One place in a document has one number. */
export function assembleAnswer(
  values: readonly ScoredSegment[],
  passages: Readonly<Record<string, Passage>>,
): { text: string; segments: AnswerSegment[]; citations: Citation[] } {
  const citations: Citation[] = [];
  const segments = values.map(({ segment, score }): AnswerSegment => {
    const passage = segment.passageId === null ? undefined : passages[segment.passageId];
    if (passage === undefined) return { ...segment, score, citation: null };
    const span = findSpan(segment, passage);
    const { start, end } = span ?? passage.span;
    const same = citations.find(
      (citation) => citation.passageId === passage.id && citation.start === start && citation.end === end,
    );
    if (same) return { ...segment, score, citation: same.number };
    const citation: Citation = {
      number: citations.length + 1,
      passageId: passage.id,
      docId: passage.docId,
      title: passage.title,
      page: passage.page,
      heading: passage.heading,
      start,
      end,
      quote: span === null ? null : passage.text.slice(start - passage.span.start, end - passage.span.start),
      isSup: segment.critiques.isSup ? topLabel(segment.critiques.isSup) : null,
    };
    citations.push(citation);
    return { ...segment, score, citation: citation.number };
  });
  return { text: markedText(segments), segments, citations };
}

type Marked = Pick<AnswerSegment, 'text' | 'citation'>;

/** The text of segments with the marks of their citations, such as `[1]`. */
export const markedText = (segments: readonly Marked[]): string =>
  joinSegments(segments.map(({ text, citation }) => (citation === null ? text : `${text} [${citation}]`)));

/** Gives what each committed segment adds to the text of the answer, its mark and the blank before it included. */
export function textPieces(): (segment: Marked) => string {
  const segments: Marked[] = [];
  let told = '';
  return (segment) => {
    segments.push(segment);
    const text = markedText(segments);
    const piece = text.slice(told.length);
    told = text;
    return piece;
  };
}

/** The answer's words without the citation marks. */
export const plainText = (answer: { readonly segments: readonly { readonly text: string }[] }): string =>
  joinSegments(answer.segments.map(({ text }) => text));
