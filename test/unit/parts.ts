import { type Config, type ConfigInput, parseConfig } from '../../src/config.ts';
import type { Critic, Generator, Recaller, Reranker, Rewriter } from '../../src/contracts.ts';
import type { Parts } from '../../src/pipeline.ts';
import { makePassage } from '../../src/text/passage.ts';
import type { Passage, ReflectionKind, SourceDocument } from '../../src/types.ts';

export const documentOf = (id: string, text: string): SourceDocument => ({
  id,
  text,
  title: null,
  pages: [],
  headings: [],
  metadata: {},
});

export function passageOf(id: string, text: string): Passage {
  return { ...makePassage(documentOf(id, text), { start: 0, end: text.length }), id };
}

/** Recalls the given passages in order, with falling scores; counts what it was asked. */
export function listRecaller(passages: readonly Passage[], asked: string[] = []): Recaller {
  return {
    id: 'list@1',
    async recall(queries, { topK }) {
      asked.push(...queries);
      return queries.map(() =>
        passages
          .slice(0, topK)
          .map((passage, i) => ({ passage, recallRank: i + 1, recallScore: 0.9 - i / 100, rerankScore: null })),
      );
    },
  };
}

export function partsOf(given: {
  passages?: readonly Passage[];
  rewriter?: Rewriter;
  recaller?: Recaller;
  reranker?: Reranker;
  critics?: Partial<Record<ReflectionKind, Critic>>;
  withContext?: Generator | null;
  closedBook?: Generator | null;
  quotes?: Generator | null;
  gate?: Parts['gate'];
}): Parts {
  const { critics = {}, withContext = null, closedBook = null, quotes = null } = given;
  return {
    rewriter: given.rewriter ?? null,
    recaller: given.recaller ?? listRecaller(given.passages ?? []),
    reranker: given.reranker ?? null,
    critics: {
      retrieve: critics.retrieve ?? null,
      isRel: critics.isRel ?? null,
      isSup: critics.isSup ?? null,
      isUse: critics.isUse ?? null,
    },
    generators: { withContext, closedBook, quotes },
    gate: given.gate ?? null,
  };
}

/** A complete config: threshold on isRel 0.5 unless given. */
export const configOf = (input: ConfigInput = {}): Config =>
  parseConfig({ critics: { retrieve: 'own' }, ...input, isRel: { threshold: 0.5, ...input.isRel } });
