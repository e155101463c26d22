import type {
  CallOptions,
  Embedder,
  ExtendRequest,
  Generator,
  QuoteScores,
  SegmentCandidate,
} from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import { containment, contentWords, pieceSpans, wordsOf } from '../../text/lexical.ts';
import { passageText } from '../../text/passage.ts';
import type { Passage, Span } from '../../types.ts';
import type { Classifier } from '../classifier.ts';
import { cosine } from '../embedder/similarity.ts';

/** A second opinion on sentences: higher is better, one for each text in order. */
export interface QuoteRanker {
  readonly id: string;
  score(question: string, texts: readonly string[], options?: CallOptions): Promise<number[]>;
}

export interface QuoteOptions {
  readonly embedder: Embedder;
  /** Null: the embedder alone. */
  readonly ranker?: QuoteRanker | null;
}

/** Ranks by the logit of a classifier's head `sentence`. */
export function sentenceRanker(classifier: Classifier): QuoteRanker {
  if (!classifier.has('sentence'))
    throw new DiscernError('CRITIC_KIND_UNSUPPORTED', `${classifier.id} has no head sentence: it cannot rank quotes`);
  return {
    id: classifier.id,
    async score(question, texts, options) {
      const requests = texts.map((text) => ({ first: [question], last: text }));
      return (await classifier.logits('sentence', requests, options)).map(([logit]) => logit!);
    },
  };
}

interface Sentence extends Span {
  readonly text: string;
  /** What is compared with the question: the sentence under the title and heading of its passage. */
  readonly context: string;
  readonly words: number;
}

interface Ranked extends Sentence {
  /** Cosine with the question. */
  readonly similarity: number;
  /** Whether the ranker is asked about it. */
  readonly ranked: boolean;
}

/** Of a passage with more sentences only those that share most words with the question are ranked. */
const MOST_SENTENCES = 48;
/** Of these the ranker is asked about so many, the likest by the embedder: it costs some milliseconds a sentence. */
const MOST_RANKED = 8;
/** Shorter ones are mostly headings and fragments. */
const FEWEST_WORDS = 3;

/**
 * Answers in the words of the passages: each sentence is a candidate, the likest to the question first, with what embedder
 * and ranker say of it. It never invents, and it never ends an answer: the pipeline orders and chooses.
 */
export function quoteGenerator({ embedder, ranker = null }: QuoteOptions): Generator {
  let closed = false;
  return {
    id: ranker === null ? 'quote@2' : `quote@2-${ranker.id.replaceAll('@', '.')}`,
    abilities: { logprobs: false, closedBook: false, quotes: true },
    async extend(requests, { signal }) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', 'the quote generator is closed');
      throwIfAborted(signal);
      const sentences = requests.map(quotable);
      const texts = [...new Set(sentences.flat().map(({ context }) => context))];
      if (texts.length === 0) return requests.map(() => []);
      const questions = [...new Set(requests.map(({ question }) => question))];
      const [asked, said] = await Promise.all([
        embedder.embed(questions, 'query', { signal }),
        embedder.embed(texts, 'passage', { signal }),
      ]);
      const questionVectors = new Map(questions.map((question, i) => [question, asked[i]!]));
      const vectors = new Map(texts.map((text, i) => [text, said[i]!]));
      const lists = requests.map(({ question }, i) =>
        rank(sentences[i]!, (context) => cosine(questionVectors.get(question)!, vectors.get(context)!)),
      );
      const logits = new Map<string, ReadonlyMap<string, number>>();
      if (ranker !== null)
        for (const question of questions)
          logits.set(question, await opinions(ranker, question, requests, lists, { signal }));
      return requests.map(({ question, passage }, i) =>
        lists[i]!.map((sentence) => {
          const encoder = sentence.ranked ? (logits.get(question)?.get(sentence.context) ?? null) : null;
          return candidate(sentence, passage!, { similarity: sentence.similarity, encoder });
        }),
      );
    },
    async close() {
      closed = true; // embedder and ranker belong to whoever made them
    },
  };
}

/** The sentences of the passage that say something, in order. */
function quotable({ question, passage }: ExtendRequest): Sentence[] {
  if (passage === null) return [];
  const all = pieceSpans(passage.text).flatMap(({ start, end }) => {
    const text = passage.text.slice(start, end);
    return /\p{L}/u.test(text)
      ? [{ start, end, text, context: passageText({ ...passage, text }), words: wordsOf(text).length }]
      : [];
  });
  if (all.length <= MOST_SENTENCES) return all;
  const wanted = [...contentWords(question)].join(' ');
  return all
    .map((sentence) => ({ sentence, shared: containment(wanted, contentWords(sentence.text)) }))
    .sort((a, b) => b.shared - a.shared)
    .slice(0, MOST_SENTENCES)
    .map(({ sentence }) => sentence)
    .sort((a, b) => a.start - b.start);
}

/** The likest first. What names a sentence rather than being one comes after all sentences, and is not ranked. */
function rank(sentences: readonly Sentence[], likeness: (context: string) => number): Ranked[] {
  const sorted = sentences
    .map((sentence) => ({ ...sentence, fragment: isFragment(sentence), similarity: likeness(sentence.context) }))
    .sort((a, b) => Number(a.fragment) - Number(b.fragment) || b.similarity - a.similarity);
  return sorted.map((sentence, i) => ({ ...sentence, ranked: !sentence.fragment && i < MOST_RANKED }));
}

const isFragment = ({ text, words }: Sentence): boolean => words < FEWEST_WORDS || /^#{1,6}\s/.test(text);

/** What the ranker says of all passages of a question, in one batch, by text. */
async function opinions(
  ranker: QuoteRanker,
  question: string,
  requests: readonly ExtendRequest[],
  lists: readonly (readonly Ranked[])[],
  options: CallOptions,
): Promise<Map<string, number>> {
  const mine = lists.filter((_, i) => requests[i]!.question === question).flat();
  const texts = [...new Set(mine.filter(({ ranked }) => ranked).map(({ context }) => context))];
  const scores = texts.length === 0 ? [] : await ranker.score(question, texts, options);
  return new Map(texts.map((text, i) => [text, scores[i]!]));
}

const candidate = ({ start, end, text, words }: Sentence, passage: Passage, scores: QuoteScores): SegmentCandidate => ({
  text,
  tokens: Math.max(1, words),
  logprobs: null,
  end: false,
  quoted: { start: passage.span.start + start, end: passage.span.start + end },
  scores,
});
