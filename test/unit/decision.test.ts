import { afterEach, describe, expect, it } from 'vitest';
import { type DecisionCriticOptions, decisionCritic } from '../../src/backends/critic/decision.ts';
import { type ConfigInput, parseConfig } from '../../src/config.ts';
import { DiscernError } from '../../src/errors.ts';
import { createCritic, type PresetContext } from '../../src/presets.ts';
import { getPrompt } from '../../src/prompts.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { llmServer } from '../../src/testing/llm-server.ts';
import type { CritiqueRequest } from '../../src/types.ts';

interface Sent {
  readonly url: string;
  readonly body: { readonly state?: unknown; readonly input?: string; readonly questions: unknown };
  readonly authorization: string | null;
}

type Say = (sent: Sent) => { readonly status?: number; readonly body: unknown };

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** A critic on a server that says what the script says; what it was sent is kept. */
function made(say: Say, options: Partial<DecisionCriticOptions> = {}) {
  const sent: Sent[] = [];
  const critic = decisionCritic({
    dialect: 'systemone',
    model: 'jev-latest',
    baseUrl: 'http://decide.test/v1',
    retries: 0,
    fetch: async (url, init) => {
      const headers = new Headers(init?.headers);
      const asked = {
        url: String(url),
        body: JSON.parse(String(init?.body)) as Sent['body'],
        authorization: headers.get('authorization'),
      };
      sent.push(asked);
      const { status = 200, body } = say(asked);
      return new Response(JSON.stringify(body), { status });
    },
    ...options,
  });
  closers.push(() => critic.close());
  return { critic, sent };
}

const PASSAGE = passageOf('The Seine flows through Paris.');
const QUESTION = 'Which river flows through Paris?';
const SEGMENT = 'It is the Seine.';
const isRel: CritiqueRequest = { kind: 'isRel', question: QUESTION, passage: PASSAGE };
const isSup: CritiqueRequest = { kind: 'isSup', question: QUESTION, passage: PASSAGE, segment: SEGMENT };
const isUse: CritiqueRequest = { kind: 'isUse', question: QUESTION, answer: `Paris has one river. ${SEGMENT}` };
const retrieve: CritiqueRequest = { kind: 'retrieve', question: QUESTION, answerSoFar: '' };

const SYSTEMONE = {
  relevance: { type: 'noul', noul: 0.8 },
  support: {
    type: 'choice',
    choice: 'fully',
    probabilities: { none: 0.1, fully: 0.6, partially: 0.3 },
    confidence: 0.4,
  },
  usefulness: {
    type: 'score',
    score: 3.1,
    legend: { '0': 'useless' },
    probabilities: { '0': 0.05, '1': 0.05, '2': 0.1, '3': 0.3, '4': 0.5 },
    confidence: 0.5,
  },
  retrieval: { type: 'choice', choice: 'yes', probabilities: { yes: 0.5, no: 0.2, continue: 0.3 }, confidence: 0.2 },
} as const;

const USE = { '1': 0.05, '2': 0.05, '3': 0.1, '4': 0.3, '5': 0.5 };

const isFailure = (part: string) => (error: unknown) =>
  DiscernError.is(error, 'BACKEND_FAILED') && error.message.includes(part);

const lines = (prompt: string) =>
  Object.fromEntries(
    getPrompt(prompt)
      .messages[0]!.text.split('\n\n')[1]!
      .split('\n')
      .map((line) => line.split(': ') as [string, string]),
  );
const instructions = (prompt: string) => getPrompt(prompt).messages[0]!.text.split('\n\n')[0];

describe('decision critic, systemone', () => {
  it('asks what belongs to one segment in one request, with all texts in the state', async () => {
    const { critic, sent } = made(() => ({ body: { model: 'jev', answers: SYSTEMONE } }), { apiKey: 'sk-decide' });
    const critiques = await critic.critique([isUse, isRel, isSup]);
    expect(sent).toEqual([
      {
        url: 'http://decide.test/v1/systemone',
        authorization: 'Bearer sk-decide',
        body: {
          model: 'jev-latest',
          state: {
            question: QUESTION,
            passage: 'The Seine flows through Paris.',
            statement: SEGMENT,
            answer: `Paris has one river. ${SEGMENT}`,
          },
          questions: {
            support: {
              type: 'choice',
              instructions: instructions('decide-is-sup@1'),
              criteria: lines('decide-is-sup@1'),
            },
            relevance: {
              type: 'noul',
              instructions: instructions('decide-is-rel@1'),
              criteria: lines('decide-is-rel@1'),
            },
            usefulness: {
              type: 'score',
              instructions: instructions('decide-is-use@1'),
              criteria: [
                'useless, or about something else',
                'hardly useful',
                'acceptable, with gaps',
                'good, with small gaps',
                'complete and to the point',
              ],
            },
          },
        },
      },
    ]);
    expect(lines('decide-is-sup@1')).toMatchInlineSnapshot(`
      {
        "fully": "the passage says everything that the statement says",
        "none": "the passage does not say it, or says the opposite",
        "partially": "the passage says a part of what the statement says",
      }
    `);
    expect(critiques.map(({ kind, mass }) => [kind, mass])).toEqual([
      ['isUse', 1],
      ['isRel', 1],
      ['isSup', 1],
    ]);
    const [use, rel, sup] = critiques.map(({ probs }) => probs);
    for (const [label, value] of Object.entries(USE))
      expect((use as Record<string, number>)[label], label).toBeCloseTo(value, 12);
    expect(rel).toEqual({ relevant: 0.8, irrelevant: expect.closeTo(0.2, 12) });
    expect(sup).toEqual({ fully: expect.closeTo(0.6), partially: expect.closeTo(0.3), none: expect.closeTo(0.1) });
  });

  it('asks Retrieve of question and answer so far, with its three answers', async () => {
    const { critic, sent } = made(() => ({ body: { answers: SYSTEMONE } }), { model: null });
    const [critique] = await critic.critique([{ ...retrieve, answerSoFar: 'It is long.' } as CritiqueRequest]);
    expect(sent[0]!.body).toEqual({
      state: { question: QUESTION, answerSoFar: 'It is long.' },
      questions: {
        retrieval: {
          type: 'choice',
          instructions: instructions('decide-retrieve@1'),
          criteria: lines('decide-retrieve@1'),
        },
      },
    });
    expect(critique!.probs).toEqual({ yes: 0.5, no: 0.2, continue: 0.3 });
    expect(critic.predictsContinue).toBe(true);
    expect(critic.id).toBe('decision-systemone@1');
    expect(critic.prompts).toEqual({
      retrieve: getPrompt('decide-retrieve@1').hash,
      isRel: getPrompt('decide-is-rel@1').hash,
      isSup: getPrompt('decide-is-sup@1').hash,
      isUse: getPrompt('decide-is-use@1').hash,
    });
  });

  it('keeps the other answers where one is refused or left out, and knows nothing of that one', async () => {
    for (const gone of [{}, { support: null }, { support: { type: 'refusal' } }]) {
      const { support: _, ...others } = SYSTEMONE;
      const { critic } = made(() => ({ body: { answers: { ...others, ...gone } } }));
      const [rel, sup, use] = await critic.critique([isRel, isSup, isUse]);
      expect(rel!.probs).toEqual({ relevant: 0.8, irrelevant: expect.closeTo(0.2, 12) });
      expect(use).not.toHaveProperty('undecided');
      expect(sup).toEqual({
        kind: 'isSup',
        probs: { fully: 1 / 3, partially: 1 / 3, none: 1 / 3 },
        mass: Number.MIN_VALUE,
        degraded: 'the model did not answer the question',
        undecided: { bounds: { fully: 1, partially: 1, none: 1 } },
      });
    }
  });

  it('takes sums that were rounded, and scales them', async () => {
    const probabilities = { '0': 0.07, '1': 0.07, '2': 0.07, '3': 0.4, '4': 0.41 };
    const { critic } = made(() => ({ body: { answers: { usefulness: { type: 'score', score: 3, probabilities } } } }));
    const [use] = await critic.critique([isUse]);
    expect(use!.probs).toEqual({
      '1': expect.closeTo(0.07 / 1.02, 12),
      '2': expect.closeTo(0.07 / 1.02, 12),
      '3': expect.closeTo(0.07 / 1.02, 12),
      '4': expect.closeTo(0.4 / 1.02, 12),
      '5': expect.closeTo(0.41 / 1.02, 12),
    });
  });

  it('takes the share of the labels where a server says it', async () => {
    const { critic } = made(() => ({
      body: { answers: { relevance: { type: 'noul', noul: 0.5, label_mass: 0.25 } } },
    }));
    expect((await critic.critique([isRel]))[0]!.mass).toBe(0.25);
    expect((await critic.probe!()).notes).toEqual([
      'gives probabilities of options (systemone), and the share of the labels',
    ]);
  });

  it.each([
    [isSup, { support: { type: 'choice', choice: 'fully', probabilities: { fully: 0.6, none: 0.4 } } }, 'fully, none'],
    [
      isSup,
      { support: { type: 'choice', choice: 'fully', probabilities: { fully: 0.6, partially: 0.3, none: 0.2 } } },
      'sum to 1.1',
    ],
    [
      isSup,
      { support: { type: 'choice', choice: 'none', probabilities: { fully: 0.6, partially: 0.3, none: 0.1 } } },
      'none chosen',
    ],
    [isSup, { support: { type: 'choice', choice: 'fully', probabilities: [0.6, 0.3, 0.1] } }, '"support" wrongly'],
    [
      isUse,
      { usefulness: { type: 'score', probabilities: { '1': 0.2, '2': 0.2, '3': 0.2, '4': 0.2, '5': 0.2 } } },
      '5',
    ],
    [isRel, { relevance: { type: 'noul', noul: 1.2 } }, '1.2'],
    [isRel, { relevance: { type: 'choice', noul: 0.2 } }, '"relevance" wrongly'],
  ] as const)('refuses an answer that is none: %#', async (request, answers, part) => {
    const { critic } = made(() => ({ body: { answers } }));
    await expect(critic.critique([request])).rejects.toSatisfy(isFailure(part));
  });

  it('says that a language model cannot decide, once, without trying again', async () => {
    const { critic, sent } = made(() => ({ status: 501, body: { error: 'not supported' } }), { retries: 3 });
    await expect(critic.prepare!()).rejects.toSatisfy(
      (error) =>
        isFailure('decide.test/v1 cannot decide with jev-latest: it is no decision model (501)')(error) &&
        (error as DiscernError).hint.includes('logprobs'),
    );
    expect(sent).toHaveLength(1);
  });

  it('says where a route or a model is missing', async () => {
    const { critic } = made(() => ({ status: 404, body: {} }));
    await expect(critic.critique([isRel])).rejects.toSatisfy(
      (error) => isFailure('has no /systemone')(error) && (error as DiscernError).hint.includes('critics.dialect'),
    );
  });

  it('passes on what else a server says, without the key', async () => {
    const { critic } = made(() => ({ status: 400, body: { error: 'too long for sk-decide' } }), {
      apiKey: 'sk-decide',
    });
    const error: unknown = await critic.critique([isRel]).catch((thrown: unknown) => thrown);
    expect(error).toSatisfy(isFailure('answered 400'));
    expect(JSON.stringify([error, (error as Error).message, (error as Error).stack])).not.toContain('sk-decide');
  });

  it('probes with one tiny request, once', async () => {
    const { critic, sent } = made(() => ({ body: { answers: SYSTEMONE } }));
    expect(await critic.probe!()).toEqual({
      logprobs: 'none',
      top: null,
      tokenIds: false,
      singleTokenLabels: null,
      thinksFirst: null,
      prefill: null,
      notes: ['gives probabilities of options (systemone)'],
    });
    await critic.prepare!();
    expect(sent.map(({ body }) => [body.state, Object.keys(body.questions as object)])).toEqual([
      [{ question: 'What colour is the sky?', passage: 'The sky is blue.' }, ['relevance']],
    ]);
  });

  it.each([
    ['http://decide.test', 'http://decide.test/v1/systemone'],
    ['http://decide.test/v1/', 'http://decide.test/v1/systemone'],
    ['http://decide.test/inference/v1', 'http://decide.test/inference/v1/systemone'],
    ['http://decide.test/api/alpha', 'http://decide.test/api/alpha/systemone'],
  ])('%s is asked at %s', async (baseUrl, url) => {
    const { critic, sent } = made(() => ({ body: { answers: SYSTEMONE } }), { baseUrl });
    await critic.critique([isRel]);
    expect(sent[0]!.url).toBe(url);
  });

  it('probes again after a failure', async () => {
    let status = 501;
    const { critic } = made(() => ({ status, body: { answers: {} } }));
    await expect(critic.probe!()).rejects.toSatisfy(isFailure('501'));
    status = 200;
    expect((await critic.probe!()).notes).toEqual(['it refused the question of the probe']);
  });

  it('sends no half of a surrogate pair', async () => {
    const { critic, sent } = made(() => ({ body: { answers: SYSTEMONE } }));
    await critic.critique([{ kind: 'isUse', question: 'a\ud800b \u{1f600}', answer: '\udc00' }]);
    expect(sent[0]!.body.state).toEqual({ question: 'a\ufffdb \u{1f600}', answer: '\ufffd' });
  });

  it('puts title and heading before the text of a passage', async () => {
    const { critic, sent } = made(() => ({ body: { answers: SYSTEMONE } }));
    await critic.critique([
      { ...isRel, passage: { ...PASSAGE, title: 'Paris', heading: 'Rivers' } } as CritiqueRequest,
    ]);
    expect(sent[0]!.body.state).toMatchObject({ passage: 'Paris\nRivers\nThe Seine flows through Paris.' });
  });
});

describe('decision critic, decisions', () => {
  const ANSWERS = [
    {
      type: 'choice',
      name: 'support',
      choice: 'partially',
      confidence: 0.2,
      probabilities: [
        { value: 'fully', probability: 0.3 },
        { value: 'none', probability: 0.2 },
        { value: 'partially', probability: 0.5 },
      ],
    },
    { type: 'predicate', name: 'relevance', probability: 0.9 },
    {
      type: 'score',
      name: 'usefulness',
      score: 3.1,
      confidence: 0.4,
      probabilities: Object.values(USE).map((probability, value) => ({ value, label: `${value + 1}`, probability })),
    },
  ];
  const decisions = (answers: readonly unknown[]) =>
    made(() => ({ body: { model: 'gpt-6-luna', answers, usage: {} } }), { dialect: 'decisions', model: 'gpt-6-luna' });

  it('asks typed questions about the state as JSON text', async () => {
    const { critic, sent } = decisions(ANSWERS);
    const [rel, sup, use] = await critic.critique([isRel, isSup, isUse]);
    expect(sent).toHaveLength(1);
    expect(sent[0]!.url).toBe('http://decide.test/v1/decisions');
    expect(JSON.parse(sent[0]!.body.input!)).toEqual({
      question: QUESTION,
      passage: 'The Seine flows through Paris.',
      statement: SEGMENT,
      answer: `Paris has one river. ${SEGMENT}`,
    });
    const { input: _, ...rest } = sent[0]!.body;
    expect(rest).toMatchInlineSnapshot(`
      {
        "model": "gpt-6-luna",
        "questions": [
          {
            "choices": [
              {
                "description": "the passage says everything that the statement says",
                "value": "fully",
              },
              {
                "description": "the passage says a part of what the statement says",
                "value": "partially",
              },
              {
                "description": "the passage does not say it, or says the opposite",
                "value": "none",
              },
            ],
            "instructions": "How far does \`passage\` support what \`statement\` says about \`question\`?",
            "name": "support",
            "type": "choice",
          },
          {
            "instructions": "Does \`passage\` contain the answer to \`question\`, or facts that the answer needs?
      True: it does
      False: it is about something else, or about the subject without helping to answer",
            "name": "relevance",
            "type": "predicate",
          },
          {
            "instructions": "How useful is \`answer\` to the person who asked \`question\`?",
            "levels": [
              {
                "description": "useless, or about something else",
                "label": "1",
              },
              {
                "description": "hardly useful",
                "label": "2",
              },
              {
                "description": "acceptable, with gaps",
                "label": "3",
              },
              {
                "description": "good, with small gaps",
                "label": "4",
              },
              {
                "description": "complete and to the point",
                "label": "5",
              },
            ],
            "name": "usefulness",
            "type": "score",
          },
        ],
      }
    `);
    expect(rel!.probs).toEqual({ relevant: 0.9, irrelevant: expect.closeTo(0.1, 12) });
    expect(sup!.probs).toEqual({ fully: 0.3, partially: 0.5, none: 0.2 });
    for (const [label, value] of Object.entries(USE))
      expect((use!.probs as Record<string, number>)[label], label).toBeCloseTo(value, 12);
  });

  it('keeps the other answers where one is refused or left out', async () => {
    for (const answers of [[{ type: 'refusal', name: 'support' }, ...ANSWERS.slice(1)], ANSWERS.slice(1)]) {
      const [rel, sup, use] = await decisions(answers).critic.critique([isRel, isSup, isUse]);
      expect(sup!.undecided).toEqual({ bounds: { fully: 1, partially: 1, none: 1 } });
      expect([rel, use].map((critique) => critique!.undecided)).toEqual([undefined, undefined]);
      expect((rel!.probs as Record<string, number>).relevant).toBe(0.9);
    }
  });

  it('goes by place where a server leaves the names out, unless answers are missing', async () => {
    const unnamed = ANSWERS.map((answer) => ({ ...answer, name: null }));
    const [rel] = await decisions(unnamed).critic.critique([isRel, isSup, isUse]);
    expect((rel!.probs as Record<string, number>).relevant).toBe(0.9);
    await expect(decisions(unnamed.slice(1)).critic.critique([isRel, isSup, isUse])).rejects.toSatisfy(
      isFailure('2 answers to 3 questions, without names'),
    );
  });

  it.each([
    [
      isRel,
      { type: 'choice', name: 'relevance', probabilities: [{ value: 'true', probability: 1 }] },
      '"relevance" wrongly',
    ],
    [isRel, { type: 'predicate', name: 'relevance', probability: -0.5 }, '-0.5'],
    [isRel, { type: 'predicate', name: 'relevance' }, 'probability'],
    [
      isUse,
      { type: 'score', name: 'usefulness', probabilities: [{ label: '1', probability: 1 }] },
      'options 1 instead',
    ],
  ] as const)('refuses an answer that is none: %#', async (request, answer, part) => {
    await expect(decisions([answer]).critic.critique([request])).rejects.toSatisfy(isFailure(part));
  });
});

describe('decision critic, what is asked together', () => {
  const kindsOf = (sent: readonly Sent[]) =>
    sent.map(({ body }) => [(body.state as Record<string, string>).question, Object.keys(body.questions as object)]);
  const all = () => ({ body: { answers: SYSTEMONE } });

  it('each passage and segment by itself, whatever the order', async () => {
    const other = { ...isSup, passage: passageOf('Paris is in France.', 'other') } as CritiqueRequest;
    const requests = [retrieve, isRel, isSup, other, isUse, { ...isUse, question: 'Which town?' } as CritiqueRequest];
    const { critic, sent } = made(all, { concurrency: 1 });
    await critic.critique(requests);
    const first = structuredClone(sent);
    expect(kindsOf(first)).toEqual([
      [QUESTION, ['support', 'usefulness']],
      [QUESTION, ['support', 'relevance']],
      ['Which town?', ['usefulness']],
      [QUESTION, ['retrieval']],
    ]);
    sent.length = 0;
    await critic.critique([...requests].reverse());
    expect(sent).toEqual(first);
  });

  it('not an answer of which the segment is no part', async () => {
    const { critic, sent } = made(all);
    await critic.critique([isSup, { ...isUse, answer: 'It is the Thames.' } as CritiqueRequest]);
    expect(kindsOf(sent)).toEqual([
      [QUESTION, ['support']],
      [QUESTION, ['usefulness']],
    ]);
  });

  it('equal requests once', async () => {
    const { critic, sent } = made(all);
    expect(await critic.critique([isRel, isRel, isRel])).toHaveLength(3);
    expect(sent).toHaveLength(1);
  });

  it('in lists of at most so many questions, with the same state', async () => {
    const { critic, sent } = made(all, { maxQuestions: 2, concurrency: 1 });
    const critiques = await critic.critique([isRel, isSup, isUse]);
    expect(sent.map(({ body }) => Object.keys(body.questions as object))).toEqual([
      ['support', 'relevance'],
      ['usefulness'],
    ]);
    expect(sent[1]!.body.state).toEqual(sent[0]!.body.state);
    expect(critiques.map(({ kind }) => kind)).toEqual(['isRel', 'isSup', 'isUse']);
  });

  it('each with its own texts alone where that is wanted', async () => {
    const { critic, sent } = made(all, { together: false, concurrency: 1 });
    await critic.critique([isRel, isSup, isUse]);
    expect(sent.map(({ body }) => Object.keys(body.state as object))).toEqual([
      ['question', 'passage', 'statement'],
      ['question', 'passage'],
      ['question', 'answer'],
    ]);
  });

  it('and stops the rest of a batch at the first failure', async () => {
    let count = 0;
    const { critic } = made(() => ({ status: count++ === 0 ? 400 : 200, body: { answers: SYSTEMONE } }), {
      concurrency: 1,
    });
    const requests = Array.from({ length: 20 }, (_, i) => ({ ...isRel, question: `${i}` }) as CritiqueRequest);
    await expect(critic.critique(requests)).rejects.toSatisfy(isFailure('400'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(count).toBeLessThanOrEqual(2);
  });
});

describe('decision critic, by its name', () => {
  const named = (critics: ConfigInput['critics']) =>
    createCritic('decision', {
      config: parseConfig({ critics }),
      keys: { openai: 'sk-decide' },
    } as unknown as PresetContext);

  it('asks the server of the config, with its key and dialect', async () => {
    const server = await llmServer({
      kind: 'decisions',
      key: 'sk-decide',
      decide: ({ options }) => options.map(() => 1 / options.length),
    });
    const { critic } = await named({ baseUrl: `${server.url}/v1`, serverModel: 'gpt-6-luna', dialect: 'decisions' });
    const [critique] = await critic.critique([isSup]);
    expect(critique!.probs).toEqual({ fully: 1 / 3, partially: 1 / 3, none: 1 / 3 });
    expect(server.requests.map(({ path, body }) => [path, body.model])).toEqual([['/v1/decisions', 'gpt-6-luna']]);
    await critic.close();
    await server.close();
  });

  it('needs one', async () => {
    await expect(named({})).rejects.toSatisfy((error) => DiscernError.is(error, 'CONFIG_INVALID'));
  });
});
