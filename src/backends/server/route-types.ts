import type { CallOptions } from '../../contracts.ts';
import type { LabelRequest } from '../llama-labels.ts';
import type { ServerClient } from './client.ts';

/** A token that could come next. */
export interface Alternative {
  readonly text: string;
  /** Null where the server names tokens by their text only. */
  readonly id: number | null;
  readonly logprob: number;
}

/** What a server says of the place where an answer would begin. */
export interface FirstToken {
  /** The likeliest tokens, or those asked for by id. Empty where the server said nothing of this prompt. */
  readonly top: readonly Alternative[];
  /** The token that it drew, which may be none of the likeliest. */
  readonly drawn: Alternative | null;
  /** A thought begins here instead of an answer. */
  readonly thinks: boolean;
}

/** The likeliest of all tokens that a server told of. */
export function likeliest({ top, drawn }: Pick<FirstToken, 'top' | 'drawn'>): Alternative | null {
  const all = drawn === null ? top : [...top, drawn];
  return all.reduce<Alternative | null>((a, b) => (a === null || b.logprob > a.logprob ? b : a), null);
}

export interface FirstTokenRequest extends LabelRequest {
  /** Ids of the label words; null where they are compared as text. */
  readonly ids: readonly number[] | null;
}

export interface ReadOptions extends CallOptions {
  /** Alternatives to ask for. */
  readonly top: number;
  /** 0, or 1 for servers that report what sampling left over. */
  readonly temperature: 0 | 1;
}

/** One interface of a server that gives log-probabilities of next tokens. */
export interface LabelRoute {
  readonly name: 'chat' | 'completions' | 'llama' | 'ollama';
  /** Whose probabilities they are, by its documentation. */
  readonly logprobs: 'raw' | 'unknown';
  readonly prefill: boolean | null;
  readonly notes: readonly string[];
  /** The tokens of each word as the beginning of an answer; null where the server does not say. */
  tokens(words: readonly string[], call: CallOptions): Promise<readonly (readonly number[])[] | null>;
  /** One for each request, in order. */
  read(requests: readonly FirstTokenRequest[], options: ReadOptions): Promise<FirstToken[]>;
}

/** What a server said of itself. */
export interface ServerFacts {
  readonly owner: 'llama.cpp' | 'vllm' | 'ollama' | 'other';
  readonly models: readonly string[];
}

export interface RouteContext {
  readonly client: ServerClient;
  /** Where OpenAI's interfaces are below the client's address. */
  readonly api: string;
  /** Null: the request names none. */
  readonly model: string | null;
  readonly owner: ServerFacts['owner'];
}

/** Requests name the model only where there is one to name. */
export const modelField = ({ model }: RouteContext) => (model === null ? {} : { model });

/** Splits `http://host:8080/v1` into the server's address and the path of OpenAI's interfaces below it. */
export function serverAddress(baseUrl: string): { readonly root: string; readonly api: string } {
  const url = new URL(baseUrl);
  const path = url.pathname.replace(/\/+$/, '');
  const below = path.replace(/\/v1$/, '');
  return { root: `${url.origin}${below}`, api: path === '' || path !== below ? '/v1' : '' };
}
