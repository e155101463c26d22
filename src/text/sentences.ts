import type { Span } from '../types.ts';

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Abbreviations after which a sentence goes on: titles, references, and single initials. */
const OPEN_END =
  /(?:^|[\s("'\u2018\u201c])(?:(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|Jr|Sr|Gen|Col|Capt|Lt|Sgt|Rev|Hon|Gov|Sen|Rep|Fig|Figs|Eq|No|Nos|Vol|vs|etc|approx|ca|cf|e\.g|i\.e|al|ed|eds|pp?)|\p{Lu})\.\s*$/u;

/**
 * The sentences of a text (Unicode rules, so Chinese works too), as trimmed spans.
 * Sentences that the rules cut after an abbreviation or an initial are joined again.
 */
export function sentenceSpans(text: string): Span[] {
  const spans: Span[] = [];
  let open: { start: number; end: number } | null = null;
  for (const { segment, index } of segments(text)) {
    const end = index + segment.length;
    open = open === null ? { start: index, end } : { start: open.start, end };
    if (OPEN_END.test(segment) && !/[\n\r]\s*$/.test(segment)) continue;
    push(spans, text, open);
    open = null;
  }
  if (open !== null) push(spans, text, open);
  return spans;
}

const WINDOW = 4096;
/** A break may hang on what follows it: one this close to the end of a window is decided again in the next. */
const LOOKAHEAD = 256;

/** What the segmenter gives, window by window: each of its steps takes time in proportion to its whole input. */
function* segments(text: string): Generator<{ segment: string; index: number }> {
  for (let base = 0, size = WINDOW; base < text.length; ) {
    const window = text.slice(base, base + size);
    const sure = base + size >= text.length ? window.length : window.length - LOOKAHEAD;
    let done = 0;
    for (const { segment, index } of segmenter.segment(window)) {
      if (index + segment.length > sure) break;
      yield { segment, index: base + index };
      done = index + segment.length;
    }
    size = done === 0 ? 2 * size : WINDOW;
    base += done;
  }
}

function push(spans: Span[], text: string, { start, end }: Span): void {
  const piece = text.slice(start, end);
  const trimmed = piece.trim();
  if (trimmed === '') return;
  const from = start + piece.indexOf(trimmed);
  spans.push({ start: from, end: from + trimmed.length });
}

/** The sentences themselves. */
export const sentences = (text: string): string[] =>
  sentenceSpans(text).map(({ start, end }) => text.slice(start, end));

/** Whether a text is one whole sentence of another, or several in a row: `No` is none of `Norr`, nor of `No dogs here.` */
export function holdsSentences(whole: string, text: string): boolean {
  const spans = sentenceSpans(whole);
  const ends = new Set(spans.map(({ end }) => end));
  return text !== '' && spans.some(({ start }) => whole.startsWith(text, start) && ends.has(start + text.length));
}
