import { LRUCache } from 'lru-cache';
import type { CallOptions, Critic, Embedder } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import { containment, contentWords, pieceSpans } from '../../text/lexical.ts';
import type { Critique, CritiqueRequest, Distribution, ReflectionKind } from '../../types.ts';
import { cosine, passageVectors, type VectorsOf } from '../embedder/similarity.ts';
import type { EmbeddingDefinition } from './definition.ts';

export interface EmbeddingCriticOptions {
  readonly embedder: Embedder;
  readonly definition: EmbeddingDefinition;
  readonly vectorsOf?: VectorsOf;
}

type Rel = CritiqueRequest<'isRel'>;
type Sup = CritiqueRequest<'isSup'>;

/** In a passage of more sentences only those that share most words with the segment are compared. */
const MOST_SENTENCES = 32;
/** Passages whose sentences and words are remembered: those of one question come back for each of its segments. */
const KEPT_PASSAGES = 64;

/** The cheap critic: IsREL and IsSUP from similarities of the embedding model, through fitted curves. */
export function embeddingCritic({ embedder, definition, vectorsOf }: EmbeddingCriticOptions): Critic {
  const kinds: readonly ReflectionKind[] = ['isRel', 'isSup'];
  const known = new LRUCache<string, PassageParts>({ max: KEPT_PASSAGES });
  let closed = false;

  /** A curve means nothing on the similarities of another model. */
  async function prepare(): Promise<void> {
    const { model } = await embedder.fingerprint();
    if (model === definition.embedder) return;
    throw new DiscernError(
      'CONFIG_INVALID',
      `the embedding critic was fitted on ${definition.embedder}, the embedder is ${model}`,
      { hint: 'use that embedder, or set critics.isRel and critics.isSup to none or to another critic' },
    );
  }

  return {
    id: `${definition.id}@${definition.version}`,
    kinds,
    prepare,
    async critique<K extends ReflectionKind>(requests: readonly CritiqueRequest<K>[], { signal }: CallOptions = {}) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', 'the embedding critic is closed');
      throwIfAborted(signal);
      const other = requests.find(({ kind }) => !kinds.includes(kind));
      if (other)
        throw new DiscernError(
          'CRITIC_KIND_UNSUPPORTED',
          `the embedding critic predicts isRel and isSup, not ${other.kind}`,
        );
      if (requests.length === 0) return [];
      await prepare();
      const all = requests as readonly CritiqueRequest[];
      const rels = all.filter((request): request is Rel => request.kind === 'isRel');
      const sups = all.filter((request): request is Sup => request.kind === 'isSup');
      const relevances = await relevanceOf(embedder, rels, vectorsOf, { signal });
      const supports = await supportOf(embedder, sups, { signal }, known);
      let rel = 0;
      let sup = 0;
      return all.map(({ kind }) => ({
        kind,
        probs: kind === 'isRel' ? isRelCurve(definition, relevances[rel++]!) : isSupCurve(definition, supports[sup++]!),
        mass: 1,
      })) as unknown as Critique<K>[];
    },
    async close() {
      closed = true; // the embedder belongs to whoever made it
    },
  };
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

export function isRelCurve({ isRel }: Pick<EmbeddingDefinition, 'isRel'>, similarity: number): Distribution<'isRel'> {
  const relevant = logistic(isRel.intercept + isRel.similarity * similarity);
  return { relevant, irrelevant: 1 - relevant };
}

export interface SupportFeatures {
  /** Cosine of the segment and the nearest sentence of the passage. */
  readonly similarity: number;
  /** Share of the segment's content words that stand in the passage. */
  readonly contained: number;
}

/** Ordered labels: one direction, two cuts. */
export function isSupCurve(
  { isSup }: Pick<EmbeddingDefinition, 'isSup'>,
  features: SupportFeatures,
): Distribution<'isSup'> {
  const x = isSup.similarity * features.similarity + isSup.containment * features.contained;
  const fully = logistic(isSup.fully + x);
  const some = logistic(isSup.partially + x);
  return { fully, partially: some - fully, none: 1 - some };
}

/** Cosine of question and passage for each request. */
export async function relevanceOf(
  embedder: Embedder,
  requests: readonly Pick<Rel, 'question' | 'passage'>[],
  vectorsOf: VectorsOf | undefined,
  options: CallOptions,
): Promise<number[]> {
  if (requests.length === 0) return [];
  const questions = await embedUnique(
    embedder,
    requests.map(({ question }) => question),
    'query',
    options,
  );
  const passages = [...new Map(requests.map(({ passage }) => [passage.id, passage])).values()];
  const vectors = await passageVectors(embedder, passages, vectorsOf, options);
  const byId = new Map(passages.map(({ id }, i) => [id, vectors[i]!]));
  return requests.map(({ question, passage }) => cosine(questions.get(question)!, byId.get(passage.id)!));
}

export async function supportOf(
  embedder: Embedder,
  requests: readonly Pick<Sup, 'segment' | 'passage'>[],
  options: CallOptions,
  known = new LRUCache<string, PassageParts>({ max: KEPT_PASSAGES }),
): Promise<SupportFeatures[]> {
  const parts = requests.map(({ passage: { text } }) => {
    const found = known.get(text) ?? partsOf(text);
    known.set(text, found);
    return found;
  });
  const sentences = requests.map(({ segment }, i) => comparable(parts[i]!, segment));
  const texts = sentences.flatMap((some, i) => (some === null ? [] : [requests[i]!.segment, ...some]));
  const vectors = await embedUnique(embedder, texts, 'passage', options);
  return requests.map(({ segment }, i) => ({
    similarity: Math.max(
      ...(sentences[i]?.map((sentence) => cosine(vectors.get(segment)!, vectors.get(sentence)!)) ?? [1]),
    ),
    contained: containment(segment, parts[i]!.words),
  }));
}

interface PassageParts {
  readonly text: string;
  readonly pieces: readonly string[];
  readonly words: ReadonlySet<string>;
}

const partsOf = (text: string): PassageParts => ({
  text,
  pieces: pieceSpans(text).map(({ start, end }) => text.slice(start, end)),
  words: contentWords(text),
});

/** The sentences of a passage to compare a segment with, never none; null when it is one of them: then it is as like as can be. */
function comparable({ text, pieces }: PassageParts, segment: string): readonly string[] | null {
  if (pieces.includes(segment)) return null;
  if (pieces.length === 0) return [text.slice(0, 1)];
  if (pieces.length <= MOST_SENTENCES) return pieces;
  const wanted = contentWords(segment);
  const shared = (piece: string) => [...contentWords(piece)].filter((word) => wanted.has(word)).length;
  return pieces
    .map((piece) => ({ piece, shared: shared(piece) }))
    .sort((a, b) => b.shared - a.shared)
    .slice(0, MOST_SENTENCES)
    .map(({ piece }) => piece);
}

async function embedUnique(
  embedder: Embedder,
  texts: readonly string[],
  kind: 'query' | 'passage',
  options: CallOptions,
): Promise<Map<string, Float32Array>> {
  const unique = [...new Set(texts)];
  const vectors = await embedder.embed(unique, kind, options);
  return new Map(unique.map((text, i) => [text, vectors[i]!]));
}
