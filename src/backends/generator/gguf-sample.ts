import type { LlamaModel, Token } from 'node-llama-cpp';
import type { SampledAnswer, SampleOptions, SampleRequest } from '../../contracts.ts';
import { keyOf } from '../../text/hash.ts';
import { seededRandom } from '../../text/random.ts';
import type { LlamaEngine, TokenTree } from '../llama-engine.ts';
import { askFor, logprobOf, pick, plan } from '../llama-jobs.ts';
import { endsLine, oneLine } from '../one-line.ts';
import { contextOf, type SamplePrompts } from './sample-prompt.ts';

interface Draw {
  readonly random: () => number;
  answer: SampledAnswer | null;
}

function partsOf(
  engine: LlamaEngine,
  { question, passages }: SampleRequest,
  prompts: SamplePrompts,
  contextTokens: number,
  reserve: number,
): Token[][] {
  const asked = oneLine(question);
  if (passages.length === 0) return engine.parts(prompts.closedBook, { question: asked }, ['question'], reserve);
  const text = contextOf(passages);
  const tokens = engine.model.tokenize(text, false);
  const passage =
    tokens.length <= contextTokens ? text : engine.model.detokenize(tokens.slice(0, contextTokens), false);
  return engine.parts(prompts.withContext, { question: asked, passage }, ['question', 'passage'], reserve);
}

/** The numbers of one sample: the same for both conditions of a question, others for another question. */
const randomOf = ({ question }: SampleRequest, seed: number, index: number) =>
  seededRandom(Number.parseInt(keyOf({ question, seed, index }).slice(0, 8), 16));

/** Draws all samples of one prompt down the tree: what several have in common is evaluated once. */
async function grow(
  model: LlamaModel,
  tree: TokenTree,
  draws: readonly Draw[],
  limit: number,
  temperature: number,
  check: () => void,
): Promise<void> {
  async function below(path: readonly Token[], logprobs: readonly number[], group: readonly Draw[]): Promise<void> {
    check();
    const text = model.detokenize([...path], false);
    const end = (draw: Draw) => {
      draw.answer = { text: text.trim(), tokens: path.length, logprobs };
    };
    if (path.length >= limit) return group.forEach(end);
    const next = await tree.after(path);
    const forks = new Map<Token, Draw[]>();
    for (const draw of group) {
      const token = pick(next, temperature, draw.random);
      if (endsLine(model, path, token)) end(draw);
      else forks.set(token, [...(forks.get(token) ?? []), draw]);
    }
    for (const [token, fork] of forks) await below([...path, token], [...logprobs, logprobOf(next, token)], fork);
  }
  await below([], [], draws);
}

/**
 * Short answers at a temperature, all conditions in one call: prompts one after another, then their trees grow side by
 * side in shared batches, which changes no logit. A slot keeps its tree, so that further samples of the same prompt go
 * on where the earlier ones ended.
 */
export async function drawSamples(
  engine: LlamaEngine,
  requests: readonly SampleRequest[],
  prompts: SamplePrompts,
  options: SampleOptions,
  check: () => void,
): Promise<SampledAnswer[][]> {
  const { first, count, temperature, seed, contextTokens } = options;
  // A prompt keeps at least half of the context.
  const limit = Math.min(options.maxTokens, Math.floor(engine.contextSize / 2));
  const jobs = requests.map((request, index) => ({
    index,
    parts: partsOf(engine, request, prompts, contextTokens, limit),
  }));
  const queues = plan(engine, jobs);
  const results: SampledAnswer[][] = [];
  while (queues.some((queue) => queue.length > 0)) {
    const round: (() => Promise<void>)[] = [];
    for (const [i, queue] of queues.entries()) {
      const job = queue.shift();
      if (!job) continue;
      const tree = await engine.tree(engine.slots[i]!, job.parts, askFor(temperature), check);
      const draws = Array.from(
        { length: count },
        (_, n): Draw => ({
          random: randomOf(requests[job.index]!, seed, first + n),
          answer: null,
        }),
      );
      round.push(async () => {
        await grow(engine.model, tree, draws, limit, temperature, check);
        results[job.index] = draws.map(({ answer }) => answer!);
      });
    }
    const ended = await Promise.allSettled(round.map((run) => run()));
    for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
  }
  return results;
}
