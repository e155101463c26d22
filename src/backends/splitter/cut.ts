import type { Span } from '../../types.ts';

const BLANK = /\s/;

/** The span without blanks at its ends; null when nothing is left. */
export function trimSpan(text: string, { start, end }: Span): Span | null {
  let from = start;
  let to = end;
  while (from < to && BLANK.test(text[from]!)) from++;
  while (to > from && BLANK.test(text[to - 1]!)) to--;
  return from === to ? null : { start: from, end: to };
}

/** Whether a cut here would part the two halves of a character. */
const splitsPair = (text: string, at: number): boolean =>
  at > 0 && at < text.length && /^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(at - 1, at + 1));

/** A span as trimmed pieces of at most `size`: cut at blanks, and inside a word only where it alone is longer. */
export function cutSpan(text: string, span: Span, size: number): Span[] {
  const pieces: Span[] = [];
  let rest = trimSpan(text, span);
  while (rest !== null && rest.end - rest.start > size) {
    const cut = cutPoint(text, rest.start, size);
    pieces.push(trimSpan(text, { start: rest.start, end: cut })!);
    rest = trimSpan(text, { start: cut, end: rest.end });
  }
  if (rest !== null) pieces.push(rest);
  return pieces;
}

function cutPoint(text: string, start: number, size: number): number {
  const limit = start + size;
  for (let at = limit; at > start; at--) if (BLANK.test(text[at]!)) return at;
  if (!splitsPair(text, limit)) return limit;
  return size > 1 ? limit - 1 : limit + 1;
}

/** The first word within `overlap` of the end of the passage before from which the unit still fits. */
export function overlapStart(text: string, before: Span, unit: Span, size: number, overlap: number): number {
  const from = Math.max(before.end - overlap, unit.end - size, before.start + 1);
  if (overlap === 0 || from >= unit.start) return unit.start;
  const word = /\s\S/.exec(text.slice(from - 1, unit.start + 1));
  // A text without blanks, such as Chinese, may be entered anywhere but inside a character.
  return word === null ? from + Number(splitsPair(text, from)) : from + word.index;
}
