import type { LlamaModel, Token } from 'node-llama-cpp';
import type { ExtendOptions } from '../../contracts.ts';
import { DiscernError } from '../../errors.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { seededRandom } from '../../text/random.ts';
import { sentenceSpans } from '../../text/sentences.ts';
import { llamaSession, slugOf } from '../llama.ts';
import type { Ask, LlamaEngine, Next, Slot } from '../llama-engine.ts';
import { askFor, logprobOf, pick, plan } from '../llama-jobs.ts';
import { fitValues } from '../llama-layout.ts';
import {
  CONTROL_TOKENS,
  inert,
  LABEL_TOKENS,
  type Spelling,
  segmentSteps,
  type TokenPrompt,
  type TokenStep,
  type TokenStream,
  tokensOf,
} from './format.ts';
import type { TokenModel } from './token-model.ts';

export interface GgufTokenModelOptions {
  readonly model: ResolvedModel;
  readonly threads?: number;
  /** Tokens of prompt and segment together, for each sequence. Longer passages are cut to fit. */
  readonly contextSize?: number;
  readonly sequences?: number;
  /** Where the model's tokens are not called as published. */
  readonly spelling?: Spelling;
}

/** Longest run of tokens between two looks at the signal. */
const PART = 256;
/** Control tokens of one segment, beside those of its text. */
const CONTROLS = 8;

interface Vocabulary {
  /** By published token. */
  readonly ids: ReadonlyMap<string, Token>;
  readonly labels: readonly Token[];
  readonly names: ReadonlyMap<Token, string>;
}

/** The ids of the reflection tokens. Throws LABELS_NOT_SINGLE_TOKENS where one is more than one token, or another's. */
function vocabularyOf(model: LlamaModel, name: string, spelling: Spelling): Vocabulary {
  const tokens = CONTROL_TOKENS.map((token) => [token, model.tokenize(spelling[token] ?? token, true)] as const);
  const labels = tokens.slice(0, LABEL_TOKENS.length);
  const wrong = labels.filter(
    ([token, ids]) => ids.length !== 1 || labels.some(([other, [id]]) => other !== token && id === ids[0]),
  );
  if (wrong.length > 0)
    throw new DiscernError(
      'LABELS_NOT_SINGLE_TOKENS',
      `${name} does not have these reflection tokens as one token each: ${wrong.map(([token, ids]) => `${token} (${ids.length})`).join(', ')}`,
      { hint: 'use a model that was trained to write them, such as selfrag_llama2_7b, or the critic prompted' },
    );
  const single = tokens.filter(([, ids]) => ids.length === 1);
  return {
    ids: new Map(single.map(([token, ids]) => [token, ids[0]!])),
    labels: labels.map(([, ids]) => ids[0]!),
    names: new Map(single.map(([token, ids]) => [ids[0]!, token])),
  };
}

/** A language model with reflection tokens in this process. It gives the probabilities of all labels, from the whole vocabulary. */
export function ggufTokenModel(options: GgufTokenModelOptions): TokenModel {
  const { model, threads = 1, contextSize = 4096, sequences = 5, spelling = {} } = options;
  const session = llamaSession({ model, threads, contextSize, sequences });
  let vocabulary: Vocabulary | null = null;
  const vocabularyIn = (engine: LlamaEngine) => (vocabulary ??= vocabularyOf(engine.model, model.name, spelling));

  /**
   * The prompt as token parts: control tokens by their ids, all else tokenised without them. A tokenizer that puts a space
   * before a text does so behind each control token, as in the training of the published models.
   */
  function partsOf(engine: LlamaEngine, prompt: TokenPrompt, reserve: number): Token[][] {
    const { ids } = vocabularyIn(engine);
    const plain = (text: string) => (text === '' ? [] : engine.model.tokenize(text, false));
    const values = Object.fromEntries(
      Object.entries(prompt.values).map(([name, value]) => [name, inert(value, spelling)]),
    );
    const layout = prompt.pieces.map((piece) => [
      'control' in piece ? { special: spelling[piece.control] ?? piece.control } : piece,
    ]);
    const fitted = fitValues(engine.model, layout, values, Object.keys(values), engine.contextSize - reserve);
    const { bos, shouldPrependBosToken } = engine.model.tokens;
    const parts: Token[][] = [bos !== null && shouldPrependBosToken ? [bos] : []];
    let text = '';
    const flush = () => {
      parts.at(-1)!.push(...plain(text));
      text = '';
    };
    let controls = false;
    for (const piece of prompt.pieces) {
      if ('control' in piece !== controls) {
        flush();
        parts.push([]);
        controls = 'control' in piece;
      }
      if ('control' in piece) {
        const id = ids.get(piece.control);
        parts.at(-1)!.push(...(id === undefined ? plain(spelling[piece.control] ?? piece.control) : [id]));
      } else text += 'text' in piece ? piece.text : fitted[piece.variable]!;
    }
    flush();
    return parts
      .filter((part) => part.length > 0)
      .flatMap((part) =>
        Array.from({ length: Math.ceil(part.length / PART) }, (_, i) => part.slice(i * PART, (i + 1) * PART)),
      );
  }

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
