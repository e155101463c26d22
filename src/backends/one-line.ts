import type { LlamaModel, Token } from 'node-llama-cpp';
import type { LlamaEngine, Slot } from './llama-engine.ts';
import { askFor } from './llama-jobs.ts';

/** Where a completion prompt sets a passage or a question there is one line, so that neither can start another example. */
export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** An answer is one line: a line break ends it, also with the full stop that some vocabularies write in the same token. */
export const endsLine = (model: LlamaModel, path: readonly Token[], token: Token): boolean =>
  model.isEogToken(token) || model.isSpecialToken(token) || model.detokenize([...path, token], false).includes('\n');

const GREEDY = askFor(0);

/** The likeliest line after a prompt, of at most so many tokens; empty where the model ends at once. */
export async function writeLine(
  engine: LlamaEngine,
  slot: Slot,
  parts: readonly (readonly Token[])[],
  maxTokens: number,
  check: () => void,
): Promise<string> {
  const { model } = engine;
  const tokens: Token[] = [];
  let { best } = await engine.prompt(slot, parts, GREEDY, check);
  while (!endsLine(model, tokens, best)) {
    tokens.push(best);
    if (tokens.length === maxTokens) break;
    check();
    ({ best } = await engine.step(slot, best, GREEDY));
  }
  return model.detokenize(tokens, false).trim();
}
