import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config.ts';
import { openCritic } from '../../src/critics.ts';
import { openSwap, replaySwapped } from '../../src/evaluate/critics/compare-traces.ts';
import { type Answer, createRag, parseConfig, parseTrace, plainText, type Rag } from '../../src/index.ts';
import { CORPUS, discern, temporaryFolder } from '../fixtures/cli/discern.ts';

const QUESTIONS = [
  'When was the lighthouse on Little Hessel built?',
  'How heavy may a lorry be that crosses the swing bridge?',
  'Who founded the cooperative?',
  'What does the museum show?',
];
const config: ConfigInput = { rerank: { backend: 'none' }, beam: { maxSegments: 2 } };
const path = join(temporaryFolder(), 'traces.jsonl');

let rag: Rag;
let answers: Answer[];
beforeAll(async () => {
  rag = await createRag({ documents: CORPUS, config });
  answers = [];
  for (const question of QUESTIONS) answers.push(await rag.ask(question, { id: question }));
  writeFileSync(path, answers.map(({ trace }) => `${JSON.stringify(trace)}\n`).join(''));
});
afterAll(() => rag.close());

describe('mini and embedding on traces of the example corpus', () => {
  it('discern critics compare: mini speaks from its facts, embedding is asked', async () => {
    const { code, out, err } = await discern([
      'critics',
      'compare',
      '--a',
      'mini',
      '--b',
      'embedding',
      '--traces',
      path,
      '--json',
    ]);
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    const { a, b, kinds, costs, traces } = JSON.parse(out);
    expect([a, b, Object.keys(kinds)]).toEqual(['mini@1', 'embedding@1', ['isRel', 'isSup']]);
    const states = kinds.isRel.n + kinds.isSup.n;
    expect(costs.a).toMatchObject({ requests: states, recorded: states, calls: 0 });
    expect(costs.b).toMatchObject({ requests: states, recorded: 0, calls: QUESTIONS.length });
    // Five passages of each question are judged for their relevance.
    const passages = kinds.isRel.bySource['traces.jsonl'];
    expect(passages).toMatchObject({ n: 5 * QUESTIONS.length, questions: QUESTIONS.length });
    expect(passages.agreement.mean).toBeGreaterThan(0.5);
    expect(kinds.isRel.decisions.variants.own.threshold).toBe(0.191);
    expect(kinds.isRel.decisions.a.threshold).toBe(answers[0]!.trace.config.isRel.threshold);
    expect(traces).toMatchObject({ leftOut: { traces: 0, states: 0 }, answers: { questions: 2, covered: 2 } });
  });

  it('answered again with the embedding critic as it answers live, or not at all', async () => {
    const [a, b] = [
      await openCritic('mini', { config: parseConfig() }),
      await openCritic('embedding', { config: parseConfig() }),
    ];
    try {
      const options = { now: () => performance.now(), source: 'traces', change: {} };
      let covered = 0;
      for (const { trace, ...recorded } of answers) {
        const swap = await openSwap(parseTrace(JSON.stringify(trace)), a, b, options);
        expect(await replaySwapped(swap, swap.a, {}, {})).toMatchObject({ text: plainText(recorded) });
        const isRel = { threshold: trace.config.isRel.threshold };
        const critics = { isRel: 'embedding', isSup: 'embedding' };
        const live = await rag.ask(trace.question, { config: { critics, isRel } });
        const again = await replaySwapped(swap, swap.b, {}, {});
        if (again === null) continue;
        covered += 1;
        expect(again).toMatchObject({ text: plainText(live), answered: live.unanswered === null });
      }
      expect(covered).toBeGreaterThan(0);
    } finally {
      await b.close();
      await a.close();
    }
  });
});
