import { describe, expect, it } from 'vitest';
import { quoteGenerator } from '../../src/backends/generator/quote.ts';
import type { ConfigInput } from '../../src/config.ts';
import type { Generator, SegmentCandidate } from '../../src/contracts.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { replay } from '../../src/replay.ts';
import { orderQuotes, selectQuotes } from '../../src/stages/quotes.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { type GeneratorScript, scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { parseTrace } from '../../src/trace.ts';
import type { CritiqueRequest } from '../../src/types.ts';
import { configOf, partsOf, passageOf } from './parts.ts';

const sentence = (text: string, similarity?: number, encoder: number | null = null): SegmentCandidate => ({
  text,
  tokens: 1,
  logprobs: null,
  end: false,
  quoted: { start: 0, end: text.length },
  ...(similarity !== undefined && { scores: { similarity, encoder } }),
});
const texts = (lists: readonly (readonly SegmentCandidate[])[]) => lists.map((list) => list.map(({ text }) => text));

describe('order of quotes', () => {
  // Standardised: similarity 0.926, 0.463, -1.389; encoder -1.414, 0.707, 0.707; half of each -0.244, 0.585, -0.341.
  const list = [sentence('a', 0.9, 0), sentence('b', 0.8, 3), sentence('c', 0.4, 3)];

  it.each([
    [0, ['a', 'b', 'c']],
    [0.5, ['b', 'a', 'c']],
    [1, ['b', 'c', 'a']],
  ])('mixes what embedder and encoder say: share %d', (mix, expected) => {
    expect(texts(orderQuotes([list], mix))).toEqual([expected]);
  });

  it('standardises over all passages of the question, not over each', () => {
    // Over both lists the step of similarity is small beside that of the encoder; within the first they would cancel out.
    const lists = [
      [sentence('a', 0.52, 0), sentence('b', 0.5, 2)],
      [sentence('c', 0.9, 1), sentence('d', 0.1, 1)],
    ];
    expect(texts(orderQuotes(lists, 0.5))).toEqual([
      ['b', 'a'],
      ['c', 'd'],
    ]);
  });

  it('what the encoder did not see follows as it was given, and so do quotes without scores', () => {
    const rest = [sentence('x', 0.3), sentence('y', 0.99)];
    expect(texts(orderQuotes([[...rest, ...list]], 0.5))).toEqual([['b', 'a', 'c', 'x', 'y']]);
    expect(texts(orderQuotes([[sentence('p'), sentence('q')], []], 0.5))).toEqual([['p', 'q'], []]);
  });
});

describe('choice of quotes', () => {
  // Each of the four words tower, Tallinn, built, finished stands in one sentence: each is a quarter of the question.
  const question = 'When was the tower of Tallinn built and finished?';
  const [tower, built, masons, bread] = [
    sentence('The tower of Tallinn is old.', 0.8),
    sentence('It was built in 1433.', 0.75),
    sentence('Masons finished it.', 0.79),
    sentence('Bread is baked daily.', 0.78),
  ] as const;
  const choose = (answerSoFar: readonly string[], near: number | null, gain = 0.5, perPassage = 4) =>
    selectQuotes({
      question,
      answerSoFar,
      offers: [{ passage: passageOf('p', ''), candidates: [tower, built, masons, bread] }],
      perPassage,
      best: 100,
      gain,
      near,
      mix: 0.5,
    })[0]!.map(({ text, end }) => [text, end]);

  it('the first is free; a later one must add the gain; the answer ends where none does', () => {
    expect(choose([], null, 0.5, 2)).toEqual([
      [tower.text, true],
      [built.text, false], // the tower would still add a half
    ]);
    expect(choose([tower.text], null)).toEqual([]);
    expect(choose([tower.text], null, 0.25)).toEqual([
      [built.text, false],
      [masons.text, false],
    ]);
    expect(choose([built.text], null)).toEqual([[tower.text, true]]);
  });

  it('a second one that is nearly as similar may add less, if it adds something; a third may not', () => {
    expect(choose([], 0.02, 0.5, 1)).toEqual([[tower.text, false]]);
    expect(choose([tower.text], 0.02)).toEqual([[masons.text, true]]);
    expect(choose([tower.text], 0.08)).toEqual([
      [built.text, true],
      [masons.text, true],
    ]);
    expect(choose([tower.text, masons.text], 0.08)).toEqual([]);
  });

  it('a first sentence that is no quote has no similarity: then only the gain counts', () => {
    expect(choose(['It is a tower of Tallinn.'], 2)).toEqual([]);
    expect(choose(['I do not know.'], 2)).toEqual([[tower.text, true]]);
  });
});

const TEXT = 'The tower was built in 1902. It is 31 metres high. Rye is ground next door.';
const passage = passageOf('tower', TEXT);
const question = 'When was the tower built?';

/** Supported is what stands in the passage; `liked` is the most useful of all. */
const critic = (liked: string) =>
  scriptedCritic((request: CritiqueRequest): Record<string, number> => {
    switch (request.kind) {
      case 'retrieve':
        return { yes: 1 };
      case 'isRel':
        return request.passage.text.includes('built') ? { relevant: 0.9, irrelevant: 0.1 } : { irrelevant: 1 };
      case 'isSup':
        return request.passage.text.includes(request.segment) ? { fully: 1 } : { none: 1 };
      case 'isUse':
        return request.answer.endsWith(liked) ? { '5': 1 } : { '1': 1 };
    }
  });

async function ask(script: GeneratorScript, input: ConfigInput = {}, liked = 'none') {
  const judge = critic(liked);
  const calls: number[] = [];
  const inner = scriptedGenerator(script);
  const writer: Generator = {
    ...inner,
    extend: (requests, options) => {
      calls.push(requests.length);
      return inner.extend(requests, options);
    },
  };
  const parts = partsOf({
    passages: [passage],
    critics: { isRel: judge, isSup: judge, isUse: judge },
    withContext: writer,
    quotes: quoteGenerator({ embedder: hashEmbedder({ dimensions: 512 }) }),
  });
  const answer = await answerQuestion(question, parts, configOf(input), { id: 'q', now: () => 0 });
  return { answer, calls };
}

const invents: GeneratorScript = () => ['It has a golden roof.'];
const two = { generate: { quotes: 2 } };

describe('quotes beside a language model', () => {
  it('a writer that invents loses against the best sentence of the evidence', async () => {
    expect((await ask(invents)).answer.text).toBe('It has a golden roof. [1]');
    const { answer } = await ask(invents, { ...two, weights: { lm: 'expMean' } });
    expect(answer.text).toBe('The tower was built in 1902. [1]');
    expect(answer.citations[0]).toMatchObject({ quote: 'The tower was built in 1902.', start: 0, end: 28 });
    const [segment] = answer.segments;
    expect([segment!.logprob, segment!.score.parts.lm]).toEqual([null, 0]);
    expect(answer.trace.backends).toMatchObject({ 'generate.withContext': 'scripted@1', 'generate.quotes': 'quote@2' });
  });

  it('a writer that does better wins, also without a likelihood term', async () => {
    // Beside the quote's 0.9 + 1 - isUse it has 0.9 + isUse: its words are not in the passage, but it is useful.
    const liked = 'It was built in 1902.';
    const at = (isUse: number) => ask(() => [liked], { ...two, weights: { isUse } }, liked);
    expect((await at(0.4)).answer.text).toBe('The tower was built in 1902. [1]');
    expect((await at(0.6)).answer.text).toBe('It was built in 1902. [1]');
  });

  it('one answer may hold both', async () => {
    const script: GeneratorScript = ({ answerSoFar }) => [answerSoFar.length === 0 ? 'It has a golden roof.' : 'tower'];
    const adds = { generate: { quotes: 1, quoteNear: 2 }, beam: { width: 4 } };
    const both = passageOf('tower', 'The mill was built in 1902. The tower is older.');
    const judge = critic('The mill was built in 1902. tower');
    const parts = partsOf({
      passages: [both],
      critics: { isRel: judge, isSup: judge, isUse: judge },
      withContext: scriptedGenerator(script),
      quotes: quoteGenerator({ embedder: hashEmbedder({ dimensions: 512 }) }),
    });
    const answer = await answerQuestion(question, parts, configOf({ ...adds, weights: { isUse: 5 } }));
    expect(answer.segments.map(({ text, quoted }) => [text, quoted !== null])).toEqual([
      ['The mill was built in 1902.', true],
      ['tower', false],
    ]);
  });

  it('a written sentence that is a quote stays once, as the quote', async () => {
    const { answer } = await ask(() => ['The tower was built in 1902.'], two);
    const scored = answer.trace.events.flatMap((event) =>
      event.type === 'segment-scored' ? [[event.parent, event.text]] : [],
    );
    expect(scored).toEqual([
      ['', 'The tower was built in 1902.'],
      ['', 'It is 31 metres high.'],
      ['1', 'The tower was built in 1902.'],
    ]);
    expect(answer.segments[0]!.quoted).toEqual({ start: 0, end: 28 });
  });

  it('a budget that the quotes spend leaves them as the answer; quotes cost no generated tokens', async () => {
    const spent = await ask(invents, { ...two, budget: { calls: 3 } });
    expect([spent.answer.text, spent.calls]).toEqual(['The tower was built in 1902. [1]', []]);
    expect(spent.answer.decisions.at(-1)).toMatchObject({ about: 'budget', value: 3, threshold: 3 });
    const four = await ask(invents, { ...two, budget: { calls: 4 } });
    expect([four.answer.text, four.calls]).toEqual(['It has a golden roof. [1]', [1]]); // no call is left for the critics
    const tokens = await ask(invents, { generate: { quotes: 1 }, budget: { tokens: 6 } });
    expect(tokens.answer.decisions.some(({ about }) => about === 'budget')).toBe(false);
  });

  it('a generator that quotes has no quotes beside it', async () => {
    const quotes = quoteGenerator({ embedder: hashEmbedder({ dimensions: 512 }) });
    const parts = partsOf({ passages: [passage], withContext: quotes, quotes });
    const alone = await answerQuestion(question, parts, configOf({ generate: { quotesPerPassage: 1 } }));
    const beside = await answerQuestion(question, parts, configOf({ generate: { quotesPerPassage: 1, quotes: 3 } }));
    expect(beside.trace.events).toEqual(alone.trace.events);
  });
});

describe('replay of quotes', () => {
  it('gives the same answer bit for bit, and another one with other numbers', async () => {
    const { answer } = await ask(invents, two);
    const trace = parseTrace(JSON.stringify(answer.trace));
    expect(JSON.stringify(await replay(trace))).toBe(JSON.stringify(answer));
    expect((await replay(trace, { generate: { quotes: 0 } })).text).toBe('It has a golden roof. [1]');
    expect((await replay(trace, { generate: { quotes: 1 } })).text).toBe('The tower was built in 1902. [1]');
    expect((await replay(trace, { weights: { isRel: -1, isSup: -1 } })).text).toBe('It has a golden roof. [1]');
  });

  it('a trace without quotes is not replayed with them', async () => {
    const { answer } = await ask(invents);
    await expect(replay(parseTrace(JSON.stringify(answer.trace)), two)).rejects.toMatchObject({
      code: 'REPLAY_FACT_MISSING',
    });
  });

  it('another mix orders the recorded sentences anew', async () => {
    const high = {
      id: 'high@1',
      score: async (_: string, all: readonly string[]) => all.map((text) => +text.includes('31')),
    };
    const parts = partsOf({
      passages: [passage],
      withContext: quoteGenerator({ embedder: hashEmbedder({ dimensions: 512 }), ranker: high }),
    });
    const wide = await answerQuestion(
      question,
      parts,
      configOf({ generate: { quotesPerPassage: 3, quotesBest: 3, quoteMix: 0 } }),
    );
    const trace = parseTrace(JSON.stringify(wide.trace));
    const first = async (quoteMix: number) =>
      (await replay(trace, { generate: { quotesPerPassage: 1, quotesBest: 1, quoteMix }, beam: { maxSegments: 1 } }))
        .segments[0]!.text;
    expect([await first(0), await first(1)]).toEqual(['The tower was built in 1902.', 'It is 31 metres high.']);
  });
});

describe('the best quotes of all passages', () => {
  const quote = (text: string, encoder: number | null): SegmentCandidate => ({
    ...{ text, tokens: 3, logprobs: null, end: false, quoted: null },
    scores: { similarity: 0, encoder },
  });
  const chosen = (best: number, lists: readonly (readonly SegmentCandidate[])[]) =>
    selectQuotes({
      question: 'Who?',
      answerSoFar: [],
      offers: lists.map((candidates) => ({ passage, candidates })),
      ...{ perPassage: 2, best, gain: 0.5, near: null, mix: 1 },
    }).map((list) => list.map(({ text }) => text));

  it('are counted over all passages, not for each', () => {
    const lists = [[quote('low', 1), quote('high', 3)], [quote('middle', 2)]];
    expect(chosen(1, lists)).toEqual([['high'], []]);
    expect(chosen(2, lists)).toEqual([['high'], ['middle']]);
    expect(chosen(3, lists)).toEqual([['high', 'low'], ['middle']]);
  });

  it('are all where nothing was ranked by the encoder', () => {
    expect(chosen(1, [[quote('one', null)], [quote('two', null)]])).toEqual([['one'], ['two']]);
  });
});
