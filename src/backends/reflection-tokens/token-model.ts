import type { CallOptions, Capabilities, ExtendOptions } from '../../contracts.ts';
import type { ReflectionKind } from '../../types.ts';
import type { TokenPrompt, TokenStep, TokenStream } from './format.ts';

export interface LabelAsked {
  readonly prompt: TokenPrompt;
  readonly kind: ReflectionKind;
}

/** What a model thinks of the tokens of a kind, at one place. */
export type LabelStep = Pick<TokenStep, 'top' | 'unseenLogprob'>;

/** A model whose vocabulary has the reflection tokens, in this process or on a server. */
export interface TokenModel {
  /** File-name-safe and versioned. */
  readonly id: string;
  /** What would come next after each prompt, of the tokens of its kind; one for each, in order. */
  read(asked: readonly LabelAsked[], options: CallOptions): Promise<LabelStep[]>;
  /** What it writes after each prompt, at least up to the end of a segment or `maxTokens` tokens of text. */
  write(prompts: readonly TokenPrompt[], options: ExtendOptions): Promise<TokenStream[]>;
  /** Throws LABELS_NOT_SINGLE_TOKENS where the vocabulary lacks a token. */
  probe(options: CallOptions): Promise<Capabilities>;
  close(): Promise<void>;
}
