import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRag, type Rag } from '../../src/index.ts';
import { replay } from '../../src/replay.ts';
import { parseTrace } from '../../src/trace.ts';
import type { Answer } from '../../src/types.ts';

const QUESTION = 'Whose legacy made it possible to build the observatory?';
const NOWHERE = 'Which hotel in Tavelin lets guests bring a dog?';

const gateOf = ({ trace }: Answer) => trace.events.find((event) => event.type === 'gate-decided')!;

describe('the gate, with real models over the example corpus', () => {
  let rag: Rag;
  let answer: Answer;
  beforeAll(async () => {
    rag = await createRag({
      documents: fileURLToPath(new URL('../../examples/corpus', import.meta.url)),
      config: { gate: { when: 'always', samples: 5, risk: 0 }, rerank: { topN: 2 } },
    });
    answer = await rag.ask(QUESTION);
  }, 300_000);
  afterAll(() => rag.close());

  it('samples both conditions, and says why it keeps the context', () => {
    const gate = gateOf(answer);
    expect(gate).toMatchObject({ action: 'keep', measure: 'helps', samples: 5, threshold: 0.5 });
    for (const condition of [gate.meanings.with, gate.meanings.without]) {
      const mass = condition.reduce((sum, { probability }) => sum + probability, 0);
      expect(mass).toBeCloseTo(1, 9);
    }
    // The estimate is the sum of its bias and what each feature adds.
    const logOdds = gate.shares.reduce((sum, share) => sum + share.logOdds, answer.trace.gate!.bias);
    expect(gate.value).toBeCloseTo(1 / (1 + Math.exp(-logOdds)), 12);
    expect(answer.trace.facts.filter(({ role }) => role === 'sample')).toHaveLength(10);
  });

  it('gives the passages that hold no answer less', async () => {
    const other = gateOf(await rag.ask(NOWHERE));
    expect(other.features.isRel).toBeGreaterThan(0);
    expect(gateOf(answer).features.supported!).toBeGreaterThan(other.features.supported!);
  });

  it('is decided again from its facts, with other thresholds and fewer samples, by no model', async () => {
    const trace = parseTrace(JSON.stringify(answer.trace));
    const again = await replay(trace);
    expect(again.text).toBe(answer.text);
    expect(gateOf(again)).toEqual(gateOf(answer));
    const dropped = await replay(trace, { gate: { threshold: 1, refuse: false } });
    expect(dropped.unanswered?.reason).toBe('context-dropped');
    const fewer = gateOf(await replay(trace, { gate: { samples: 3, measure: 'pseudoSeper' } }));
    expect(fewer).toMatchObject({ samples: 3, measure: 'pseudoSeper' });
    await expect(replay(trace, { gate: { samples: 6 } })).rejects.toMatchObject({ code: 'REPLAY_FACT_MISSING' });
  });

  it('lets the model answer alone where the context is dropped and that is wanted', async () => {
    const alone = await rag.ask(QUESTION, { config: { gate: { threshold: 1, refuse: false, closedBook: true } } });
    expect(alone.unanswered).toBe(null);
    expect(alone.usedContext).toBe(false);
    expect(alone.citations).toEqual([]);
  });
});
