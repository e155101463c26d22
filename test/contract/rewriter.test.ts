import { describe, expect, it } from 'vitest';
import { queryOf } from '../../src/backends/rewriter/prompted.ts';
import { describeRewriter } from '../../src/testing/describe-rewriter.ts';
import { scriptedRewriter } from '../../src/testing/scripted-rewriter.ts';

describeRewriter('scripted', () => scriptedRewriter());

describe('scripted rewriter', () => {
  it('searches with the bare words, and with the question where the script says nothing', async () => {
    expect(await scriptedRewriter().rewrite(['Who keeps the Lamp, and since 1874?', '?!'])).toEqual([
      'who keeps the lamp and since 1874',
      '?!',
    ]);
    expect(await scriptedRewriter(() => '').rewrite(['Who?'])).toEqual(['Who?']);
  });
});

describe('the query in what a model wrote', () => {
  it.each([
    ['keeper of the lamp"', 'keeper of the lamp'],
    ['keeper of the lamp', 'keeper of the lamp'],
    [' keeper " of the lamp', 'keeper'],
    ['keeper" is a search for "the keeper"', 'keeper'],
    ['who painted "The Kiss""', 'who painted "The Kiss"'],
    ['who painted "The Kiss"', 'who painted "The Kiss"'],
    ['painter of "The Kiss" in Vienna" and so on', 'painter of "The Kiss" in Vienna'],
    ['灯塔的看守人"', '灯塔的看守人'],
    ['', 'Who keeps it?'],
    ['"', 'Who keeps it?'],
    ['1874, ... -', 'Who keeps it?'],
    ['" or so', 'Who keeps it?'],
  ])('%j is %j', (line, query) => {
    expect(queryOf(line, 'Who keeps it?')).toBe(query);
  });
});
