import { afterAll, beforeAll } from 'vitest';
import { decisionCritic } from '../../src/backends/critic/decision.ts';
import { describeCritic, passageOf } from '../../src/testing/describe-critic.ts';
import { type Decide, type LlmServer, llmServer, type Question } from '../../src/testing/llm-server.ts';
import { overlapOracle } from '../../src/testing/scripted-critic.ts';
import type { CritiqueRequest } from '../../src/types.ts';

/** Reads the texts of a state and judges them as the scripted critic does. */
const decide: Decide = ({ id, options, state }: Question) => {
  const { question, passage, statement, answer, answerSoFar } = JSON.parse(state) as Record<string, string>;
  const requests: Record<string, () => CritiqueRequest> = {
    relevance: () => ({ kind: 'isRel', question: question!, passage: passageOf(passage!) }),
    support: () => ({ kind: 'isSup', question: question!, passage: passageOf(passage!), segment: statement! }),
    usefulness: () => ({ kind: 'isUse', question: question!, answer: answer! }),
    retrieval: () => ({ kind: 'retrieve', question: question!, answerSoFar: answerSoFar! }),
  };
  const weights = overlapOracle(requests[id]!());
  const labels = Object.keys(weights);
  const words = { true: 'relevant', false: 'irrelevant' } as Record<string, string>;
  const levels = ['1', '2', '3', '4', '5'];
  const values = options.map((option, i) => {
    const label = id === 'usefulness' ? levels[i]! : (words[option] ?? option);
    return labels.includes(label) ? weights[label]! : 0;
  });
  const sum = values.reduce((a, b) => a + b, 0);
  return values.map((value) => value / sum);
};

let server: LlmServer;
beforeAll(async () => {
  server = await llmServer({ kind: 'decisions', decide });
});
afterAll(() => server.close());

for (const dialect of ['systemone', 'decisions'] as const)
  for (const together of [true, false])
    describeCritic(`decision, ${dialect}${together ? '' : ', each alone'}`, () =>
      decisionCritic({ dialect, together, model: 'test-model', baseUrl: `${server.url}/v1`, concurrency: 8 }),
    );
