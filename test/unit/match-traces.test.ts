import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config.ts';
import { DiscernError } from '../../src/errors.ts';
import type { GoldQuestion } from '../../src/evaluate/data/dataset.ts';
import { matchTraces, requireOneConfig } from '../../src/evaluate/data/match.ts';
import type { Trace } from '../../src/types.ts';
import { configOf } from './parts.ts';

const gold = (id: string, question: string): GoldQuestion => ({
  ...{ id, question, answers: [id] },
  ...{ relevant: null, group: null, lang: null },
});
const trace = (id: string, question: string, config: ConfigInput = {}): Trace => ({
  ...{ version: 1, id, question, config: configOf(config), backends: {}, abilities: {}, prompts: {} },
  ...{ passages: {}, facts: [], events: [] },
  answer: { text: '', unanswered: null, usedContext: false, citations: [] },
});
const match = (traces: readonly Trace[], questions: readonly GoldQuestion[]) => {
  const { matched, unmatchedTraces, unmatchedQuestions } = matchTraces(traces, { name: 'set', questions });
  return {
    matched: matched.map((one) => `${one.trace.id} ${one.gold.id}`),
    traces: unmatchedTraces.map(({ id }) => id),
    questions: unmatchedQuestions.map(({ id }) => id),
  };
};

describe('traces and their gold questions', () => {
  it('match by id, else by the text of the question, in the order of the traces', () => {
    const questions = [gold('a', 'Who?'), gold('b', 'When?'), gold('c', 'Where?'), gold('d', 'Why?')];
    const traces = [trace('line-3', ' Where? '), trace('a', 'Who?'), trace('x', 'How?')];
    expect(match(traces, questions)).toEqual({ matched: ['line-3 c', 'a a'], traces: ['x'], questions: ['b', 'd'] });
  });

  it('do not match by an id that stands for another question', () => {
    const questions = [gold('1', 'Who?'), gold('2', 'When?')];
    expect(match([trace('1', 'When?'), trace('2', 'Which?')], questions)).toEqual({
      ...{ matched: ['1 2'], traces: ['2'], questions: ['1'] },
    });
  });

  it('take the id where a text stands twice, and nothing where the id does not tell', () => {
    const questions = [gold('a', 'Who?'), gold('b', 'Who?')];
    expect(match([trace('b', 'Who?'), trace('line-1', 'Who?')], questions)).toEqual({
      ...{ matched: ['b b'], traces: ['line-1'], questions: ['a'] },
    });
  });

  it('are refused where two answer one question', () => {
    const call = () => match([trace('a', 'Who?'), trace('line-7', 'Who?')], [gold('a', 'Who?')]);
    expect(call).toThrow('the traces "a" and "line-7" both answer question "a" of set');
  });
});

describe('the config of recorded questions', () => {
  it('is one for all, or the options that differ are named', () => {
    const one = { gold: gold('a', 'Who?'), trace: trace('a', 'Who?') };
    const other = { gold: gold('b', 'When?'), trace: trace('b', 'When?', { weights: { isSup: 2 } }) };
    expect(() => requireOneConfig([one, { ...one }])).not.toThrow();
    expect(() => requireOneConfig([])).not.toThrow();
    try {
      requireOneConfig([one, one, other]);
      expect.unreachable();
    } catch (error) {
      expect(DiscernError.is(error, 'INPUT_INVALID')).toBe(true);
      expect(String(error)).toContain('weights.isSup is 1 for "a" and 2 for "b"');
    }
  });
});
