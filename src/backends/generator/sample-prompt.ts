import { getPrompt, type Prompt } from '../../prompts.ts';
import type { Passage } from '../../types.ts';
import { oneLine } from '../one-line.ts';

export interface SamplePrompts {
  readonly withContext: Prompt;
  readonly closedBook: Prompt;
}

export const samplePrompts = (): SamplePrompts => ({
  withContext: getPrompt('sample-with-context@1'),
  closedBook: getPrompt('sample-closed-book@1'),
});

/** What a trace says of them. */
export const sampleHashes = ({ withContext, closedBook }: SamplePrompts): Record<string, string> => ({
  sampleWithContext: withContext.hash,
  sampleClosedBook: closedBook.hash,
});

/** All passages as the one that the prompt has room for. */
export const contextOf = (passages: readonly Passage[]): string => oneLine(passages.map(({ text }) => text).join(' '));
