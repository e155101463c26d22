import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Loader } from '../../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../../errors.ts';
import type { Format } from './format.ts';
import { listFiles } from './list.ts';

/** Formats by the end of the file name. Each is imported when the first such file is read. */
const FORMATS: Readonly<Record<string, () => Promise<Format>>> = {
  '.txt': async () => (await import('./text.ts')).text,
  '.text': async () => (await import('./text.ts')).text,
  '.log': async () => (await import('./text.ts')).text,
  '.md': async () => (await import('./markdown.ts')).markdown,
  '.markdown': async () => (await import('./markdown.ts')).markdown,
  '.html': async () => (await import('./html.ts')).html,
  '.htm': async () => (await import('./html.ts')).html,
  '.pdf': async () => (await import('./pdf.ts')).pdf,
  '.json': async () => (await import('./json.ts')).json,
  '.jsonl': async () => (await import('./jsonl.ts')).jsonl,
  '.ndjson': async () => (await import('./jsonl.ts')).jsonl,
  '.jsonl.gz': async () => (await import('./jsonl.ts')).jsonl,
  '.ndjson.gz': async () => (await import('./jsonl.ts')).jsonl,
  '.csv': async () => (await import('./csv.ts')).csv,
  '.tsv': async () => (await import('./csv.ts')).csv,
  '.docx': async () => (await import('./community.ts')).community('docx'),
  '.epub': async () => (await import('./community.ts')).community('epub'),
  '.pptx': async () => (await import('./community.ts')).community('pptx'),
  '.srt': async () => (await import('./community.ts')).community('srt'),
};

/** The format of a file by its name: no extension means text, an unknown one means none. */
function formatOf(path: string): (() => Promise<Format>) | null {
  const name = basename(path).toLowerCase();
  const [, extension = '', packed = ''] = /(?<=.)(\.[^.]*?)?(\.gz)?$/.exec(name) ?? [];
  return FORMATS[extension + packed] ?? (extension + packed === '' ? FORMATS['.txt']! : null);
}

export interface FileLoaderOptions {
  /** Field of a JSON, JSONL or CSV record that holds its text; null = the usual names, else all fields. */
  readonly textField: string | null;
  readonly titleField: string | null;
}

/** Reads files and folders of text, Markdown, HTML, PDF, JSON, JSONL and CSV, and a few more through LangChain. */
export function fileLoader({ textField, titleField }: FileLoaderOptions): Loader {
  const fields = [textField, titleField].map((field) => field ?? '').join(',');
  return {
    id: fields === ',' ? 'files@1' : `files@1:${fields}`,

    list: (paths, options = {}) =>
      listFiles(paths, {
        knows: (path) => formatOf(path) !== null,
        formats: Object.keys(FORMATS),
        signal: options.signal,
      }),

    async load({ key, path }, { signal } = {}) {
      throwIfAborted(signal);
      const format = formatOf(path);
      if (format === null) throw new DiscernError('DOCUMENT_UNREADABLE', `${key}: no format has this extension`);
      try {
        return await (await format())({ key, path, textField, titleField, signal });
      } catch (cause) {
        throwIfAborted(signal);
        if (DiscernError.is(cause)) throw cause;
        throw new DiscernError('DOCUMENT_UNREADABLE', `${key}: ${messageOf(cause)}`, { cause });
      }
    },

    async hash({ path }, { signal } = {}) {
      const hash = createHash('sha256');
      const file = await open(path);
      try {
        const buffer = Buffer.allocUnsafe(1 << 16);
        for (;;) {
          throwIfAborted(signal);
          const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
          if (bytesRead === 0) return hash.digest('hex');
          hash.update(buffer.subarray(0, bytesRead));
        }
      } finally {
        await file.close();
      }
    },
  };
}
