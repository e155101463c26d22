import type { Config } from '../config.ts';
import type { CallOptions, Entailment, Generator, SampledAnswer } from '../contracts.ts';
import { DiscernError } from '../errors.ts';
import { answerKey } from '../text/answer.ts';
import type { FactLog } from '../trace.ts';
import type { Candidate, Critique, CritiqueRequest, GateDecision, GateEstimator, Passage } from '../types.ts';
import { type Critics, critiqueAll } from './critique.ts';
import {
  decideGate,
  gateValue,
  marginAt,
  maySettle,
  needsSamples,
  needsSupport,
  sampleSteps,
  thresholdOf,
} from './gate-decision.ts';
import { type ContextScores, type GateMeasures, measureContext, unsampled } from './gate-measures.ts';
import { compareAnswers } from './meanings.ts';

export interface GateParts {
  /** The language model that answers are sampled from; null where there is none. */
  readonly sampler: Generator | null;
  readonly entailment: Entailment | null;
  readonly estimator: GateEstimator | null;
}

/** The kept passages of one recall, and what was said of them. */
export interface GateContext {
  readonly question: string;
  readonly candidates: readonly Candidate[];
  readonly isRel: ReadonlyMap<string, Critique<'isRel'>>;
}

type Condition = readonly Candidate[];

/** What the scores of its passages say of a context. */
function scoresOf(context: Condition, isRel: GateContext['isRel']): ContextScores {
  const best = (values: readonly (number | null | undefined)[]): number | null => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length === 0 ? null : Math.max(...known);
  };
  const relevance = context.flatMap(({ passage }) => isRel.get(passage.id)?.probs.relevant ?? []).sort((a, b) => b - a);
  return {
    isRel: relevance[0] ?? null,
    isRelMargin: relevance.length < 2 ? null : relevance[0]! - relevance[1]!,
    rerank: best(context.map(({ rerankScore }) => rerankScore)),
    recall: best(context.map(({ recallScore }) => recallScore)),
  };
}

/**
 * Asks whether a context helps: draws answers with and without it, as many as the decision needs, compares what they
 * mean, and decides. Models are asked here; the decision is that of `decideGate`.
 */
export async function gateContext(
  context: GateContext,
  parts: GateParts,
  critics: Critics,
  config: Config,
  log: FactLog,
  mayAsk: () => boolean,
  options: CallOptions,
): Promise<GateDecision> {
  const { gate } = config;
  const { question, candidates, isRel } = context;
  const { estimator } = parts;
  const scores = scoresOf(candidates, isRel);
  if (!needsSamples(gate.measure)) return decideGate(unsampled(scores), gate, estimator, { samples: 0, utilities: [] });
  const ask = sampling(question, parts, critics, config, log, options);

  const drawn: [SampledAnswer[], SampledAnswer[]] = [[], []];
  let measures: GateMeasures = unsampled(scores);
  // Where nothing says how far from the threshold is enough, looking earlier would only make more calls.
  const steps = sampleSteps(gate).filter(
    (count) => count === gate.samples || marginAt(count, gate, estimator) !== null,
  );
  for (const samples of steps) {
    if (drawn[0].length > 0 && !mayAsk()) break;
    const more = await ask.draw([candidates, []], drawn[0].length, samples - drawn[0].length);
    drawn.forEach((list, i) => void list.push(...more[i]!));
    measures = await ask.measure(candidates, drawn[0], drawn[1], scores);
    if (maySettle(gateValue(gate.measure, measures.features, estimator).value, samples, gate, estimator)) break;
  }
  const samples = drawn[0].length;
  const utilities =
    (gate.perPassage || config.rerank.by === 'utility') && mayAsk()
      ? await passageUtilities(context, drawn[1], measures, ask, gate, estimator)
      : [];
  return decideGate(measures, gate, estimator, { samples, utilities });
}

type Sampling = ReturnType<typeof sampling>;

function sampling(
  question: string,
  { sampler, entailment }: GateParts,
  critics: Critics,
  config: Config,
  log: FactLog,
  options: CallOptions,
) {
  const { gate, generate } = config;
  const sample = sampler?.sample;
  if (sample === undefined || entailment === null)
    throw new DiscernError(
      'CONFIG_INVALID',
      `gate.measure ${gate.measure} needs sampled answers, and no language model is configured for them`,
      { hint: 'set generate.withContext or generate.closedBook to one, such as gguf, or use --gate.when never' },
    );

  /** The samples `first` to `first + count` of each condition, all in one call. */
  async function draw(conditions: readonly Condition[], first: number, count: number): Promise<SampledAnswer[][]> {
    const lists = await sample!(
      conditions.map((condition) => ({ question, passages: condition.map(({ passage }) => passage) })),
      {
        ...{ first, count, maxTokens: gate.answerTokens, temperature: gate.temperature, seed: generate.seed },
        ...{ contextTokens: gate.maxTokens, ...options },
      },
    );
    log.spendTokens(lists.flat().reduce((sum, { tokens }) => sum + tokens, 0));
    return lists;
  }

  async function measure(
    condition: Condition,
    context: readonly SampledAnswer[],
    without: readonly SampledAnswer[],
    scores: ContextScores,
  ): Promise<GateMeasures> {
    const texts = [...context, ...without].map(({ text }) => text);
    const same = await compareAnswers(question, texts, entailment!, gate.equivalence, options);
    const passages = condition.map(({ passage }) => passage);
    const support = critics.isSup !== null && needsSupport(gate.measure) ? await supportOf(context, passages) : null;
    return measureContext({ with: context, without, same, support }, scores);
  }

  /** P(fully) of each answer by the passage that supports it most; equal answers are asked about once. */
  async function supportOf(answers: readonly SampledAnswer[], passages: readonly Passage[]): Promise<number[]> {
    const texts = new Map<string, string>();
    for (const { text } of answers) {
      const name = answerKey(text);
      if (name !== '' && !texts.has(name)) texts.set(name, text);
    }
    const requests = [...texts.values()].flatMap((segment) =>
      passages.map((passage): CritiqueRequest<'isSup'> => ({ kind: 'isSup', question, passage, segment })),
    );
    const critiques = await critiqueAll<'isSup'>(requests, critics, options);
    const fully = critiques.map((critique) => (critique === null || critique.undecided ? 0 : critique.probs.fully));
    const best = new Map(
      [...texts.keys()].map((name, i) => [
        name,
        Math.max(0, ...fully.slice(i * passages.length, (i + 1) * passages.length)),
      ]),
    );
    return answers.map(({ text }) => best.get(answerKey(text)) ?? 0);
  }

  return { draw, measure };
}

/**
 * What each passage adds: the measure with all of them minus the measure without this one, at the same number of
 * samples. A single passage is measured against the threshold instead, there being no rest.
 */
async function passageUtilities(
  { candidates, isRel }: GateContext,
  without: readonly SampledAnswer[],
  { features }: GateMeasures,
  { draw, measure }: Sampling,
  gate: Config['gate'],
  estimator: GateEstimator | null,
): Promise<GateDecision['utilities']> {
  const all = gateValue(gate.measure, features, estimator).value;
  const utility = (passageId: string, rest: number | null) => ({
    passageId,
    value: all === null || rest === null ? null : all - rest,
  });
  if (candidates.length === 1) return [utility(candidates[0]!.passage.id, thresholdOf(gate))];
  const rests = candidates.map((left) => candidates.filter((candidate) => candidate !== left));
  const lists = await draw(rests, 0, without.length);
  const utilities: GateDecision['utilities'][number][] = [];
  for (const [i, rest] of rests.entries()) {
    const measures = await measure(rest, lists[i]!, without, scoresOf(rest, isRel));
    utilities.push(utility(candidates[i]!.passage.id, gateValue(gate.measure, measures.features, estimator).value));
  }
  return utilities;
}

/** Pure: the kept passages by falling utility, without those that hurt; all as they were where nothing is known. */
export function byUtility(
  candidates: readonly Candidate[],
  utilities: GateDecision['utilities'],
): readonly Candidate[] {
  const values = new Map(utilities.map(({ passageId, value }) => [passageId, value ?? 0]));
  if (values.size === 0) return candidates;
  const of = ({ passage }: Candidate) => values.get(passage.id) ?? 0;
  const sorted = [...candidates].sort((a, b) => of(b) - of(a));
  const useful = sorted.filter((candidate) => of(candidate) >= 0);
  return useful.length > 0 ? useful : sorted.slice(0, 1);
}
