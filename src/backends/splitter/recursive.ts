import type { Splitter } from '../../contracts.ts';
import { makePassage } from '../../text/passage.ts';
import type { Span } from '../../types.ts';
import { cutSpan, overlapStart } from './cut.ts';
import type { SplitterOptions } from './structure.ts';

/** Stands in no text. Without it the last resort would be to cut between any two units, halves of a character too. */
const NEVER = '\uFFFF\uFFFE\uFFFF';

/** Passages by length alone: the chunks of LangChain's recursive splitter, found again in the text. */
export function recursiveSplitter({ size, overlap }: SplitterOptions): Splitter {
  return {
    id: `recursive@1:${size}/${overlap}`,
    async split(document) {
      const { text } = document;
      const { RecursiveCharacterTextSplitter } = await import('@langchain/textsplitters');
      const room = size - overlap;
      const splitter = new RecursiveCharacterTextSplitter({
        chunkSize: room,
        chunkOverlap: 0,
        separators: ['\n\n', '\n', ' ', NEVER],
        keepSeparator: true,
      });
      const spans = locate(text, await splitter.splitText(text)).flatMap((chunk) => cutSpan(text, chunk, room));
      return spans.map((span, i) => {
        const before = spans[i - 1];
        const start = before === undefined ? span.start : overlapStart(text, before, span, size, overlap);
        return makePassage(document, { start, end: span.end });
      });
    },
  };
}

/**
 * Without overlap only blanks lie between two chunks, and a trimmed chunk does not begin with a blank: so the first
 * match behind the chunk before is the place that it was cut from. With overlap that would be a guess.
 */
function locate(text: string, chunks: readonly string[]): Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (const raw of chunks) {
    const chunk = raw.trim();
    if (chunk === '') continue;
    const start = text.indexOf(chunk, from);
    from = start + chunk.length;
    spans.push({ start, end: from });
  }
  return spans;
}
