import type { ExtendRequest, Generator, GeneratorAbilities, SegmentCandidate } from '../contracts.ts';
import { DiscernError, throwIfAborted } from '../errors.ts';
import { sentences } from '../text/sentences.ts';

/** What to add to a hypothesis: texts make plain segments, a whole candidate is taken as it is. */
export type GeneratorScript = (
  request: ExtendRequest,
  index: number,
) => readonly (string | Partial<SegmentCandidate>)[];

export interface ScriptedGeneratorOptions {
  readonly id?: string;
  readonly abilities?: Partial<GeneratorAbilities>;
}

/** Says the sentences of the passage one after another; without a passage, one fixed sentence. */
export const readAloud: GeneratorScript = ({ passage, answerSoFar }) => {
  const all = passage === null ? ['I know nothing about that.'] : sentences(passage.text);
  const text = all[answerSoFar.length] ?? '';
  return [{ text, end: answerSoFar.length + 1 >= all.length }];
};

const wordsOf = (text: string): string[] => text.match(/\S+/g) ?? [];

/** A generator without a model: a function of the request, so the same in every run. A token is a word, of log-probability -0.1. */
export function scriptedGenerator(
  script: GeneratorScript = readAloud,
  options: ScriptedGeneratorOptions = {},
): Generator {
  const abilities = { logprobs: true, closedBook: true, quotes: false, ...options.abilities };
  let closed = false;

  return {
    id: options.id ?? 'scripted@1',
    abilities,
    async extend(requests, { signal, maxTokens }) {
      if (closed) throw new DiscernError('BACKEND_CLOSED', 'the scripted generator is closed');
      throwIfAborted(signal);
      return requests.map((request, index) =>
        request.passage === null && !abilities.closedBook
          ? []
          : script(request, index).map((said): SegmentCandidate => {
              const given: Partial<SegmentCandidate> = typeof said === 'string' ? { text: said } : said;
              const words = wordsOf(given.text ?? '');
              const text = words.length > maxTokens ? words.slice(0, maxTokens).join(' ') : (given.text ?? '');
              const tokens = Math.min(words.length, maxTokens);
              const logprobs = abilities.logprobs ? Array.from({ length: tokens }, () => -0.1) : null;
              return { tokens, logprobs, end: true, quoted: null, ...given, text };
            }),
      );
    },
    async close() {
      closed = true;
    },
  };
}
