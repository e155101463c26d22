import type { DocumentInterface } from '@langchain/core/documents';
import type { MetadataFilter } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { sha256Hex } from '../../text/hash.ts';
import type { Candidate, Metadata, Passage } from '../../types.ts';

/** What is to be otherwise in the passage that is made of a document. */
export type PassageOf = (document: DocumentInterface) => Partial<Passage>;

const DEEPEST = 4;
const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));

/** Nested values get dotted names, lists of plain values are JSON; what is neither is left out. */
function flat(value: unknown, name: string, depth: number): [string, string | number | boolean][] {
  if (isPlain(value)) return [[name, value]];
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? [] : [[name, value.toISOString()]];
  if (Array.isArray(value)) return value.every(isPlain) ? [[name, JSON.stringify(value)]] : [];
  if (typeof value !== 'object' || value === null || depth === DEEPEST) return [];
  return Object.entries(value).flatMap(([key, inner]) => flat(inner, name === '' ? key : `${name}.${key}`, depth + 1));
}

const metadataOf = ({ metadata }: DocumentInterface): Metadata => Object.fromEntries(flat(metadata, '', 0));

const textOrNull = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/**
 * A stored document as a passage. Its place in the file that it was cut from is known only where the metadata has
 * `source` and the offset of its first character (`startIndex` or `start_index`); otherwise it is a document of its own,
 * called `<source>#<id>`. The id depends on name, place and text, so it is the same in every run.
 */
export function passageFrom(document: DocumentInterface, passageOf?: PassageOf): Passage {
  const { pageContent: text } = document;
  if (typeof text !== 'string') throw new DiscernError('BACKEND_FAILED', 'a document has no text as its pageContent');
  const metadata = metadataOf(document);
  const source = textOrNull(metadata.source);
  const offset = metadata.startIndex ?? metadata.start_index;
  const key = textOrNull(document.id) ?? sha256Hex(text).slice(0, 12);
  const isCut = source !== null && typeof offset === 'number' && Number.isInteger(offset) && offset >= 0;
  const start = isCut ? offset : 0;
  const page = metadata['loc.pageNumber'];
  const made = {
    docId: source === null ? key : isCut ? source : `${source}#${key}`,
    text,
    title: textOrNull(metadata.title),
    span: { start, end: start + text.length },
    page: typeof page === 'number' && Number.isInteger(page) ? page : null,
    heading: null,
    metadata,
    ...passageOf?.(document),
  };
  const { span } = made;
  if (span.end - span.start !== made.text.length)
    throw new DiscernError(
      'INPUT_INVALID',
      `the span of "${made.docId}" has ${span.end - span.start} characters, its text ${made.text.length}`,
      { hint: 'passageOf must give the span of the text that it gives' },
    );
  return { id: sha256Hex(`${made.docId}\n${span.start}-${span.end}\n${made.text}`).slice(0, 24), ...made };
}

/** A passage fits a filter as it does in an index: every key equals, or is among, the given values. */
export function fits({ docId, metadata }: Pick<Passage, 'docId' | 'metadata'>, filter: MetadataFilter): boolean {
  return Object.entries(filter).every(([name, wanted]) => {
    const value = name === 'docId' ? docId : Object.hasOwn(metadata, name) ? metadata[name] : undefined;
    return value !== undefined && (Array.isArray(wanted) ? wanted : [wanted]).includes(value);
  });
}

/** For stores whose filter is a function of the document, such as `MemoryVectorStore` and `HNSWLib`. */
export const documentFilter = (filter: MetadataFilter | undefined) =>
  filter &&
  ((document: DocumentInterface): boolean =>
    fits('docId' in filter ? passageFrom(document) : { docId: '', metadata: metadataOf(document) }, filter));

/** Documents with scores, best first, as candidates; what was found twice counts once, with the better score. */
export function candidatesOf(
  found: readonly (readonly [document: DocumentInterface, score: number])[],
  passageOf: PassageOf | undefined,
): Candidate[] {
  const candidates = new Map<string, Candidate>();
  for (const [document, recallScore] of found) {
    const passage = passageFrom(document, passageOf);
    if (!candidates.has(passage.id))
      candidates.set(passage.id, { passage, recallRank: candidates.size + 1, recallScore, rerankScore: null });
  }
  return [...candidates.values()];
}
