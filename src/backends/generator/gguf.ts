import type { LlamaModel, Token } from 'node-llama-cpp';
import type { ExtendOptions, ExtendRequest, Generator, SegmentCandidate } from '../../contracts.ts';
import type { ResolvedModel } from '../../models/manifest.ts';
import { getPrompt } from '../../prompts.ts';
import { joinSegments } from '../../text/join.ts';
import { seededRandom } from '../../text/random.ts';
import { sentenceSpans } from '../../text/sentences.ts';
import { llamaSession, slugOf } from '../llama.ts';
import type { Ask, LlamaEngine, Next, Slot } from '../llama-engine.ts';
import { askFor, logprobOf, pick, plan } from '../llama-jobs.ts';
import { llamaCapabilities } from '../llama-probe.ts';
import { drawSamples } from './gguf-sample.ts';
import { sampleHashes, samplePrompts } from './sample-prompt.ts';

export interface GgufGeneratorOptions {
  readonly model: ResolvedModel;
  readonly threads?: number;
  /** Tokens of prompt and segment together, for each sequence. Longer passages are cut to fit. */
  readonly contextSize?: number;
  /** Hypotheses that are written at the same time, and prompts that stay in memory between levels. */
  readonly sequences?: number;
}

/** The first sentence of the text and the tokens that make it. The look-ahead that showed its end is left out. */
function firstSentence(
  model: LlamaModel,
  tokens: readonly Token[],
  text: string,
  logprobs: readonly number[],
  end: boolean,
): SegmentCandidate {
  const spans = sentenceSpans(text);
  const stop = end || spans.length < 2 ? text.trimEnd().length : spans[0]!.end;
  let count = 0;
  while (count < tokens.length && model.detokenize(tokens.slice(0, count), false).trimEnd().length < stop) count += 1;
  return { text: text.slice(0, stop).trim(), tokens: count, logprobs: logprobs.slice(0, count), end, quoted: null };
}

/**
 * A local language model that writes one sentence for each hypothesis.
 * The log-probabilities are those of the model itself (temperature 1, whole vocabulary), also where a temperature draws the tokens.
 * A control token ends the answer; it never becomes text.
 */
export function ggufGenerator({
  model,
  threads = 1,
  contextSize = 2048,
  sequences = 5,
}: GgufGeneratorOptions): Generator {
  const withContext = getPrompt('answer-with-context@1');
  const closedBook = getPrompt('answer-closed-book@1');
  const shortAnswer = samplePrompts();
  const session = llamaSession({ model, threads, contextSize, sequences });

  function partsOf(engine: LlamaEngine, { question, passage, answerSoFar }: ExtendRequest, reserve: number): Token[][] {
    const values = { question, answerSoFar: joinSegments(answerSoFar) };
    return passage === null
      ? engine.parts(closedBook, values, ['question', 'answerSoFar'], reserve)
      : engine.parts(
          withContext,
          { ...values, passage: passage.text },
          ['question', 'answerSoFar', 'passage'],
          reserve,
        );
  }

  async function write(
    engine: LlamaEngine,
    slot: Slot,
    first: Next,
    ask: Ask,
    limit: number,
    options: ExtendOptions,
    random: () => number,
    check: () => void,
  ): Promise<SegmentCandidate> {
    const tokens: Token[] = [];
    const logprobs: number[] = [];
    let next = first;
    let text = '';
    for (;;) {
      const token = pick(next, options.temperature, random);
      if (engine.model.isEogToken(token) || engine.model.isSpecialToken(token))
        return firstSentence(engine.model, tokens, text, logprobs, true);
      tokens.push(token);
      logprobs.push(logprobOf(next, token));
      text = engine.model.detokenize(tokens, false);
      if (sentenceSpans(text).length > 1) return firstSentence(engine.model, tokens, text, logprobs, false);
      // Nothing but white space up to the limit is no segment: the answer ends here.
      if (tokens.length >= limit) return firstSentence(engine.model, tokens, text, logprobs, text.trim() === '');
      check();
      next = await engine.step(slot, token, ask);
    }
  }

  return {
    id: `gguf-${slugOf(model.name)}@1`,
    abilities: { logprobs: true, closedBook: true, quotes: false },
    prompts: {
      answerWithContext: withContext.hash,
      answerClosedBook: closedBook.hash,
      ...sampleHashes(shortAnswer),
    },
    extend(requests, options) {
      return session.use(async (engine, check) => {
        // A prompt keeps at least half of the context.
        const limit = Math.min(options.maxTokens, Math.floor(engine.contextSize / 2));
        const ask = askFor(options.temperature);
        const queues = plan(
          engine,
          requests.map((request, index) => ({ index, parts: partsOf(engine, request, limit) })),
        );
        const results: SegmentCandidate[][] = [];
        while (queues.some((queue) => queue.length > 0)) {
          // Prompts one by one, since mixing them would change their portions; then the hypotheses write in step, in shared batches.
          const round: (() => Promise<void>)[] = [];
          for (const [i, queue] of queues.entries()) {
            const job = queue.shift();
            if (!job) continue;
            const slot = engine.slots[i]!;
            const first = await engine.prompt(slot, job.parts, ask, check);
            const random = seededRandom(Math.imul(options.seed + 1, 0x9e3779b1) + job.index);
            round.push(async () => {
              results[job.index] = [await write(engine, slot, first, ask, limit, options, random, check)];
            });
          }
          const ended = await Promise.allSettled(round.map((run) => run()));
          for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
        }
        return results;
      }, options.signal);
    },
    sample: (requests, options) =>
      session.use((engine, check) => drawSamples(engine, requests, shortAnswer, options, check), options.signal),
    local: true,
    probe: ({ signal } = {}) =>
      session.use((engine, check) => llamaCapabilities(engine, getPrompt('probe@1'), check), signal),
    close: () => session.close(),
  };
}
