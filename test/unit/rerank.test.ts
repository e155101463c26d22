import { describe, expect, it } from 'vitest';
import { classifierReranker } from '../../src/backends/reranker/classifier.ts';
import { whyLines } from '../../src/cli/why.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { replay } from '../../src/replay.ts';
import { mixedOrder, mixedScores, rerankCandidates, standardised } from '../../src/stages/rerank.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { parseTrace } from '../../src/trace.ts';
import type { Answer, Candidate } from '../../src/types.ts';
import { countingClassifier } from '../fixtures/counting-classifier.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

const candidatesOf = (recallScores: readonly number[]): Candidate[] =>
  recallScores.map((recallScore, i) => ({
    passage: passageOf(`p${i + 1}`, `Passage ${i + 1}.`),
    recallRank: i + 1,
    recallScore,
    rerankScore: null,
  }));
const ranksOf = (candidates: readonly Candidate[]) => candidates.map(({ recallRank }) => recallRank);

// Mean 5 and deviation 2 both: recall standardised is 2, 1, 0, 0, -0.5, -0.5, -0.5, -1.5; rerank the reverse.
const RECALL = [9, 7, 5, 5, 4, 4, 4, 2];
const RERANK = [2, 4, 4, 4, 5, 5, 7, 9];
const order = (mix: number, rerank = RERANK, recall = RECALL) => ranksOf(mixedOrder(candidatesOf(recall), rerank, mix));

describe('standardised', () => {
  it('has mean 0 and deviation 1: of 2 4 4 4 5 5 7 9 the mean is 5 and the deviation 2', () => {
    expect(standardised(RERANK)).toEqual([-1.5, -0.5, -0.5, -0.5, 0, 0, 1, 2]);
  });

  it('is 0 for values that are all equal, also where their sum is not exact', () => {
    expect(standardised([0.3, 0.3, 0.3])).toEqual([0, 0, 0]);
    expect(standardised([-7])).toEqual([0]);
    expect(standardised([])).toEqual([]);
  });
});

describe('the mix of rerank and recall', () => {
  it('weighs the standardised scores: 0.75 x rerank + 0.25 x recall', () => {
    // first: 0.75 x -1.5 + 0.25 x 2 = -0.625; last: 0.75 x 2 + 0.25 x -1.5 = 1.125
    expect(mixedScores(RECALL, RERANK, 0.75)).toEqual([-0.625, -0.125, -0.375, -0.375, -0.125, -0.125, 0.625, 1.125]);
    expect(order(0.75)).toEqual([8, 7, 2, 5, 6, 3, 4, 1]);
  });

  it('leaves ties in the order of recall: half and half gives 0.25 four times and -0.25 four times', () => {
    expect(order(0.5)).toEqual([1, 2, 7, 8, 3, 4, 5, 6]);
  });

  it('1 is rerank alone, ties by recall; 0 keeps the order of recall', () => {
    expect(order(1)).toEqual([8, 7, 5, 6, 2, 3, 4, 1]);
    expect(order(0)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('1 compares the scores themselves, however far one of them is from the others', () => {
    expect(order(1, [0.1, -Number.MAX_VALUE, 0.2], [3, 2, 1])).toEqual([3, 1, 2]);
  });

  it('scores that are all equal say nothing: the other side alone decides', () => {
    expect(order(0.9, [1, 1, 1], [3, 2, 1])).toEqual([1, 2, 3]);
    expect(order(0.1, [1, 2, 3], [0.7, 0.7, 0.7])).toEqual([3, 2, 1]);
    expect(order(0.5, [1, 1, 1], [0.7, 0.7, 0.7])).toEqual([1, 2, 3]);
  });

  it('does not depend on the scale of either: only on how far a score is from the others of its kind', () => {
    const [scaled, shifted] = [RERANK.map((score) => score * 64 - 1024), RECALL.map((score) => score / 16)];
    for (const mix of [0.25, 0.5, 0.75]) expect(order(mix, scaled, shifted)).toEqual(order(mix));
  });

  it('keeps what the reranker said as rerankScore', () => {
    expect(mixedOrder(candidatesOf(RECALL), RERANK, 0.5).map(({ rerankScore }) => rerankScore)).toEqual([
      2, 4, 7, 9, 4, 4, 5, 5,
    ]);
  });
});

describe('rerankCandidates', () => {
  const scores = (values: readonly number[]) => ({
    id: 'own@1',
    score: async () => [...values],
    close: async () => {},
  });
  const run = (values: readonly number[] | null, topN: number, mix = 1) =>
    rerankCandidates('Which?', candidatesOf([3, 2, 1]), values && scores(values), { topN, mix }, {});

  it('keeps the topN of the mixed order, or of recall without a reranker', async () => {
    expect(ranksOf(await run([1, 2, 3], 2))).toEqual([3, 2]);
    // recall 1.22 0 -1.22, rerank -0.84 -0.56 1.40: half of both 0.19 -0.28 0.09
    expect(ranksOf(await run([1, 2, 9], 2, 0.5))).toEqual([1, 3]);
    expect(ranksOf(await run(null, 2))).toEqual([1, 2]);
  });

  it('refuses scores that are missing or no numbers', async () => {
    await expect(run([1, 2], 2)).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
    await expect(run([1, 2, Number.NaN], 2)).rejects.toMatchObject({ code: 'BACKEND_FAILED' });
  });
});

describe('the classifier as reranker', () => {
  it('scores by the logit of isRel: shared words x 8 - 4 for this one', async () => {
    const { classifier } = countingClassifier();
    const reranker = classifierReranker(classifier);
    expect(reranker.id).toBe('counting@1');
    const [tower, mill] = [passageOf('tower', 'An old tower.'), passageOf('mill', 'The mill grinds rye.')];
    const candidates = candidatesOf([2, 1]).map((one, i) => ({ ...one, passage: [tower, mill][i]! }));
    expect(await reranker.score('old tower', candidates)).toEqual([4, -4]);
  });

  it('needs a head isRel', () => {
    const { classifier } = countingClassifier({ heads: { isSup: { at: 0, outputs: 3 } } });
    expect(() => classifierReranker(classifier)).toThrow(expect.objectContaining({ code: 'CRITIC_KIND_UNSUPPORTED' }));
  });
});

describe('a question with a reranker', () => {
  const passages = ['old', 'older', 'oldest'].map((age, i) => passageOf(`p${i + 1}`, `The ${age} tower stands here.`));
  const critic = scriptedCritic(
    (request): Record<string, number> =>
      request.kind === 'isRel' ? { relevant: request.passage.id === 'p3' ? 0.7 : 0.9, irrelevant: 0.1 } : { fully: 1 },
  );
  const parts = partsOf({
    passages,
    reranker: {
      id: 'own@1',
      score: async (_question, list) => list.map((_, i) => [0, 5, 10][i]!),
      close: async () => {},
    },
    critics: { isRel: critic, isSup: critic },
    withContext: scriptedGenerator(),
  });
  const ask = async (rerank: Parameters<typeof configOf>[0]) =>
    answerQuestion('Where is the tower?', parts, configOf(rerank), { id: 'q1' });
  const keptIds = ({ trace: { events } }: Answer) =>
    events.flatMap((event) => (event.type === 'rerank-end' ? event.kept.map(({ passageId }) => passageId) : []));

  it('tells rank of recall, score of rerank and, by their order, the final rank', async () => {
    const answer = await ask({ rerank: { mix: 0.75, topN: 2 } });
    expect(answer.trace.events.find(({ type }) => type === 'rerank-end')).toMatchObject({
      kept: [
        { passageId: 'p3', recallRank: 3, score: 10 },
        { passageId: 'p2', recallRank: 2, score: 5 },
      ],
    });
    const why = whyLines(answer).join('\n');
    expect(why).toContain('ordered by 0.75 x rerank + 0.25 x recall');
    expect(why).toMatch(/ 1 {2}recall 0\.88 \(#3\) {2}rerank 10\.00 .*\n.* 2 {2}recall 0\.89 \(#2\) {2}rerank 5\.00 /);
    expect(whyLines(await ask({})).join('\n')).not.toContain('ordered by');
  });

  it('is replayed with another mix from the same facts, without models', async () => {
    const live = await ask({ rerank: { mix: 1 } });
    const trace = parseTrace(JSON.stringify(live.trace));
    expect(keptIds(live)).toEqual(['p3', 'p2', 'p1']);
    const again = await replay(trace, { rerank: { mix: 0.25 } });
    expect(keptIds(again)).toEqual(['p1', 'p2', 'p3']);
    expect(JSON.stringify(again.trace.facts)).toContain('"role":"rerank"');
    expect(again.trace.config.rerank.mix).toBe(0.25);
    const live2 = await ask({ rerank: { mix: 0.25 } });
    expect([again.text, keptIds(again)]).toEqual([live2.text, keptIds(live2)]);
  });

  it('a mix that brings a passage which the critic never saw says so', async () => {
    const { trace } = await ask({ rerank: { mix: 1, topN: 1 } });
    await expect(replay(trace, { rerank: { mix: 0 } })).rejects.toMatchObject({ code: 'REPLAY_FACT_MISSING' });
  });

  it('a trace that was made before there was a mix is ordered by rerank alone, as it was', async () => {
    const { trace } = await ask({});
    const { mix: _mix, model: _model, ...rerank } = trace.config.rerank;
    const old = parseTrace(JSON.stringify({ ...trace, config: { ...trace.config, rerank } }));
    expect(keptIds(await replay(old))).toEqual(['p3', 'p2', 'p1']);
  });
});
