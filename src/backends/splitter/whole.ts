import type { Splitter } from '../../contracts.ts';
import { makePassage } from '../../text/passage.ts';
import { trimSpan } from './cut.ts';

/** One passage for each document that is not blank. */
export function wholeSplitter(): Splitter {
  return {
    id: 'whole@1',
    async split(document) {
      const span = trimSpan(document.text, { start: 0, end: document.text.length });
      return span === null ? [] : [makePassage(document, span)];
    },
  };
}
