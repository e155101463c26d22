import type { Splitter } from '../../contracts.ts';
import { makePassage } from '../../text/passage.ts';
import type { Span } from '../../types.ts';
import { cutSpan } from './cut.ts';
import type { SplitterOptions } from './structure.ts';

/** Passages by length alone: LangChain's recursive splitter, its chunks found again in the text. */
export function recursiveSplitter({ size, overlap }: SplitterOptions): Splitter {
  return {
    id: `recursive@1:${size}/${overlap}`,
    async split(document) {
      const { RecursiveCharacterTextSplitter } = await import('@langchain/textsplitters');
      const splitter = new RecursiveCharacterTextSplitter({
        chunkSize: size,
        chunkOverlap: overlap,
        // Without the empty separator, which would cut between the halves of a character: long words are cut below.
        separators: ['\n\n', '\n', ' '],
        keepSeparator: true,
      });
      const chunks = locate(document.text, await splitter.splitText(document.text), overlap);
      return chunks.flatMap((chunk) => cutSpan(document.text, chunk, size)).map((span) => makePassage(document, span));
    },
  };
}

/**
 * Chunks are pieces of the text in order, each trimmed, and no two share more than `overlap`. So the first place that
 * fits, looked for from there on, is never behind the true one, and without overlap it is the true one.
 */
function locate(text: string, chunks: readonly string[], overlap: number): Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (const raw of chunks) {
    const chunk = raw.trim();
    if (chunk === '') continue;
    const start = text.indexOf(chunk, from);
    const end = start + chunk.length;
    spans.push({ start, end });
    from = Math.max(start + 1, end - overlap);
  }
  return spans;
}
