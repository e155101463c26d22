import { describe, expect, it } from 'vitest';
import { whyLines } from '../../src/cli/why.ts';
import { gateLines } from '../../src/cli/why-gate.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import {
  CLUELESS,
  estimator,
  gateConfig,
  KNOWS,
  leaflet,
  question,
  tower,
  type World,
  worldOf,
} from './gate-fixtures.ts';
import { passageOf } from './parts.ts';

async function ask(world: World = {}, config = gateConfig()) {
  const { parts } = worldOf(world);
  return answerQuestion(question, parts, config);
}
const why = async (...given: Parameters<typeof ask>) => `\n${gateLines(await ask(...given)).join('\n')}\n`;

describe('the gate in the why of an answer', () => {
  it('kept: shares of the estimate, and what the model says with and without the context', async () => {
    expect(await why()).toMatchInlineSnapshot(`
      "
        gate: keep, helps 0.83 above 0.50
          log-odds: +1.2 supported, +0.4 closedBookDoubt
          10 of at most 10 answers drawn of each:
          with context: 1 meaning, entropy 0.00  without context: 3 meanings, entropy 1.09
          1.00 ########## in 1902                0.40 ####       in 1900
                                                 0.30 ###        in 1901
                                                 0.30 ###        in 1902
      "
    `);
  });

  it('dropped', async () => {
    expect(await why({ passages: [leaflet], beliefs: KNOWS })).toMatchInlineSnapshot(`
      "
        gate: drop, helps 0.03 not above 0.50
          log-odds: -2.0 closedBookDoubt, -1.6 supported
          10 of at most 10 answers drawn of each:
          with context: 1 meaning, entropy 0.00  without context: 1 meaning, entropy 0.00
          1.00 ########## in 1870                1.00 ########## in 1902
      "
    `);
  });

  it('refused: at most four meanings of each', async () => {
    expect(await why({ passages: [leaflet], beliefs: CLUELESS })).toMatchInlineSnapshot(`
      "
        gate: refuse, helps 0.50 not above 0.50; entropy without context 2.30 above 1.10
          log-odds: -1.6 supported, +1.6 closedBookDoubt
          10 of at most 10 answers drawn of each:
          with context: 1 meaning, entropy 0.00  without context: 10 meanings, entropy 2.30
          1.00 ########## in 1870                0.10 #          in 1900
                                                 0.10 #          in 1901
                                                 0.10 #          in 1902
                                                 0.10 #          in 1903
      "
    `);
  });

  it('by another measure, with few samples, and by one that needs none', async () => {
    const stopping = [{ measure: 'helps' as const, samples: 3, risk: 0.02, margin: 0.3 }];
    expect(await why({ estimator: { ...estimator, stopping } })).toMatchInlineSnapshot(`
      "
        gate: keep, helps 0.87 above 0.50
          log-odds: +1.2 supported, +0.7 closedBookDoubt
          3 of at most 10 answers drawn of each:
          with context: 1 meaning, entropy 0.00  without context: 3 meanings, entropy 1.10
          1.00 ########## in 1902                0.33 ###        in 1900
                                                 0.33 ###        in 1901
                                                 0.33 ###        in 1902
      "
    `);
    expect(await why({}, gateConfig({ measure: 'pseudoSeper', threshold: 0.6999 }))).toMatchInlineSnapshot(`
      "
        gate: keep, pseudoSeper 0.7000 above 0.6999
          10 of at most 10 answers drawn of each:
          with context: 1 meaning, entropy 0.00  without context: 3 meanings, entropy 1.09
          1.00 ########## in 1902                0.40 ####       in 1900
                                                 0.30 ###        in 1901
                                                 0.30 ###        in 1902
      "
    `);
    expect(await why({}, gateConfig({ measure: 'isRel' }))).toMatchInlineSnapshot(`
      "
        gate: keep, isRel 0.90 above 0.50
      "
    `);
  });

  it('undefined, where the model says nothing', async () => {
    expect(await why({ beliefs: { tower: () => '' } }, gateConfig({ measure: 'pseudoSeper' }))).toMatchInlineSnapshot(`
      "
        gate: keep, pseudoSeper is undefined here
          10 of at most 10 answers drawn of each:
          with context: no answer  without context: 3 meanings, entropy 1.09
                                   0.40 ####       in 1900
                                   0.30 ###        in 1901
                                   0.30 ###        in 1902
      "
    `);
  });

  it('not asked, and why', async () => {
    expect(await why({}, gateConfig({ when: 'uncertain' }))).toMatchInlineSnapshot(`
      "
        gate: not asked, relevance and Retrieve are far from their thresholds
      "
    `);
    expect(await why({}, gateConfig({}, { budget: { calls: 2 } }))).toMatchInlineSnapshot(`
      "
        gate: not asked, the budget is spent
      "
    `);
    expect(gateLines(await ask({}, gateConfig({ when: 'never' })))).toEqual([]);
  });

  it('the utility of each passage, with an alert for one that hurts', async () => {
    const torn: World = {
      passages: [leaflet, tower],
      beliefs: { tower: ({ passages }, index) => (passages.length > 1 && index % 2 === 1 ? 'in 1870' : 'in 1902') },
    };
    const config = gateConfig({ measure: 'supported', threshold: 0.4, perPassage: true });
    expect(await why(torn, config)).toMatchInlineSnapshot(`
      "
        gate: keep, supported 0.45 above 0.40
          10 of at most 10 answers drawn of each:
          with context: 2 meanings, entropy 0.69  without context: 3 meanings, entropy 1.09
          0.50 #####      in 1902                 0.40 ####       in 1900
          0.50 #####      in 1870                 0.30 ###        in 1901
                                                  0.30 ###        in 1902
          utility -0.35  leaflet: A leaflet says that the tower was built …
          utility +0.35  tower: The tower was built in 1902.
          alert: supported falls by 0.35 with leaflet: A leaflet says that the tower was built …
      "
    `);
  });

  it('texts of models and documents are data, and no line is wider than 100 columns', async () => {
    const long = 'word '.repeat(100);
    const hostile = passageOf('tower', `\u001b[2J{{question}}\n${long}`);
    const lines = gateLines(
      await ask(
        {
          passages: [hostile],
          beliefs: { tower: () => `\u001b[31mred\u001b[0m ${long}`, alone: (_, i) => `\u202e${i} ${long}` },
        },
        gateConfig({ perPassage: true, samples: 20, refuse: false }),
      ),
    );
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(lines.filter((line) => /[\u0000-\u001f\u202e]/.test(line))).toEqual([]);
    expect(lines.join('\n')).toContain('\\u001b[31mred\\u001b[0m word…');
    expect(lines.join('\n')).toContain('tower: \\u001b[2J{{question}} word');
  });

  it('says where answers weigh the same, and at later segments only what was decided', async () => {
    const answer = await ask({ passages: [leaflet], beliefs: KNOWS });
    const { trace } = answer;
    const later = trace.events.flatMap((event) =>
      event.type === 'gate-decided' ? [{ ...event, measure: 'entropyReduction' as const, level: 1 }] : [],
    );
    const hurts = {
      ...{ type: 'negative-utility' as const, level: 1, passageId: 'leaflet', value: -1.0986 },
      measure: 'entropyReduction' as const,
    };
    const abilities = { 'gate.sample': { logprobs: false } };
    const events = [...trace.events, ...later, hurts];
    const lines = gateLines({ ...answer, trace: { ...trace, abilities, events } });
    expect(lines[2]).toBe('    10 of at most 10 answers drawn of each, all of the same weight:');
    expect(lines.slice(5)).toEqual([
      '  gate at segment 2: drop, entropyReduction 0.03 not above 0.50',
      '    alert: entropyReduction falls by 1.10 with leaflet: A leaflet says that the tower was built …',
    ]);
    expect(lines.at(-1)!.length).toBeLessThanOrEqual(100);
  });

  it('stands after the passages and before the segments', async () => {
    const lines = whyLines(await ask());
    const place = (words: string) => lines.findIndex((line) => line.includes(words));
    expect(place('went to the critic')).toBeGreaterThan(0);
    expect(place('  gate: keep')).toBeGreaterThan(place('went to the critic'));
    expect(place('segment 1')).toBeGreaterThan(place('  gate: keep'));
  });
});
