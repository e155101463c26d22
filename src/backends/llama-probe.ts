import type { Capabilities } from '../contracts.ts';
import type { Prompt } from '../prompts.ts';
import type { LlamaEngine } from './llama-engine.ts';

/** Marks that chat templates set around thoughts. */
const MARKS = /<think|\[THINK\]|<\|channel\|>|<seed:think>|reasoning_content/;
const OPENED = /(<(think|thinking|seed:think)>|\[THINK\]|<\|channel\|>analysis)\s*$/;
const TAIL = 8;

/** What a language model in this process gives. It thinks first where a thought is opened at the place of its answer. */
export async function llamaCapabilities(engine: LlamaEngine, prompt: Prompt, check: () => void): Promise<Capabilities> {
  const { model } = engine;
  const { chat_template: template, ggml } = model.fileInfo.metadata.tokenizer;
  const values = Object.fromEntries(prompt.variables.map((name) => [name, '']));
  const opensThought = async () => {
    const parts = engine.parts(prompt, values, prompt.variables, 1);
    const { best } = await engine.prompt(engine.slots[0]!, parts, {}, check);
    return OPENED.test(model.detokenize([...parts.flat().slice(-TAIL), best], true));
  };
  return {
    logprobs: 'raw',
    top: ggml.tokens.length,
    tokenIds: true,
    singleTokenLabels: null,
    thinksFirst: template === undefined ? null : MARKS.test(template) && (await opensThought()),
    prefill: true,
    notes: template === undefined ? ['its file has no chat template'] : [],
  };
}
