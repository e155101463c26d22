import { DiscernError, throwIfAborted } from '../../errors.ts';
import type { SourceDocument } from '../../types.ts';
import { type FormatInput, label, readWhole } from './format.ts';

/** A run of text; marks of the structure have no `str`. */
interface TextItem {
  readonly str?: string;
  readonly hasEOL?: boolean;
}

/** The text layer of a PDF, pages joined by a blank line. */
export async function pdf(input: FormatInput): Promise<SourceDocument[]> {
  const bytes = await readWhole(input);
  const { getDocumentProxy } = await import('unpdf');
  // Level 0 keeps the parser from writing warnings to the console.
  const file = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 });
  try {
    let text = '';
    const pages: { page: number; start: number }[] = [];
    for (let page = 1; page <= file.numPages; page++) {
      throwIfAborted(input.signal);
      const { items } = await (await file.getPage(page)).getTextContent();
      const lines = (items as readonly TextItem[]).map(({ str = '', hasEOL }) => str + (hasEOL ? '\n' : ''));
      if (text !== '') text += '\n\n';
      pages.push({ page, start: text.length });
      text += lines.join('').replaceAll('\0', '').trim();
    }
    if (text.trim() === '')
      throw new DiscernError('DOCUMENT_UNREADABLE', `${input.key}: ${file.numPages} pages without any text`, {
        hint: 'if it is scanned, run it through text recognition first',
      });
    const { info } = await file.getMetadata();
    const title = 'Title' in info && typeof info.Title === 'string' ? label(info.Title) : '';
    return [{ id: input.key, title: title || null, text, pages, headings: [], metadata: {} }];
  } finally {
    await file.destroy();
  }
}
