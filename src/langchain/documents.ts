import { Document, type DocumentInterface } from '@langchain/core/documents';
import { passageFrom } from '../backends/langchain/documents.ts';
import type { DocumentInput } from '../stages/ingest.ts';
import type { Passage, Retrieved, RetrievedPassage } from '../types.ts';

/** What Discern found out about a document, under the key `discern` of its metadata. */
export interface DocumentScores {
  /** Place in the recall, from 1. */
  readonly recallRank: number;
  readonly recallScore: number;
  readonly rerankScore: number | null;
  /** P(relevant), 0..1. */
  readonly isRel: number | null;
}

const scoresOf = ({ recallRank, recallScore, rerankScore, isRel }: RetrievedPassage) => ({
  ...(isRel !== null && { relevanceScore: isRel }),
  discern: { recallRank, recallScore, rerankScore, isRel } satisfies DocumentScores,
});

/** A passage as a document. `source` and `startIndex` tell where its text stands; `relevanceScore` is P(relevant). */
export function documentOf(found: RetrievedPassage): Document {
  const { id, docId, text, title, page, heading, span, metadata } = found.passage;
  // A document of a store has its own `source`, of which `docId` was made.
  const place = metadata.source === undefined ? { source: docId, startIndex: span.start } : {};
  const named = {
    ...(title !== null && { title }),
    ...(page !== null && { page }),
    ...(heading !== null && { heading }),
  };
  return new Document({ id, pageContent: text, metadata: { ...place, ...named, ...metadata, ...scoresOf(found) } });
}

/** Documents with the passages that were made of them. */
export interface GivenDocuments {
  readonly passages: readonly Passage[];
  /** The documents of a retrieval over these passages, in its order: the very ones that were given, with scores added. */
  documents(retrieved: Pick<Retrieved, 'passages'>): Document[];
}

/** Documents without text are left out: there is nothing in them to weigh. */
export function givenDocuments(documents: readonly DocumentInterface[]): GivenDocuments {
  const originals = new Map<string, DocumentInterface>();
  const passages = documents.flatMap((document) => {
    if (document.pageContent.trim() === '') return [];
    const passage = passageFrom(document);
    if (originals.has(passage.id)) return [];
    originals.set(passage.id, document);
    return [passage];
  });
  return {
    passages,
    documents: ({ passages: found }) =>
      found.map((one) => {
        const { id, pageContent, metadata } = originals.get(one.passage.id)!;
        return new Document({ id, pageContent, metadata: { ...metadata, ...scoresOf(one) } });
      }),
  };
}

/**
 * Documents of a loader, or what a splitter made of them, for `rag.add(fromDocuments(documents), { cut: false })`. Each has
 * its source as its id, a piece of it its place as well; one that comes twice is taken once.
 */
export function fromDocuments(documents: readonly DocumentInterface[]): DocumentInput[] {
  const inputs = new Map<string, DocumentInput>();
  for (const document of documents) {
    if (document.pageContent.trim() === '') continue;
    const { docId, text, title, span, page, metadata } = passageFrom(document);
    const id = span.start === 0 ? docId : `${docId}#${span.start}`;
    const pages = page === null ? [] : [{ page, start: 0 }];
    if (!inputs.has(id)) inputs.set(id, { id, text, title, pages, metadata });
  }
  return [...inputs.values()];
}
