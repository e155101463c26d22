import type { Token } from 'node-llama-cpp';
import type { LlamaEngine, Slot } from './llama-engine.ts';
import { askFor } from './llama-jobs.ts';

const GREEDY = askFor(0);

/** The likeliest line after a prompt, without its line break. Ends at a line break, a control token, or after `maxTokens`. */
export async function writeLine(
  engine: LlamaEngine,
  slot: Slot,
  parts: readonly (readonly Token[])[],
  maxTokens: number,
  check: () => void,
): Promise<string> {
  const { model } = engine;
  const tokens: Token[] = [];
  let next = await engine.prompt(slot, parts, GREEDY, check);
  for (;;) {
    const text = model.detokenize(tokens, false).trimStart();
    const end = text.search(/[\r\n]/);
    if (end !== -1) return text.slice(0, end).trimEnd();
    const token = next.best;
    if (tokens.length >= maxTokens || model.isEogToken(token) || model.isSpecialToken(token)) return text.trimEnd();
    check();
    tokens.push(token);
    next = await engine.step(slot, token, GREEDY);
  }
}
