import { Blob } from 'node:buffer';
import { DiscernError } from '../../errors.ts';
import type { SourceDocument } from '../../types.ts';
import { decodeText } from './decode.ts';
import { type Format, type FormatInput, label, readWhole } from './format.ts';

/** What a LangChain loader gives; only this much of it is used. */
interface LoadedDocument {
  readonly pageContent: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Formats that are read by the loaders of @langchain/community, each with the parser that its loader needs. */
const loaders = {
  docx: {
    needs: ['mammoth'],
    async load(input: FormatInput) {
      const { DocxLoader } = await import('@langchain/community/document_loaders/fs/docx');
      return new DocxLoader(new Blob([await readWhole(input)]) as globalThis.Blob).load();
    },
  },
  epub: {
    needs: ['epub2', 'html-to-text'],
    async load(input: FormatInput) {
      const { EPubLoader } = await import('@langchain/community/document_loaders/fs/epub');
      return new EPubLoader(input.path).load();
    },
  },
  pptx: {
    needs: ['officeparser'],
    async load(input: FormatInput) {
      const { PPTXLoader } = await import('@langchain/community/document_loaders/fs/pptx');
      return new PPTXLoader(new Blob([await readWhole(input)]) as globalThis.Blob).load();
    },
  },
  srt: {
    needs: ['srt-parser-2'],
    async load(input: FormatInput) {
      const { SRTLoader } = await import('@langchain/community/document_loaders/fs/srt');
      // Decoded here, for the loader would replace what is not UTF-8 without a word.
      const text = decodeText(await readWhole(input), input.key);
      return new SRTLoader(new Blob([text]) as globalThis.Blob).load();
    },
  },
} as const satisfies Record<string, { needs: readonly string[]; load(input: FormatInput): Promise<LoadedDocument[]> }>;

/** A format that LangChain reads. Its packages are asked for only when there is such a file. */
export const community =
  (name: keyof typeof loaders): Format =>
  async (input) => {
    const { needs, load } = loaders[name];
    try {
      // The loaders report a missing parser in words of their own, so it is looked for first.
      for (const parser of needs) await import(parser);
      return [join(input.key, await load(input))];
    } catch (cause) {
      if ((cause as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
      // Its own peers contradict each other.
      const line = `npm install --legacy-peer-deps @langchain/community ${needs.join(' ')}`;
      throw new DiscernError(
        'PACKAGE_MISSING',
        `${input.key}: .${name} files need packages that are not installed: ${line}`,
        { cause },
      );
    }
  };

/** The parts of one file (chapters, slides) as one document, with the chapters as its headings. */
function join(id: string, parts: readonly LoadedDocument[]): SourceDocument {
  let text = '';
  const headings: { path: readonly string[]; start: number }[] = [];
  for (const { pageContent, metadata } of parts) {
    const content = pageContent.replaceAll('\0', '').trim();
    if (content === '') continue;
    if (text !== '') text += '\n\n';
    const chapter = typeof metadata.chapter === 'string' ? label(metadata.chapter) : '';
    if (chapter !== '' || headings.length > 0)
      headings.push({ path: chapter === '' ? [] : [chapter], start: text.length });
    text += content;
  }
  return { id, title: null, text, pages: [], headings, metadata: {} };
}
