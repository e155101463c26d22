import { z } from 'zod';
import { DiscernError } from '../errors.ts';
import {
  distributionOf,
  fromPublished,
  publishedToken,
  readReflectionStream,
  stripReflectionTokens,
} from '../reflection.ts';
import {
  advanceBeam,
  type BeamCandidate,
  type BeamHypothesis,
  type BeamState,
  emptyBeam,
  isComplete,
} from '../stages/beam.ts';
import { aggregateClosedSet } from '../stages/closed-set.ts';
import { decideRetrieve, hasNoSupport, relativeWeights, scoreSegment, type Weights } from '../stages/score.ts';
import { REFLECTIONS, type ReflectionKind } from '../types.ts';

/** JSON has no infinities: the golden files write them as strings. */
const Num = z.union([z.number(), z.enum(['-Infinity', 'Infinity']).transform(Number)]);
const TokenMap = z.record(z.string(), Num);
const Groups = z.object({ rel: TokenMap.default({}), sup: TokenMap.default({}), use: TokenMap.default({}) });
const GoldenWeights = z.object({ rel: Num, sup: Num, use: Num }).default({ rel: 1, sup: 1, use: 0.5 });
const Seq = z.enum(['none', 'expMean', 'expSum']);
const Expected = z.record(z.string(), z.unknown());

const weightsOf = (weights: z.infer<typeof GoldenWeights>, lm: Weights['lm']): Weights => ({
  isRel: weights.rel,
  isSup: weights.sup,
  isUse: weights.use,
  lm,
});

const critiquesOf = (tokens: z.infer<typeof Groups>) => {
  const of = <K extends ReflectionKind>(kind: K, map: Record<string, number>) => {
    const probs = distributionOf(kind, fromPublished(kind, map));
    return probs === null ? undefined : { kind, probs };
  };
  return { isRel: of('isRel', tokens.rel), isSup: of('isSup', tokens.sup), isUse: of('isUse', tokens.use) };
};

const published = (kind: ReflectionKind, probs: Readonly<Record<string, number>> | null | undefined) =>
  probs
    ? Object.fromEntries(REFLECTIONS[kind].map((label) => [publishedToken(kind, label as never), probs[label]]))
    : null;

/** Runs one case and gives what the product computes, in the shape of the golden `expected`. */
type CaseRunner = (input: unknown) => Record<string, unknown>;

const SegmentCase = z.object({
  weights: GoldenWeights,
  seqMode: Seq.default('none'),
  segmentLogprobs: z.array(Num).nullable().default(null),
  tokens: Groups,
});
const runSegment: CaseRunner = (input) => {
  const { weights, seqMode, segmentLogprobs, tokens } = SegmentCase.parse(input);
  const critiques = critiquesOf(tokens);
  const { total, parts } = scoreSegment(critiques, segmentLogprobs, weightsOf(weights, seqMode));
  return {
    sRel: parts.isRel,
    sSup: parts.isSup,
    sUse: parts.isUse,
    seq: parts.lm,
    score: total,
    present: { rel: parts.isRel !== null, sup: parts.isSup !== null, use: parts.isUse !== null },
    distribution: {
      rel: published('isRel', critiques.isRel?.probs),
      sup: published('isSup', critiques.isSup?.probs),
      use: published('isUse', critiques.isUse?.probs),
    },
    noSupport: hasNoSupport(critiques.isSup),
  };
};

const RetrieveCase = z.object({ tokens: TokenMap, thresholds: z.array(Num) });
const runRetrieve: CaseRunner = (input) => {
  const { tokens, thresholds } = RetrieveCase.parse(input);
  const logprobs = fromPublished('retrieve', tokens);
  const weights = relativeWeights(logprobs);
  const distribution = distributionOf('retrieve', logprobs);
  return {
    probability: decideRetrieve(weights, 0).probability,
    withContinue: distribution === null ? null : distribution.yes + distribution.continue,
    distribution: published('retrieve', distribution),
    decisions: thresholds.map((threshold) => decideRetrieve(weights, threshold).retrieve),
    argmaxDecision: decideRetrieve(weights, null).retrieve,
  };
};

const StreamCase = z.object({
  steps: z.array(z.object({ token: z.string(), logprob: Num.optional(), top: TokenMap.default({}) })),
  weights: GoldenWeights,
  seqMode: Seq.default('none'),
});
const runStream: CaseRunner = (input) => {
  const { steps, weights, seqMode } = StreamCase.parse(input);
  const found = readReflectionStream(steps);
  const tokens = {
    rel: publishedLogs('isRel', found.isRel),
    sup: publishedLogs('isSup', found.isSup),
    use: publishedLogs('isUse', found.isUse),
  };
  const logprobs = steps.flatMap(({ logprob }) => (logprob === undefined ? [] : [logprob]));
  const { total, parts } = scoreSegment(critiquesOf(tokens), logprobs, weightsOf(weights, seqMode));
  return { groups: tokens, sRel: parts.isRel, sSup: parts.isSup, sUse: parts.isUse, seq: parts.lm, score: total };
};
const publishedLogs = (kind: ReflectionKind, logprobs: Readonly<Record<string, number | undefined>> = {}) =>
  Object.fromEntries(Object.entries(logprobs).map(([label, value]) => [publishedToken(kind, label as never), value!]));

const BeamRun = z.object({
  config: z.object({
    beamWidth: z.int(),
    maxDepth: z.int(),
    accumulate: z.enum(['sum', 'mean', 'product']),
    supportFilter: z.enum(['none', 'search', 'output']),
    seq: Seq.default('none'),
    weights: GoldenWeights,
  }),
});
const GoldenCandidate = z.object({
  id: z.string(),
  passage: z.string().nullable().default(null),
  text: z.string(),
  logprobs: z.array(Num).nullable().default(null),
  tokens: Groups,
  end: z.boolean(),
});
type Value = { text: string; passage: string | null; noSupport: boolean };

const TreeRun = z.object({ expansions: z.record(z.string(), z.array(GoldenCandidate)), run: BeamRun });
const runBeam: CaseRunner = (input) => {
  const { expansions, run } = TreeRun.parse(input);
  const { beamWidth, maxDepth, accumulate, supportFilter, seq, weights } = run.config;
  const candidates = new Map<string, BeamCandidate<Value>[]>(
    Object.entries(expansions).map(([path, list]) => [
      path,
      list.map(({ id, passage, text, logprobs, tokens, end }) => {
        const critiques = critiquesOf(tokens);
        const noSupport = hasNoSupport(critiques.isSup);
        return {
          id,
          end,
          noSupport,
          score: scoreSegment(critiques, logprobs, weightsOf(weights, seq)).total,
          value: { text, passage, noSupport },
        };
      }),
    ]),
  );
  const brief = ({ path, score, finished, deadEnd }: BeamHypothesis<Value>) => ({
    path,
    score,
    finished,
    ...(deadEnd ? { deadEnd } : {}),
  });
  const whole = (hypothesis: BeamHypothesis<Value>) => {
    const shown =
      supportFilter === 'output' ? hypothesis.values.filter(({ noSupport }) => !noSupport) : hypothesis.values;
    return {
      ...brief(hypothesis),
      segments: shown.map(({ text }) => text),
      passages: hypothesis.values.map(({ passage }) => passage),
    };
  };
  const levels: unknown[] = [];
  let state: BeamState<Value> = emptyBeam();
  for (let level = 0; level < maxDepth && !isComplete(state); level++) {
    state = advanceBeam(state, candidates, { width: beamWidth, accumulate, supportFilter });
    if (state.kept.length === 0) break;
    levels.push(state.kept.map(brief));
  }
  const finals = state.kept.filter(({ values }) => values.length > 0).map(whole);
  return { levels, finals, best: finals[0] ?? null };
};

const ClosedCase = z.object({
  weights: GoldenWeights,
  passages: z.array(z.object({ prediction: z.string(), score: Num.optional(), tokens: Groups.optional() })),
});
const runClosed: CaseRunner = (input) => {
  const { passages, weights } = ClosedCase.parse(input);
  const scored = passages.map(({ prediction, score, tokens }) => ({
    answer: stripReflectionTokens(prediction),
    score:
      score ??
      scoreSegment(critiquesOf(tokens ?? { rel: {}, sup: {}, use: {} }), null, weightsOf(weights, 'none')).total,
  }));
  const { ranking, best, bestSinglePassage } = aggregateClosedSet(scored);
  return { scores: scored.map(({ score }) => score), ranking, best, bestSinglePassage };
};

interface GoldenCase {
  id: string;
  input: unknown;
  expected: Record<string, unknown>;
  run: CaseRunner;
}

const listed = (file: unknown, key: string, run: CaseRunner): GoldenCase[] =>
  z
    .array(z.looseObject({ id: z.string(), expected: Expected }))
    .parse((file as Record<string, unknown>)[key] ?? [])
    .map((item) => ({ id: item.id, input: item, expected: item.expected, run }));

/** Which file formats are known, and the cases in them. */
const FORMATS: Record<string, (file: unknown) => GoldenCase[]> = {
  'selfrag-scores/1': (file) => [
    ...listed(file, 'segments', runSegment),
    ...listed(file, 'retrieve', runRetrieve),
    ...listed(file, 'streams', runStream),
  ],
  'selfrag-closed/1': (file) => listed(file, 'cases', runClosed),
  'selfrag-beam/1': (file) =>
    z
      .object({
        trees: z.array(
          z.object({ id: z.string(), expansions: z.unknown(), runs: z.array(z.looseObject({ expected: Expected })) }),
        ),
      })
      .parse(file)
      .trees.flatMap(({ id, expansions, runs }) =>
        runs.map((run, i) => ({ id: `${id}#${i}`, input: { expansions, run }, expected: run.expected, run: runBeam })),
      ),
};

export interface ConformanceResult {
  readonly passed: number;
  readonly failed: number;
  readonly differences: readonly {
    readonly id: string;
    readonly path: string;
    readonly expected: unknown;
    readonly actual: unknown;
  }[];
}

/** True for a format of golden file that this version computes. */
export const isKnownFormat = (format: string): boolean => format in FORMATS;

/** Runs the product's own functions on one golden file (already parsed JSON) and compares within its tolerance. */
export function checkConformance(file: unknown): ConformanceResult {
  const { format, tolerance } = z.object({ format: z.string(), tolerance: z.number().default(1e-9) }).parse(file);
  const cases = FORMATS[format];
  if (cases === undefined)
    throw new DiscernError(
      'INPUT_INVALID',
      `golden format "${format}" is not known; known: ${Object.keys(FORMATS).join(', ')}`,
    );
  let passed = 0;
  const differences: { id: string; path: string; expected: unknown; actual: unknown }[] = [];
  const all = cases(file);
  for (const { id, input, expected, run } of all) {
    const found = firstDifference(expected, run(input), tolerance, '');
    if (found === null) passed += 1;
    else differences.push({ id, ...found });
  }
  return { passed, failed: all.length - passed, differences };
}

/** Every key of `expected` must be there with the same value; numbers within the tolerance, all else exactly. */
function firstDifference(
  expected: unknown,
  actual: unknown,
  tolerance: number,
  path: string,
): { path: string; expected: unknown; actual: unknown } | null {
  const wanted = expected === 'Infinity' || expected === '-Infinity' ? Number(expected) : expected;
  if (typeof wanted === 'number' && typeof actual === 'number')
    return Object.is(wanted, actual) || Math.abs(wanted - actual) <= tolerance ? null : { path, expected, actual };
  if (typeof wanted !== 'object' || wanted === null) return wanted === actual ? null : { path, expected, actual };
  if (typeof actual !== 'object' || actual === null) return { path, expected, actual };
  if (Array.isArray(wanted) && (!Array.isArray(actual) || actual.length !== wanted.length))
    return { path, expected, actual };
  for (const [key, value] of Object.entries(wanted)) {
    const found = firstDifference(
      value,
      (actual as Record<string, unknown>)[key],
      tolerance,
      path === '' ? key : `${path}.${key}`,
    );
    if (found !== null) return found;
  }
  return null;
}

/** The format that a golden file declares; empty when it declares none. */
export const formatOf = (file: unknown): string => z.object({ format: z.string() }).safeParse(file).data?.format ?? '';
