import { describe, expect, it } from 'vitest';
import { classifierCritic } from '../src/backends/critic/classifier.ts';
import { classifierReranker } from '../src/backends/reranker/classifier.ts';
import type { Critic, Entailment, Generator, Reranker } from '../src/contracts.ts';
import { answerQuestion, checkAnswer, retrieveEvidence } from '../src/pipeline.ts';
import { scriptedCritic } from '../src/testing/scripted-critic.ts';
import { scriptedEntailment } from '../src/testing/scripted-entailment.ts';
import { scriptedGenerator } from '../src/testing/scripted-generator.ts';
import { scriptedRewriter } from '../src/testing/scripted-rewriter.ts';
import type { GateEstimator } from '../src/types.ts';
import { countingClassifier } from './fixtures/counting-classifier.ts';
import { configOf, listRecaller, partsOf, passageOf } from './unit/parts.ts';

const NO_GATE = { sample: 0, samples: 0, compare: 0, comparisons: 0 };

/** How often each part is called for one question, and with how many requests. A raise needs a reason in its commit. */
async function countCalls(
  config: Parameters<typeof configOf>[0],
  segments: number,
  rewrites = false,
  stopping: GateEstimator['stopping'] = [],
) {
  const calls = { rewrite: 0, recall: 0, rerank: 0, critique: 0, critiques: 0, extend: 0, extensions: 0, ...NO_GATE };
  const passages = Array.from({ length: 50 }, (_, i) => passageOf(`p${i}`, `The old tower number ${i} stands here.`));
  const recaller = listRecaller(passages);
  const sure = { isRel: 'relevant', isSup: 'fully', isUse: '5', retrieve: 'yes' } as const;
  const critic = scriptedCritic(({ kind }) => ({ [sure[kind]]: 1 }), { predictsContinue: false });
  const counted: Critic = {
    ...critic,
    critique: (requests, options) => {
      calls.critique += 1;
      calls.critiques += requests.length;
      return critic.critique(requests, options);
    },
  };
  const writer = scriptedGenerator(({ answerSoFar }) => [
    { text: `Segment ${answerSoFar.length + 1}.`, end: answerSoFar.length + 1 >= segments },
  ]);
  const generator: Generator = {
    ...writer,
    extend: (requests, options) => {
      calls.extend += 1;
      calls.extensions += requests.length;
      return writer.extend(requests, options);
    },
    sample: (requests, options) => {
      calls.sample += 1;
      calls.samples += requests.length * options.count;
      return writer.sample!(requests, options);
    },
  };
  const comparer = scriptedEntailment({ equivalent: () => 0 });
  const entailment: Entailment = {
    ...comparer,
    equivalent: (requests, options) => {
      calls.compare += 1;
      calls.comparisons += requests.length;
      return comparer.equivalent(requests, options);
    },
  };
  const reranker: Reranker = {
    id: 'count@1',
    score: async (_question, candidates) => {
      calls.rerank += 1;
      return candidates.map((_, i) => -i);
    },
    close: async () => {},
  };
  const rewriter = scriptedRewriter((question) => {
    calls.rewrite += 1;
    return question;
  });
  const parts = partsOf({
    ...(rewrites && { rewriter }),
    recaller: {
      ...recaller,
      recall: (queries, options) => {
        calls.recall += 1;
        return recaller.recall(queries, options);
      },
    },
    reranker,
    critics: { retrieve: counted, isRel: counted, isSup: counted, isUse: counted },
    withContext: generator,
    closedBook: generator,
    gate: {
      sampler: generator,
      entailment,
      estimator: {
        id: 'test@1',
        bias: 0,
        features: [{ name: 'supported', mean: 0.5, scale: 1, weight: 1 }],
        stopping,
      },
    },
  });
  const answer = await answerQuestion('Where does the old tower stand?', parts, configOf(config));
  expect(answer.unanswered).toBe(null);
  return calls;
}

describe('model calls of a question', () => {
  it('topN 5, one segment: one call of each model, one batch for isSup and isUse, equal requests asked once', async () => {
    expect(await countCalls({ retrieve: { mode: 'always' } }, 1)).toEqual({
      rewrite: 0,
      recall: 1,
      rerank: 1,
      critique: 2,
      critiques: 5 + 5 + 1,
      extend: 1,
      extensions: 5,
      ...NO_GATE,
    });
  });

  it('adaptive asks one more critique; three segments repeat only generation and its critics', async () => {
    // Two hypotheses a level; what was asked before is not asked again. All five candidates of a level say the same text.
    const calls = await countCalls({ retrieve: { mode: 'adaptive' } }, 3);
    expect(calls).toMatchObject({ recall: 1, rerank: 1, extend: 3 });
    expect(calls.critique).toBe(1 + 1 + 3 + 2);
    expect(calls.extensions).toBeLessThanOrEqual(5 + 10 + 10);
  });

  it('a rewriter is asked once, and never without recall', async () => {
    const always = await countCalls({ retrieve: { mode: 'always' } }, 3);
    expect(always.rewrite).toBe(0);
    expect(await countCalls({ retrieve: { mode: 'always' } }, 3, true)).toEqual({ ...always, rewrite: 1 });
    expect(await countCalls({ retrieve: { mode: 'never' } }, 1, true)).toMatchObject({ rewrite: 0, recall: 0 });
  });

  it('never: no recall, no rerank, one generation and one critique', async () => {
    expect(await countCalls({ retrieve: { mode: 'never' } }, 1)).toEqual({
      rewrite: 0,
      recall: 0,
      rerank: 0,
      critique: 1,
      critiques: 1,
      extend: 1,
      extensions: 1,
      ...NO_GATE,
    });
  });

  it('the gate: one call for the samples of both conditions, one to compare them, one for isSup of them', async () => {
    const always = { retrieve: { mode: 'always' }, gate: { when: 'always' } } as const;
    // Four texts: one with context, for each of the five passages, and three guesses without.
    const one = {
      rewrite: 0,
      recall: 1,
      rerank: 1,
      critique: 2 + 1,
      critiques: 5 + 5 + 1 + 5,
      extend: 1,
      extensions: 5,
      sample: 1,
      samples: 2 * 10,
      compare: 1,
      comparisons: (4 * 3) / 2,
    };
    expect(await countCalls(always, 1)).toEqual(one);
    // Three segments from the same evidence: the gate is not asked again.
    const three = await countCalls(always, 3);
    expect(three).toMatchObject({ sample: 1, samples: 20, compare: 1, comparisons: 6 });
    expect(three.critique).toBe((await countCalls({ retrieve: { mode: 'always' } }, 3)).critique + 1);
  });

  it('the gate in steps: one call more for each, and nothing compared or criticised twice', async () => {
    const always = { retrieve: { mode: 'always' }, gate: { when: 'always' } } as const;
    const beyond = (margin: number) => [{ measure: 'helps' as const, samples: 3, risk: 0.02, margin }];
    const same = { compare: 1, comparisons: 6, critique: 3, critiques: 16 };
    expect(await countCalls(always, 1, false, beyond(0.5))).toMatchObject({ sample: 4, samples: 2 * 10, ...same });
    expect(await countCalls(always, 1, false, beyond(0.1))).toMatchObject({ sample: 1, samples: 2 * 3, ...same });
    const each = await countCalls({ ...always, gate: { when: 'always', perPassage: true } }, 1);
    expect(each).toMatchObject({ sample: 2, samples: 2 * 10 + 5 * 10 });
  });

  it('the gate is not asked without evidence, or for a measure that is known already', async () => {
    expect(await countCalls({ retrieve: { mode: 'never' }, gate: { when: 'always' } }, 1)).toMatchObject(NO_GATE);
    const known = { retrieve: { mode: 'always' }, gate: { when: 'always', measure: 'isRel' } } as const;
    expect(await countCalls(known, 1)).toMatchObject({ critique: 2, ...NO_GATE });
  });
});

describe('model runs of a classifier that is reranker and critic', () => {
  const passages = Array.from({ length: 60 }, (_, i) => passageOf(`p${i}`, `The old tower number ${i} stands here.`));
  async function countRuns(reranks: boolean, questions: readonly string[]) {
    const { classifier, runs } = countingClassifier();
    const critic = classifierCritic(classifier);
    const parts = partsOf({
      passages,
      ...(reranks && { reranker: classifierReranker(classifier) }),
      critics: { retrieve: critic, isRel: critic, isSup: critic, isUse: critic },
      withContext: scriptedGenerator(() => ['The old tower stands here.']),
    });
    const config = configOf({ recall: { topK: 50 }, rerank: { topN: 5 }, retrieve: { mode: 'adaptive' } });
    for (const question of questions) {
      const { unanswered, trace } = await answerQuestion(question, parts, config);
      expect(unanswered).toBe(null);
      expect(trace.facts.filter(({ role }) => role === 'rerank')).toHaveLength(reranks ? 50 : 0);
    }
    return runs;
  }
  const question = 'Where is the old tower?';

  it('topK 50: one run for each to rerank, and none for isRel of the topN', async () => {
    expect(await countRuns(true, [question])).toEqual({ retrieve: 1, isRel: 50, isSup: 5, isUse: 1 });
  });

  it('without rerank: isRel of the topN alone', async () => {
    expect(await countRuns(false, [question])).toEqual({ retrieve: 1, isRel: 5, isSup: 5, isUse: 1 });
  });

  it('the same question again costs nothing, another one its own runs', async () => {
    expect(await countRuns(true, [question, question])).toMatchObject({ isRel: 50, isSup: 5 });
    expect(await countRuns(true, [question, 'Who sees the old tower?'])).toMatchObject({ isRel: 100, isSup: 10 });
  });
});

/** Calls and requests of each role. */
function counted(facts: readonly { readonly role: string }[], calls: number) {
  const roles = new Map<string, number>();
  for (const { role } of facts) roles.set(role, (roles.get(role) ?? 0) + 1);
  return { calls, ...Object.fromEntries(roles) };
}

describe('the parts alone', () => {
  const critic = scriptedCritic();
  const critics = { retrieve: critic, isRel: critic, isSup: critic, isUse: critic };
  const passages = Array.from({ length: 50 }, (_, i) => passageOf(`p${i}`, `The old tower number ${i} stands here.`));
  const parts = partsOf({ passages, critics });

  it('retrieve: recall and IsREL of topN, nothing is written', async () => {
    const { trace, cost } = await retrieveEvidence('Where is the tower?', parts, configOf());
    expect(counted(trace.facts, cost.calls)).toEqual({ calls: 2, recall: 1, critique: 5 });
  });

  it('check: one call for every sentence by every passage, and IsUSE', async () => {
    const input = { question: 'Where is the tower?', answer: 'It is here. It is old.', passages: passages.slice(0, 3) };
    const { trace, cost } = await checkAnswer(input, parts, configOf());
    expect(counted(trace.facts, cost.calls)).toEqual({ calls: 1, critique: 7 });
  });
});
