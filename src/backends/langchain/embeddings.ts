import type { Embedder } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import { canonicalJson, sha256Hex } from '../../text/hash.ts';
import { slugOf } from '../llama.ts';
import { type LangchainOptions, langchainCalls, nameOf } from './calls.ts';

/** What is asked of embeddings: every `Embeddings` has it. */
export interface EmbeddingsLike {
  embedDocuments(texts: string[]): Promise<number[][]>;
  embedQuery(text: string): Promise<number[]>;
}

export interface EmbeddingsOptions extends Omit<LangchainOptions, 'callbacks'> {
  /** Name of the model: an index remembers it, and is refused to another one. */
  readonly model: string;
  /** Default: those of the first vector. */
  readonly dimensions?: number;
  /** Put before every query, for models that want it. */
  readonly queryPrefix?: string;
  readonly passagePrefix?: string;
  /** Texts of one call at most. */
  readonly batch?: number;
}

/**
 * Any embeddings of LangChain as an embedder: `embedQuery` for queries, `embedDocuments` for passages. Vectors are
 * brought to unit length. The weights are out of sight, so the fingerprint is made of the name and the facts given here.
 * A blank text is not sent; its vector says nothing.
 *
 * @example
 * fromEmbeddings(new OpenAIEmbeddings({ model: 'text-embedding-3-small' }), { model: 'text-embedding-3-small' })
 */
export function fromEmbeddings(embeddings: EmbeddingsLike, options: EmbeddingsOptions): Embedder {
  const { model, queryPrefix = '', passagePrefix = '', batch = 64, concurrency } = options;
  const id = options.id ?? `langchain-${slugOf(model)}@1`;
  const calls = langchainCalls(embeddings, `${nameOf(embeddings)} ${model}`, { concurrency });
  let dimensions = options.dimensions ?? null;

  function unit(values: readonly number[]): Float32Array {
    dimensions ??= values.length;
    if (values.length !== dimensions || dimensions === 0)
      throw wrong(`gave a vector of ${values.length} dimensions where ${dimensions} were expected`);
    const length = Math.hypot(...values);
    if (!Number.isFinite(length)) throw wrong('gave a vector with a value that is no number');
    return length === 0 ? blank(dimensions) : Float32Array.from(values, (value) => value / length);
  }
  const wrong = (what: string) => new DiscernError('BACKEND_FAILED', `${calls.name} ${what}`);
  const known = async (signal: AbortSignal): Promise<number> => {
    dimensions ??= (await calls.one(signal, () => embeddings.embedQuery('dimensions'))).length;
    return dimensions;
  };

  async function vectorsOf(texts: readonly string[], kind: 'query' | 'passage', signal: AbortSignal) {
    if (kind === 'query')
      return Promise.all(texts.map((text) => calls.one(signal, () => embeddings.embedQuery(queryPrefix + text))));
    const made = await calls.one(signal, () => embeddings.embedDocuments(texts.map((text) => passagePrefix + text)));
    if (made.length !== texts.length) throw wrong(`gave ${made.length} vectors for ${texts.length} texts`);
    return made;
  }

  return {
    id,
    fingerprint: () =>
      calls.batch(undefined, async (signal) => ({
        model,
        sha256: sha256Hex(canonicalJson({ langchain: model, queryPrefix, passagePrefix })),
        dimensions: await known(signal),
        pooling: 'unknown',
        queryPrefix,
        passagePrefix,
      })),
    embed: (texts, kind, { signal: outer, onProgress } = {}) =>
      calls.batch(outer, async (signal) => {
        const vectors: Float32Array[] = [];
        for (let start = 0; start < texts.length; start += batch) {
          const group = texts.slice(start, start + batch);
          const asked = group.filter((text) => text.trim() !== '');
          const made = asked.length === 0 ? [] : (await vectorsOf(asked, kind, signal)).map(unit);
          const size = made.length < group.length ? await known(signal) : 0;
          let next = 0;
          for (const text of group) vectors.push(text.trim() === '' ? blank(size) : made[next++]!);
          onProgress?.(vectors.length);
          signal.throwIfAborted();
        }
        return vectors;
      }),
    close: () => calls.close(),
  };
}

/** Of unit length, as every vector. */
function blank(dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  vector[0] = 1;
  return vector;
}
