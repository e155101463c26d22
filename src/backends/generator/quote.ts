import type { Embedder, ExtendRequest, Generator, SegmentCandidate } from '../../contracts.ts';
import { DiscernError, throwIfAborted } from '../../errors.ts';
import { containment, contentWords, pieceSpans, wordsOf } from '../../text/lexical.ts';
import { passageText } from '../../text/passage.ts';
import type { Passage, Span } from '../../types.ts';
import { cosine } from '../embedder/similarity.ts';

export interface QuoteOptions {
  readonly embedder: Embedder;
}

interface Sentence extends Span {
  readonly text: string;
  /** What is compared with the question: the sentence under the title and heading of its passage. */
  readonly context: string;
  readonly words: number;
}

/** Of a passage with more sentences only those that share most words with the question are ranked. */
const MOST_SENTENCES = 48;
/** Shorter ones are mostly headings and fragments. */
const FEWEST_WORDS = 3;

/**
 * Answers in the words of the passages: each sentence is a candidate, the likest to the question first.
 * It never invents, and it never ends an answer: the pipeline chooses among the sentences.
 */
export function quoteGenerator({ embedder }: QuoteOptions): Generator {
  let closed = false;
  return {
    id: 'quote@1',
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
      return requests.map(({ question, passage }, i) =>
        rank(sentences[i]!, (context) => cosine(questionVectors.get(question)!, vectors.get(context)!)).map(
          (sentence) => candidate(sentence, passage!),
        ),
      );
    },
    async close() {
      closed = true; // the embedder belongs to whoever made it
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

function rank(sentences: readonly Sentence[], likeness: (context: string) => number): Sentence[] {
  return sentences
    .map((sentence) => ({
      sentence,
      last: isFragment(sentence) ? 1 : 0,
      like: likeness(sentence.context),
    }))
    .sort((a, b) => a.last - b.last || b.like - a.like)
    .map(({ sentence }) => sentence);
}

/** What names a sentence rather than being one comes after all sentences, however like the question it is. */
const isFragment = ({ text, words }: Sentence): boolean => words < FEWEST_WORDS || /^#{1,6}\s/.test(text);

const candidate = ({ start, end, text, words }: Sentence, passage: Passage): SegmentCandidate => ({
  text,
  tokens: Math.max(1, words),
  logprobs: null,
  end: false,
  quoted: { start: passage.span.start + start, end: passage.span.start + end },
});
