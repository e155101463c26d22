import type { Token } from 'node-llama-cpp';
import type { ExtendOptions } from '../../contracts.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { seededRandom } from '../../text/random.ts';
import { sentenceSpans } from '../../text/sentences.ts';
import { llamaSession, slugOf } from '../llama.ts';
import type { Ask, LlamaEngine, Next, Slot } from '../llama-engine.ts';
import { askFor, logprobOf, pick, plan } from '../llama-jobs.ts';
import {
  LABEL_TOKENS,
  type Spelling,
  segmentSteps,
  type TokenPrompt,
  type TokenStep,
  type TokenStream,
  tokensOf,
} from './format.ts';
import { promptParts, type Vocabulary, vocabularyOf } from './gguf-prompt.ts';
import type { TokenModel } from './token-model.ts';

export interface GgufTokenModelOptions {
  readonly model: ResolvedModel;
  readonly threads?: number;
  /** Tokens of prompt and segment together, for each sequence. Longer passages are cut to fit. */
  readonly contextSize?: number;
  /** Prompts that stay in memory. Each takes the whole context: about 1 GB for a model of 7B. */
  readonly sequences?: number;
  /** Where the model's tokens are not called as published. */
  readonly spelling?: Spelling;
}

/** Control tokens of one segment, beside those of its text. */
const CONTROLS = 8;

/** A language model with reflection tokens in this process. It gives the probabilities of all labels, from the whole vocabulary. */
export function ggufTokenModel(options: GgufTokenModelOptions): TokenModel {
  const { model, threads = 1, contextSize = 2048, sequences = 2, spelling = {} } = options;
  const session = llamaSession({ model, threads, contextSize, sequences });
  let vocabulary: Vocabulary | null = null;
  const vocabularyIn = (engine: LlamaEngine) => (vocabulary ??= vocabularyOf(engine.model, model.name, spelling));

  const partsOf = (engine: LlamaEngine, prompt: TokenPrompt, reserve: number) =>
    promptParts(engine.model, prompt, vocabularyIn(engine), spelling, engine.contextSize - reserve);

  const topOf = ({ names, labels }: Vocabulary, { logits, logTotal }: Next) =>
    Object.fromEntries(labels.map((id) => [names.get(id)!, logits.get(id)! - logTotal]));

  async function write(
    engine: LlamaEngine,
    slot: Slot,
    first: Next,
    ask: Ask,
    limit: number,
    temperature: number,
    random: () => number,
    check: () => void,
  ): Promise<TokenStream> {
    const known = vocabularyIn(engine);
    const steps: TokenStep[] = [];
    const texts: Token[] = [];
    const text = (count: number) => engine.model.detokenize(texts.slice(0, count), false);
    let said = '';
    let next = first;
    for (;;) {
      const token = pick(next, temperature, random);
      const name = known.names.get(token);
      // A control token that is none of these ends the answer as well.
      if (name === undefined && (engine.model.isEogToken(token) || engine.model.isSpecialToken(token)))
        return { steps, ended: true, text };
      if (name === undefined && texts.length === limit) return { steps, ended: false, text };
      const before = said;
      if (name === undefined) {
        texts.push(token);
        said = text(texts.length);
      }
      steps.push({
        token: name ?? (said.startsWith(before) ? said.slice(before.length) : said),
        top: name === undefined ? {} : topOf(known, next),
        logprob: logprobOf(next, token),
        unseenLogprob: Number.NEGATIVE_INFINITY,
      });
      if (segmentSteps(steps, false).over || steps.length === limit + CONTROLS) return { steps, ended: false, text };
      if (name === undefined && sentenceSpans(said).length > 1) return { steps, ended: false, text };
      check();
      next = await engine.step(slot, token, ask);
    }
  }

  async function writeAll(
    engine: LlamaEngine,
    check: () => void,
    prompts: readonly TokenPrompt[],
    { maxTokens, temperature, seed }: ExtendOptions,
  ): Promise<TokenStream[]> {
    // A prompt keeps at least half of the context.
    const limit = Math.min(maxTokens, Math.floor(engine.contextSize / 2) - CONTROLS);
    const ask: Ask = { ...askFor(temperature), tokens: vocabularyIn(engine).labels };
    const jobs = prompts.map((prompt, index) => ({ index, parts: partsOf(engine, prompt, limit + CONTROLS) }));
    const queues = plan(engine, jobs);
    const results: TokenStream[] = [];
    while (queues.some((queue) => queue.length > 0)) {
      const round: (() => Promise<void>)[] = [];
      for (const [i, queue] of queues.entries()) {
        const job = queue.shift();
        if (!job) continue;
        const slot = engine.slots[i]!;
        const first = await engine.prompt(slot, job.parts, ask, check);
        const random = seededRandom(Math.imul(seed + 1, 0x9e3779b1) + job.index);
        round.push(async () => {
          results[job.index] = await write(engine, slot, first, ask, limit, temperature, random, check);
        });
      }
      const ended = await Promise.allSettled(round.map((run) => run()));
      for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
    }
    return results;
  }

  return {
    id: `reflection-tokens-${slugOf(model.name)}@1`,
    read: (asked, { signal }) =>
      session.use(async (engine, check) => {
        const known = vocabularyIn(engine);
        const jobs = asked.map(({ prompt }, index) => ({ index, parts: partsOf(engine, prompt, 0) }));
        const results: { top: Readonly<Record<string, number>>; unseenLogprob: number }[] = [];
        for (const [i, queue] of plan(engine, jobs).entries())
          for (const { index, parts } of queue) {
            check();
            const names = tokensOf(asked[index]!.kind);
            const tokens = names.map((name) => known.ids.get(name)!);
            const { logits, logTotal } = await engine.prompt(engine.slots[i]!, parts, { tokens }, check);
            const top = Object.fromEntries(names.map((name, n) => [name, logits.get(tokens[n]!)! - logTotal]));
            results[index] = { top, unseenLogprob: Number.NEGATIVE_INFINITY };
          }
        return results;
      }, signal),
    write: (prompts, call) => session.use((engine, check) => writeAll(engine, check, prompts, call), call.signal),
    probe: ({ signal }) =>
      session.use(async (engine) => {
        vocabularyIn(engine);
        return {
          logprobs: 'raw',
          top: LABEL_TOKENS.length,
          tokenIds: true,
          singleTokenLabels: true,
          thinksFirst: false,
          prefill: true,
          notes: [],
        };
      }, signal),
    close: () => session.close(),
  };
}
