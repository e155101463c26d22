import { z } from 'zod';
import {
  advanceBeam,
  type BeamCandidate,
  type BeamHypothesis,
  type BeamState,
  emptyBeam,
  isComplete,
} from '../../stages/beam.ts';
import { hasNoSupport, scoreSegment } from '../../stages/score.ts';
import { type CaseRunner, Expected, type GoldenFile, Num } from './case.ts';
import { critiquesOf, GoldenWeights, Groups, Seq, weightsOf } from './selfrag.ts';

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

const Trees = z.object({
  trees: z.array(
    z.object({ id: z.string(), expansions: z.unknown(), runs: z.array(z.looseObject({ expected: Expected })) }),
  ),
});

/** A tree with several runs gives as many cases. */
export const selfragBeam = (file: unknown): GoldenFile => ({
  cases: Trees.parse(file).trees.flatMap(({ id, expansions, runs }) =>
    runs.map((run, i) => ({ id: `${id}#${i}`, input: { expansions, run }, expected: run.expected, run: runBeam })),
  ),
});
