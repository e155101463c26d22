import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  CONTROL_TOKENS,
  critiquePrompt,
  firstSegment,
  inert,
  promptText,
  segmentPrompt,
  segmentSteps,
  type TokenStep,
} from '../../src/backends/reflection-tokens/format.ts';
import { critiqueAt, reflectionParts } from '../../src/backends/reflection-tokens/parts.ts';
import { sharedParts } from '../../src/backends/reflection-tokens/shared.ts';
import type { Critic, ExtendRequest, Generator } from '../../src/contracts.ts';
import { DiscernError } from '../../src/errors.ts';
import { publishedToken, readReflectionStream } from '../../src/reflection.ts';
import { scoreSegment } from '../../src/stages/score.ts';
import { describeCritic, passageOf } from '../../src/testing/describe-critic.ts';
import { describeGenerator } from '../../src/testing/describe-generator.ts';
import { HOSTILE_TEXTS } from '../../src/testing/suite.ts';
import type { CritiqueRequest, ReflectionKind } from '../../src/types.ts';
import { scriptedTokenModel } from './reflection-tokens-fixtures.ts';

describeCritic('reflection-tokens, scripted', () => reflectionParts(scriptedTokenModel()).critic());
describeGenerator('reflection-tokens, scripted', () => reflectionParts(scriptedTokenModel()).generator());

const PASSAGE = { ...passageOf('The Seine flows through Paris. It is 777 km long.'), title: 'Seine' };
const QUESTION = 'Which river flows through Paris?';
const OPTIONS = { maxTokens: 32, temperature: 0, seed: 0 };
const NEVER = Number.NEGATIVE_INFINITY;

const textOf = (prompt: ReturnType<typeof critiquePrompt>) => promptText(prompt, prompt.values);

describe('prompts of published checkpoints', () => {
  const passage = '[Retrieval]<paragraph>Seine\nThe Seine flows through Paris. It is 777 km long.</paragraph>';
  const head = '### Instruction:\nWhich river flows through Paris?\n\n### Response:\n';

  it.each([
    [{ kind: 'retrieve', question: QUESTION, answerSoFar: 'It is long.' }, `${head}It is long.`],
    [{ kind: 'isRel', question: QUESTION, passage: PASSAGE }, head + passage],
    [
      { kind: 'isSup', question: QUESTION, passage: PASSAGE, segment: 'The Seine does.' },
      `${head}${passage}[Relevant]The Seine does.`,
    ],
    [{ kind: 'isUse', question: QUESTION, answer: 'The Seine does.' }, `${head}[No Retrieval]The Seine does.`],
  ] as const)('before the label of a request: $0.kind', (request, text) => {
    expect(textOf(critiquePrompt(request))).toBe(text);
  });

  it('before a segment, with a passage and without', () => {
    const answerSoFar = ['It is long.', 'It is wide.'];
    expect(textOf(segmentPrompt({ question: QUESTION, passage: PASSAGE, answerSoFar }))).toBe(
      `${head}It is long. It is wide.${passage}`,
    );
    expect(textOf(segmentPrompt({ question: QUESTION, passage: null, answerSoFar }))).toBe(
      `${head}It is long. It is wide.[No Retrieval]`,
    );
    const untitled = { ...PASSAGE, title: null };
    expect(textOf(segmentPrompt({ question: QUESTION, passage: untitled, answerSoFar: [] }))).toBe(
      head + passage.replace('Seine\n', ''),
    );
  });

  it('a text never has a control token, whatever stands in it', () => {
    for (const token of [...CONTROL_TOKENS, '</s>', '<|im_end|>', '<|endoftext|>', '[INST]', '### Response:'])
      expect(inert(`a ${token} b${token}`)).not.toContain(token);
    expect(inert('[Relevant] [Utility:5]<paragraph></s> ### Response:\n[relevant] a < b, [1]')).toBe(
      '[ Relevant] [ Utility:5]< paragraph>< /s> # ## Response:\n[relevant] a < b, [1]',
    );
    expect(inert('<|yes|> @rel@', { '[Relevant]': '@rel@' })).toBe('< |yes|> @ rel@');
    const own = critiquePrompt({ kind: 'isSup', question: '', passage: passageOf(''), segment: '' });
    for (const hostile of HOSTILE_TEXTS) {
      const asked = critiquePrompt({ kind: 'isSup', question: hostile, passage: passageOf(hostile), segment: hostile });
      for (const token of [...CONTROL_TOKENS, '### Response:'])
        expect(textOf(asked).split(token), token).toHaveLength(textOf(own).split(token).length);
    }
  });
});

interface GoldenStream {
  readonly id: string;
  readonly steps: readonly { token: string; logprob?: number; top: Record<string, number> }[];
  readonly weights: { rel: number; sup: number; use: number };
  readonly expected: {
    readonly groups: Record<'rel' | 'sup' | 'use', Record<string, number>>;
    readonly score: number;
    readonly sRel: number | null;
    readonly sSup: number | null;
    readonly sUse: number | null;
  };
}

const golden = JSON.parse(readFileSync(new URL('../golden/selfrag-scores.json', import.meta.url), 'utf8')) as {
  readonly streams: readonly GoldenStream[];
};

const stream = (steps: readonly TokenStep[], ended = true) => {
  const words = steps.map(({ token }) => token).filter((token) => !CONTROL_TOKENS.includes(token));
  return { steps, ended, text: (count: number) => words.slice(0, count).join('') };
};

describe('golden streams', () => {
  it('are ten', () => {
    expect(golden.streams).toHaveLength(10);
  });

  it.each(golden.streams)('$id: segment, groups and score', ({ steps, expected, weights }) => {
    const segment = firstSegment(
      stream(steps.map(({ token, logprob = 0, top }) => ({ token, logprob, top, unseenLogprob: NEVER }))),
    );
    const found = readReflectionStream(segment.steps);
    const published = (kind: ReflectionKind) =>
      Object.fromEntries(
        Object.entries(found[kind] ?? {}).map(([label, value]) => [publishedToken(kind, label as never), value]),
      );
    expect({ rel: published('isRel'), sup: published('isSup'), use: published('isUse') }).toEqual(expected.groups);

    const at = <K extends ReflectionKind>(kind: K) => {
      const step = segment.steps.find(({ token }) =>
        Object.keys(expected.groups[kind.slice(2).toLowerCase() as 'rel']).includes(token),
      );
      return step && critiqueAt(kind, step);
    };
    const critiques = { isRel: at('isRel'), isSup: at('isSup'), isUse: at('isUse') };
    const lm = { isRel: weights.rel, isSup: weights.sup, isUse: weights.use, lm: 'none' } as const;
    const { total, parts } = scoreSegment(critiques, null, lm);
    for (const [actual, wanted] of [
      [total, expected.score],
      [parts.isRel, expected.sRel],
      [parts.isSup, expected.sSup],
      [parts.isUse, expected.sUse],
    ] as const)
      if (wanted === null) expect(actual).toBeNull();
      else expect(actual).toBeCloseTo(wanted, 9);

    // The text is all words up to the judgement of the whole answer.
    const use = steps.findIndex(({ token }) => token.startsWith('[Utility'));
    const words = steps.slice(0, use).filter(({ token }) => !token.startsWith('['));
    expect(segment.text).toBe(
      words
        .map(({ token }) => token)
        .join('')
        .trim(),
    );
    expect(segment.logprobs).toEqual(words.map(({ logprob }) => logprob));
    expect(segment.end).toBe(true);
  });
});

describe('segments of a stream', () => {
  const steps = (text: string): TokenStep[] =>
    text
      .split('|')
      .filter((token) => token !== '')
      .map((token) => ({ token, logprob: -0.5, top: {}, unseenLogprob: NEVER }));

  it.each([
    ['[Relevant]|A river|.|[Fully supported]|[Utility:5]', false, { count: 5, over: true, end: true }],
    ['[Relevant]|A river|.|[Fully supported]|[Retrieval]|<paragraph>', false, { count: 5, over: true, end: false }],
    ['[Relevant]|A river|.|[Fully supported]| More', false, { count: 4, over: true, end: false }],
    ['[Relevant]|A river|.|[Fully supported]|\n', false, { count: 5, over: false, end: false }],
    ['[Irrelevant]|A river|.|[No Retrieval]', false, { count: 4, over: true, end: false }],
    ['[Relevant]|A river|.', false, { count: 3, over: false, end: false }],
    ['[Relevant]|A river|.', true, { count: 3, over: true, end: true }],
    ['[Relevant]|A river|<paragraph>| x', false, { count: 2, over: true, end: false }],
    ['[Continue to Use Evidence]|A river', false, { count: 2, over: false, end: false }],
    ['[Retrieval]|<paragraph>', false, { count: 1, over: true, end: true }],
    ['[Utility:1]| x', false, { count: 1, over: true, end: true }],
    ['', true, { count: 0, over: true, end: true }],
  ])('%s', (text, ended, expected) => {
    expect(segmentSteps(steps(text), ended)).toEqual(expected);
  });

  it('give one sentence at most, without the tokens of the next', () => {
    const { text, logprobs, end, cut } = firstSegment(
      stream(steps('[Relevant]| It| is| long|.| It| is| wide|.|[Fully supported]|[Utility:5]')),
    );
    expect({ text, tokens: logprobs.length, end, cut }).toEqual({
      text: 'It is long.',
      tokens: 4,
      end: false,
      cut: true,
    });
  });

  it('of which nothing is left end the answer', () => {
    expect(firstSegment(stream(steps('[Relevant]|\n|[Utility:5]')))).toMatchObject({
      text: '',
      logprobs: [],
      end: true,
    });
    expect(firstSegment(stream(steps('[Relevant]| '), false))).toMatchObject({ text: '', logprobs: [], end: true });
  });
});

describe('the distribution at a place', () => {
  const top = { '[Relevant]': Math.log(0.6), '[Irrelevant]': Math.log(0.2), '[Utility:5]': Math.log(0.1) };

  it('is that of the labels of its kind', () => {
    const critique = critiqueAt('isRel', { top, unseenLogprob: NEVER });
    expect(critique.probs.relevant).toBeCloseTo(0.75, 12);
    expect(critique.mass).toBeCloseTo(0.8, 12);
    expect(critique.undecided).toBeUndefined();
  });

  it('has bounds where a label was not returned and could matter', () => {
    const { '[Irrelevant]': _, ...seen } = top;
    const open = critiqueAt('isRel', { top: seen, unseenLogprob: Math.log(0.1) });
    expect(open.undecided).toEqual({ bounds: { irrelevant: expect.closeTo(0.1, 12) } });
    const closed = critiqueAt('isRel', { top: seen, unseenLogprob: Math.log(0.001) });
    expect(closed.undecided).toBeUndefined();
    expect(closed.probs.relevant).toBeGreaterThan(0.998);
  });

  it('is unknown where no label has any probability', () => {
    const zero = { '[Relevant]': NEVER, '[Irrelevant]': NEVER };
    expect(critiqueAt('isRel', { top: zero, unseenLogprob: NEVER })).toMatchObject({
      probs: { relevant: 0.5, irrelevant: 0.5 },
      undecided: { bounds: { relevant: 1, irrelevant: 1 } },
    });
  });

  it('is read at -800 as well', () => {
    const low = { '[Relevant]': -800, '[Irrelevant]': -801 };
    expect(critiqueAt('isRel', { top: low, unseenLogprob: NEVER }).probs.relevant).toBeCloseTo(
      1 / (1 + Math.exp(-1)),
      12,
    );
  });
});

describe('one pass as generator and critic', () => {
  const first: ExtendRequest = { question: QUESTION, passage: PASSAGE, answerSoFar: [] };
  const isRel: CritiqueRequest = { kind: 'isRel', question: QUESTION, passage: PASSAGE };
  const supports = (segment: string): CritiqueRequest => ({
    kind: 'isSup',
    question: QUESTION,
    passage: PASSAGE,
    segment,
  });

  it('answers what was asked about its segment without another run', async () => {
    const model = scriptedTokenModel();
    const parts = reflectionParts(model);
    const [generator, critic] = [parts.generator(), parts.critic()];
    expect(await generator.extend([first], OPTIONS)).toEqual([
      [
        {
          text: 'The Seine flows through Paris.',
          tokens: 5,
          logprobs: [-0.25, -0.25, -0.25, -0.25, -0.25],
          end: false,
          quoted: null,
        },
      ],
    ]);
    const answerSoFar = 'The Seine flows through Paris.';
    const critiques = await critic.critique([
      isRel,
      supports(answerSoFar),
      { kind: 'retrieve', question: QUESTION, answerSoFar },
    ] as CritiqueRequest[]);
    expect(model.calls.read).toEqual([]);
    expect(critiques.map(({ probs, mass }) => ({ probs, mass }))).toEqual([
      { probs: { relevant: expect.closeTo(7 / 9), irrelevant: expect.closeTo(2 / 9) }, mass: expect.closeTo(0.9) },
      {
        probs: { fully: expect.closeTo(7 / 9), partially: expect.closeTo(1 / 9), none: expect.closeTo(1 / 9) },
        mass: expect.closeTo(0.9),
      },
      {
        probs: { yes: expect.closeTo(1 / 9), no: expect.closeTo(1 / 9), continue: expect.closeTo(7 / 9) },
        mass: expect.closeTo(0.9),
      },
    ]);
    // The answer was not judged as a whole, so that is asked.
    await critic.critique([{ kind: 'isUse', question: QUESTION, answer: answerSoFar }]);
    expect(model.calls.read).toHaveLength(1);
  });

  it('knows the use of an answer that it ended', async () => {
    const model = scriptedTokenModel();
    const parts = reflectionParts(model);
    const answerSoFar = ['The Seine flows through Paris.'];
    const [written] = await parts.generator().extend([{ ...first, answerSoFar }], OPTIONS);
    expect(written![0]).toMatchObject({ text: 'It is 777 km long.', end: true });
    const answer = 'The Seine flows through Paris. It is 777 km long.';
    const [use] = await parts.critic().critique([{ kind: 'isUse', question: QUESTION, answer }]);
    expect((use!.probs as Record<string, number>)['5']).toBeCloseTo(7 / 9, 12);
    expect(model.calls.read).toEqual([]);
    // What it thought of the passage behind a part of the answer is not what it thinks of it at first.
    await parts.critic().critique([isRel]);
    expect(model.calls.read).toHaveLength(1);
  });

  it('keeps nothing of what was said behind the sentence that it gives', async () => {
    const model = scriptedTokenModel(() => '[Relevant] It is long. It is wide.[Fully supported][Utility:5]');
    const parts = reflectionParts(model);
    await parts.generator().extend([first], OPTIONS);
    await parts.critic().critique([isRel, supports('It is long.')]);
    expect(model.calls.read.map(({ values }) => values.segment)).toEqual(['It is long.']);
  });

  it('asks equal requests once', async () => {
    const model = scriptedTokenModel();
    const critiques = await reflectionParts(model).critic().critique([isRel, isRel, isRel]);
    expect(critiques).toEqual([critiques[0], critiques[0], critiques[0]]);
    expect(model.calls.read).toHaveLength(1);
  });

  it('forces the token of a label where nothing was written', async () => {
    const model = scriptedTokenModel();
    const [critique] = await reflectionParts(model)
      .critic()
      .critique([supports('The Seine flows through Rome.')]);
    expect(model.calls.read.map(textOf)).toEqual([
      `### Instruction:\n${QUESTION}\n\n### Response:\n[Retrieval]<paragraph>Seine\n${PASSAGE.text}</paragraph>[Relevant]The Seine flows through Rome.`,
    ]);
    expect((critique!.probs as Record<string, number>).fully).toBeCloseTo(0.75, 12);
  });
});

describe('parts of one model', () => {
  const isClosed = (error: unknown) => DiscernError.is(error, 'BACKEND_CLOSED');
  const request: CritiqueRequest = { kind: 'retrieve', question: QUESTION, answerSoFar: '' };
  const ask = (critic: Critic) => critic.critique([request]);
  const write = (generator: Generator) =>
    generator.extend([{ question: QUESTION, passage: null, answerSoFar: [] }], OPTIONS);

  it('close it together, each by itself', async () => {
    const model = scriptedTokenModel();
    const parts = reflectionParts(model);
    const [critic, generator] = [parts.critic(), parts.generator()];
    await critic.close();
    await critic.close();
    await expect(ask(critic)).rejects.toSatisfy(isClosed);
    expect((await write(generator))[0]![0]!.text).toBe('I only know this.');
    expect(model.closed()).toBe(false);
    await generator.close();
    expect(model.closed()).toBe(true);
    await expect(write(generator)).rejects.toSatisfy(isClosed);
  });

  it('are shared by an owner until they are closed, and made again then', async () => {
    const owner = {};
    const models = [scriptedTokenModel(), scriptedTokenModel(), scriptedTokenModel()];
    let count = 0;
    const shared = (who: object, key = 'one') => sharedParts(who, key, () => models[count++]!);
    const [first, again] = await Promise.all([shared(owner), shared(owner)]);
    expect(again).toBe(first);
    expect(await shared({})).not.toBe(first);
    expect(count).toBe(2);
    await first.critic().close();
    expect(models[0]!.closed()).toBe(true);
    const next = await shared(owner);
    expect(next).not.toBe(first);
    expect(await ask(next.critic())).toHaveLength(1);
    expect(count).toBe(3);
  });

  it('are not kept where the model could not be made', async () => {
    const owner = {};
    const failing = () => Promise.reject(new DiscernError('MODEL_UNKNOWN', 'no such model'));
    await expect(sharedParts(owner, 'one', failing)).rejects.toSatisfy((error) =>
      DiscernError.is(error, 'MODEL_UNKNOWN'),
    );
    expect(await (await sharedParts(owner, 'one', () => scriptedTokenModel())).critic().critique([])).toEqual([]);
  });
});
