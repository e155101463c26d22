import type { Rewriter } from '../../contracts.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { getPrompt } from '../../prompts.ts';
import { llamaSession, slugOf } from '../llama.ts';
import type { LlamaEngine } from '../llama-engine.ts';
import { oneLine, writeLine } from '../one-line.ts';

export interface PromptedRewriterOptions {
  readonly model: ResolvedModel;
  readonly threads?: number;
}

const CONTEXT_TOKENS = 1024;
const MAX_TOKENS = 32;

// The prompt opens a quotation mark. Where it closes, the query ends; words in marks of their own belong to it.
const QUOTED = /^((?:[^"]|"\S[^"]*")*)"(?:\s|$)/;

/** The query in what the model wrote; the question where there is no word in it. */
export function queryOf(line: string, question: string): string {
  const query = (QUOTED.exec(line)?.[1] ?? line).trim();
  return /\p{L}/u.test(query) ? query : question;
}

/**
 * A local language model that rewords each question as a search query, always the same for the same question.
 * A question for which it writes no word stays as it is.
 */
export function promptedRewriter({ model, threads = 1 }: PromptedRewriterOptions): Rewriter {
  const prompt = getPrompt('rewrite-query@1');
  const session = llamaSession({ model, threads, contextSize: CONTEXT_TOKENS, sequences: 1 });

  async function reword(engine: LlamaEngine, question: string, check: () => void): Promise<string> {
    const parts = engine.parts(prompt, { question: oneLine(question) }, ['question'], MAX_TOKENS);
    return queryOf(await writeLine(engine, engine.slots[0]!, parts, MAX_TOKENS, check), question);
  }

  return {
    id: `rewrite-${slugOf(model.name)}@1`,
    prompts: { rewriteQuery: prompt.hash },
    rewrite(questions, { signal } = {}) {
      return session.use(async (engine, check) => {
        const queries: string[] = [];
        for (const question of questions) queries.push(await reword(engine, question, check));
        return queries;
      }, signal);
    },
    close: () => session.close(),
  };
}
