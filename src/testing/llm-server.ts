import { type CoreOptions, type FakeServer, fakeServer } from './server-core.ts';
import { type Decide, decisionsDialect } from './server-decisions.ts';
import { llamaDialect } from './server-llama.ts';
import { type ScriptedModel, vocabulary } from './server-model.ts';
import { ollamaDialect } from './server-ollama.ts';
import { openaiDialect } from './server-openai.ts';
import { vllmDialect } from './server-vllm.ts';

export { type Asked, type FakeServer, type Fault, inOrder } from './server-core.ts';
export type { Decide, Question } from './server-decisions.ts';
export type { ModelReply, ScriptedModel } from './server-model.ts';

export interface LlmServerOptions extends Omit<CoreOptions, 'dialect'> {
  readonly kind: 'openai' | 'vllm' | 'llama' | 'ollama' | 'decisions';
  /** What it says to a prompt; absent: it is sure of `yes`. */
  readonly model?: ScriptedModel;
  /** Makes it a decision model; the routes of decisions answer 501 (llama, vllm) or 400 without. */
  readonly decide?: Decide;
  readonly name?: string;
  /** How texts come apart into tokens; absent: words with the space before them, all else character by character. */
  readonly split?: (text: string) => readonly string[];
  /** vllm only; false: a version without `logprob_token_ids`. */
  readonly labelIds?: boolean;
}

export interface LlmServer extends FakeServer {
  /** The id of a token, as the server gives it. */
  idOf(token: string): number;
}

const yes: ScriptedModel = () => ({ next: { yes: 1 } });

/** A language model's server on loopback: a script behind the documented interface of a real one. */
export async function llmServer(options: LlmServerOptions): Promise<LlmServer> {
  const { kind, model = yes, decide, name = 'test-model', split, labelIds = true, ...core } = options;
  const served = { name, model, vocabulary: vocabulary(split) };
  const dialects = {
    openai: () => openaiDialect(served),
    vllm: () => vllmDialect(served, decide, labelIds),
    llama: () => llamaDialect(served, decide),
    ollama: () => ollamaDialect(served),
    decisions: () => decisionsDialect(name, decide),
  };
  const server = await fakeServer({ ...core, dialect: dialects[kind]() });
  return {
    url: server.url,
    requests: server.requests,
    get peak() {
      return server.peak;
    },
    close: () => server.close(),
    idOf: served.vocabulary.idOf,
  };
}
