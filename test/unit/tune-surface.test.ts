import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Critic } from '../../src/contracts.ts';
import type { GoldQuestion } from '../../src/evaluate/data/dataset.ts';
import { answerMetric } from '../../src/evaluate/metrics/registry.ts';
import { changeOf, replaySurface } from '../../src/evaluate/tune/replay-surface.ts';
import type { Setting } from '../../src/evaluate/tune/surface.ts';
import { askWide } from '../../src/evaluate/wide.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { prepareReplay } from '../../src/replay/prepared.ts';
import { mergeConfig, replay } from '../../src/replay.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { parseTrace } from '../../src/trace.ts';
import type { Answer, Trace } from '../../src/types.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

const TEXTS = ['Ada kept the tower.', 'Bo kept the mill.', 'Cy kept the bridge.', 'Di kept the gate.'];
const passages = TEXTS.map((text, i) => passageOf(`p${i}`, text));

/** Probabilities that differ by question and passage, so that each threshold parts some of them. */
const spread = (text: string): number => ([...text].reduce((sum, char) => sum + char.charCodeAt(0), 0) % 97) / 97;
const critic = scriptedCritic((request): Record<string, number> => {
  const share = (text: string) => ({ much: spread(text), rest: 1 - spread(text) });
  if (request.kind === 'retrieve') {
    const { much, rest } = share(request.question + request.answerSoFar);
    return { yes: much, no: rest };
  }
  if (request.kind === 'isRel') {
    const { much, rest } = share(request.question + request.passage.text);
    return { relevant: much, irrelevant: rest };
  }
  if (request.kind === 'isSup') {
    const { much, rest } = share(request.segment + request.question);
    return { fully: much, none: rest };
  }
  const { much, rest } = share(request.answer);
  return { '5': much, '1': rest };
});
const writer = scriptedGenerator(({ passage, answerSoFar, question }) => [
  {
    text: `${passage?.text ?? 'Nobody knows.'} (${answerSoFar.length})`,
    end: answerSoFar.length >= spread(question) * 3,
  },
]);
const parts = partsOf({
  passages,
  critics: { retrieve: critic, isRel: critic, isSup: critic, isUse: critic },
  withContext: writer,
  closedBook: writer,
});
const config = configOf({
  retrieve: { mode: 'adaptive', threshold: 0.5 },
  isRel: { threshold: 0.4, whenNoEvidence: 'generate' },
  beam: { width: 2, maxSegments: 3 },
});
const QUESTIONS = ['Who kept the tower?', 'Who kept the mill?', 'Who kept it?', 'What did Di keep?', 'And Bo?'];
const gold = (i: number): GoldQuestion => ({
  ...{ id: `q${i}`, question: QUESTIONS[i]!, answers: [TEXTS[i % 4]!], relevant: null, group: null, lang: null },
});

const wide = (question: string): Promise<Answer> =>
  askWide(
    (change, shared) =>
      answerQuestion(question, parts, configOf(mergeConfig(config, change)), { shared, id: question }),
    { settings: 20, seed: 1 },
  );
const stored = ({ trace }: Answer): Trace => parseTrace(JSON.stringify(trace));
const made = async () =>
  Promise.all(QUESTIONS.map(async (question, i) => ({ trace: stored(await wide(question)), gold: gold(i) })));

let kept: ReturnType<typeof made> | null = null;
/** Recorded once: nothing changes a trace. */
const recorded = () => (kept ??= made());

const settings = fc.record({
  'retrieve.threshold': fc.double({ min: 0, max: 1, noNaN: true }),
  'isRel.threshold': fc.double({ min: 0, max: 1, noNaN: true }),
  'weights.isSup': fc.constantFrom(0, 1, 2),
});

/** The plain way: each question replayed by itself. */
async function plainly(trace: Trace, setting: Setting, of: (answer: Answer) => number | null) {
  try {
    const answer = await replay(trace, changeOf(setting));
    return { values: [of(answer)], cost: answer.cost };
  } catch {
    return null;
  }
}

describe('replaySurface', () => {
  it('gives what a replay of each question gives, whatever was looked at before', async () => {
    const questions = await recorded();
    const surface = replaySurface(questions, ['f1']);
    const { of } = answerMetric('f1');
    await fc.assert(
      fc.asyncProperty(settings, async (setting) => {
        const expected = await Promise.all(
          questions.map(({ trace, gold: right }) => plainly(trace, setting, (answer) => of(answer, right))),
        );
        expect(await surface.at(setting)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
    expect(surface.counts.remembered).toBeGreaterThan(surface.counts.replayed);
  });

  it('replays a question once for each way that its comparisons take', async () => {
    const surface = replaySurface((await recorded()).slice(0, 1), ['f1']);
    for (let step = 0; step <= 1000; step++) await surface.at({ 'isRel.threshold': step / 1000 });
    // Four passages part the thresholds into five ranges at each of three levels.
    expect(surface.counts.replayed).toBeLessThanOrEqual(5 ** 3);
    expect(surface.counts.replayed).toBeGreaterThan(1);
    expect(surface.counts.replayed + surface.counts.remembered).toBe(1001);
  });

  it('counts what was not recorded as missing, and estimates nothing', async () => {
    const answer = await answerQuestion(QUESTIONS[0]!, parts, config, { id: 'q0' });
    const surface = replaySurface([{ trace: stored(answer), gold: gold(0) }], ['f1']);
    expect(await surface.at({ 'recall.topK': 500, 'retrieve.threshold': 0 })).not.toContain(undefined);
    const seen = new Set<boolean>();
    for (let step = 0; step <= 20; step++)
      for (const outcome of await surface.at({ 'retrieve.threshold': step / 20, 'isRel.threshold': 1 - step / 20 }))
        seen.add(outcome === null);
    expect(seen).toEqual(new Set([true, false]));
  });

  it('refuses traces of different options', async () => {
    const [first, second] = await recorded();
    const other = { ...second!, trace: { ...second!.trace, config: configOf({ beam: { width: 7 } }) } };
    expect(() => replaySurface([first!, other], ['f1'])).toThrow(/different options: .*beam\.width/);
    expect(() => replaySurface([], ['f1'])).toThrow(/no recorded questions/);
  });
});

describe('prepareReplay', () => {
  it('answers as replay does, again and again', async () => {
    for (const question of QUESTIONS) {
      const trace = stored(await wide(question));
      const replayer = prepareReplay(trace);
      for (const change of [{}, { retrieve: { threshold: 0 } }, { weights: { isUse: 3 } }, { beam: { width: 1 } }, {}])
        expect(await replayer.answer(change)).toEqual(await replay(trace, change));
    }
  });

  it('is independent of the order of the changes', async () => {
    const trace = stored(await wide(QUESTIONS[2]!));
    const changes = [{ recall: { topK: 2 } }, { recall: { topK: 4 } }, { recall: { topK: 3 }, rerank: { topN: 1 } }];
    const forth = prepareReplay(trace);
    const back = prepareReplay(trace);
    const there = [];
    for (const change of changes) there.push(await forth.answer(change));
    const again = [];
    for (const change of [...changes].reverse()) again.unshift(await back.answer(change));
    expect(again).toEqual(there);
  });
});

describe('askWide', () => {
  it('asks nothing twice, and leaves the answer as it is', async () => {
    const asked = new Map<string, number>();
    const counting: Critic = {
      ...critic,
      critique: (requests, options) => {
        for (const request of requests) {
          const key = JSON.stringify(request);
          asked.set(key, (asked.get(key) ?? 0) + 1);
        }
        return critic.critique(requests, options);
      },
    };
    const counted = { ...parts, critics: { retrieve: counting, isRel: counting, isSup: counting, isUse: counting } };
    const ask = (change: object, shared?: Parameters<Parameters<typeof askWide>[0]>[1]) =>
      answerQuestion('Who?', counted, configOf(mergeConfig(config, change)), { ...(shared && { shared }), id: 'q' });
    const answer = await askWide(ask, { settings: 20, seed: 1 });
    expect(Math.max(...asked.values())).toBe(1);
    const plain = await ask({});
    expect({ text: answer.text, decisions: answer.decisions }).toEqual({
      text: plain.text,
      decisions: plain.decisions,
    });
    expect(answer.trace.facts.length).toBeGreaterThan(plain.trace.facts.length);
    const again = await replay(stored(answer));
    expect({ ...again, trace: null }).toEqual({ ...JSON.parse(JSON.stringify(answer)), trace: null });
  });

  it('lets a trace be replayed under settings that the plain one lacks facts for', async () => {
    const plain = stored(await answerQuestion(QUESTIONS[0]!, parts, config, { id: 'q0' }));
    const widened = stored(await wide(QUESTIONS[0]!));
    const works = async (trace: Trace) => {
      let count = 0;
      for (let step = 0; step <= 10; step++)
        count += (await plainly(trace, { 'retrieve.threshold': step / 10, 'isRel.threshold': 0.9 }, () => 0)) ? 1 : 0;
      return count;
    };
    expect(await works(widened)).toBeGreaterThan(await works(plain));
  });
});
