import type {
  ExtendRequest,
  Generator,
  GeneratorAbilities,
  SampledAnswer,
  SampleRequest,
  SegmentCandidate,
} from '../contracts.ts';
import { DiscernError, throwIfAborted } from '../errors.ts';
import { sentences } from '../text/sentences.ts';

/** What to add to a hypothesis: texts make plain segments, a whole candidate is taken as it is. */
export type GeneratorScript = (
  request: ExtendRequest,
  index: number,
) => readonly (string | Partial<SegmentCandidate>)[];

/** Sample `index` of a request: a text is cut to the limit of tokens, an answer is taken as it is. */
export type SampleScript = (request: SampleRequest, index: number) => string | SampledAnswer;

export interface ScriptedGeneratorOptions {
  readonly id?: string;
  readonly abilities?: Partial<GeneratorAbilities>;
  /** What it samples; null: it cannot, as one that quotes. */
  readonly samples?: SampleScript | null;
}

/** Says the sentences of the passage one after another; without a passage, one fixed sentence. */
export const readAloud: GeneratorScript = ({ passage, answerSoFar }) => {
  const all = passage === null ? ['I know nothing about that.'] : sentences(passage.text);
  const text = all[answerSoFar.length] ?? '';
  return [{ text, end: answerSoFar.length + 1 >= all.length }];
};

/** Sure of the first sentence that it is given, and one of three guesses without a passage. */
export const guess: SampleScript = ({ passages }, index) =>
  passages.length === 0 ? `guess ${(index % 3) + 1}` : (sentences(passages.map(({ text }) => text).join(' '))[0] ?? '');

const wordsOf = (text: string): string[] => text.match(/\S+/g) ?? [];

/** A generator without a model: a function of the request, so the same in every run. A token is a word, of log-probability -0.1. */
export function scriptedGenerator(
  script: GeneratorScript = readAloud,
  options: ScriptedGeneratorOptions = {},
): Generator {
  const abilities = { logprobs: true, closedBook: true, quotes: false, ...options.abilities };
  const { samples = abilities.quotes ? null : guess } = options;
  let closed = false;

  function check(signal: AbortSignal | undefined): void {
    if (closed) throw new DiscernError('BACKEND_CLOSED', 'the scripted generator is closed');
    throwIfAborted(signal);
  }

  const logprobsOf = (tokens: number) => (abilities.logprobs ? Array.from({ length: tokens }, () => -0.1) : null);

  function answerOf(said: string | SampledAnswer, maxTokens: number): SampledAnswer {
    if (typeof said !== 'string') return abilities.logprobs ? said : { ...said, logprobs: null };
    const words = wordsOf(said).slice(0, maxTokens);
    return { text: words.join(' '), tokens: words.length, logprobs: logprobsOf(words.length) };
  }

  return {
    id: options.id ?? 'scripted@1',
    abilities,
    async extend(requests, { signal, maxTokens }) {
      check(signal);
      return requests.map((request, index) =>
        request.passage === null && !abilities.closedBook
          ? []
          : script(request, index).map((said): SegmentCandidate => {
              const given: Partial<SegmentCandidate> = typeof said === 'string' ? { text: said } : said;
              const words = wordsOf(given.text ?? '');
              const text = words.length > maxTokens ? words.slice(0, maxTokens).join(' ') : (given.text ?? '');
              const tokens = Math.min(words.length, maxTokens);
              return { tokens, logprobs: logprobsOf(tokens), end: true, quoted: null, ...given, text };
            }),
      );
    },
    ...(samples && {
      async sample(requests, { signal, first, count, maxTokens }) {
        check(signal);
        return requests.map((request) =>
          Array.from({ length: count }, (_, i) => answerOf(samples(request, first + i), maxTokens)),
        );
      },
    }),
    async close() {
      closed = true;
    },
  };
}
