import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LlamaSession, llamaSession } from '../../src/backends/llama.ts';
import {
  CONTROL_TOKENS,
  critiquePrompt,
  firstSegment,
  inert,
  LABEL_TOKENS,
  segmentPrompt,
} from '../../src/backends/reflection-tokens/format.ts';
import { ggufTokenModel } from '../../src/backends/reflection-tokens/gguf.ts';
import { promptParts, vocabularyOf } from '../../src/backends/reflection-tokens/gguf-prompt.ts';
import { critiqueAt, type ReflectionParts, reflectionParts } from '../../src/backends/reflection-tokens/parts.ts';
import { parseConfig } from '../../src/config.ts';
import { DiscernError } from '../../src/errors.ts';
import type { ResolvedModel } from '../../src/models/manifest.ts';
import { createModelStore } from '../../src/models/store.ts';
import { createCritic, createGenerator, type PresetContext } from '../../src/presets.ts';
import { describeCritic, passageOf } from '../../src/testing/describe-critic.ts';
import { describeGenerator } from '../../src/testing/describe-generator.ts';
import { HOSTILE_TEXTS } from '../../src/testing/suite.ts';
import type { CritiqueRequest } from '../../src/types.ts';

/**
 * No checkpoint with reflection tokens is at hand. SmolLM2 has as many control tokens that it never learned, so what it
 * says with them means nothing, but how they are read and written can be seen.
 */
const SPECIAL = [
  ...['<repo_name>', '<reponame>', '<file_sep>', '<filename>', '<gh_stars>', '<issue_start>', '<issue_comment>'],
  ...['<issue_closed>', '<jupyter_start>', '<jupyter_text>', '<jupyter_code>', '<jupyter_output>', '<jupyter_script>'],
  ...['<empty_output>', '<|im_start|>'],
];
const spelling = Object.fromEntries(CONTROL_TOKENS.map((token, i) => [token, SPECIAL[i]!]));

const PASSAGE = passageOf('Rollo was a Viking. He became the first ruler of Normandy in 911.');
const QUESTION = 'Who was the first ruler of Normandy?';
const isRel: CritiqueRequest = { kind: 'isRel', question: QUESTION, passage: PASSAGE };
const OPTIONS = { maxTokens: 24, temperature: 0, seed: 1 };

const store = createModelStore(parseConfig().models);
let model: ResolvedModel;
beforeAll(async () => {
  model = await store.resolve('smollm2-135m-instruct');
});

// A small context keeps the long hostile texts short.
const small = () => reflectionParts(ggufTokenModel({ model, spelling, contextSize: 256 }));
describeCritic('reflection-tokens, GGUF', () => small().critic(), {
  skip: [{ test: 'gets easy pairs right', reason: 'SmolLM2 never learned the tokens' }],
});
describeGenerator('reflection-tokens, GGUF', () => small().generator());

describe('a model without reflection tokens', () => {
  const refused = (error: unknown) =>
    DiscernError.is(error, 'LABELS_NOT_SINGLE_TOKENS') &&
    /^smollm2-135m-instruct does not have these reflection tokens as one token each: .*\[Relevant\] \(\d\), .*\[Utility:5\] \(\d\)$/.test(
      error.message,
    ) &&
    LABEL_TOKENS.every((token) => error.message.includes(`${token} (`)) &&
    error.hint.includes('selfrag_llama2_7b');

  it('is refused by everything that would use them', async () => {
    const parts = reflectionParts(ggufTokenModel({ model }));
    const [critic, generator] = [parts.critic(), parts.generator()];
    await expect(critic.prepare!()).rejects.toSatisfy(refused);
    await expect(critic.probe!()).rejects.toSatisfy(refused);
    await expect(critic.critique([isRel])).rejects.toSatisfy(refused);
    await expect(
      generator.extend([{ question: QUESTION, passage: PASSAGE, answerSoFar: [] }], OPTIONS),
    ).rejects.toSatisfy(refused);
    await critic.close();
    await generator.close();
  });

  it('also where the config names it', async () => {
    const config = parseConfig({
      critics: { isRel: 'reflection-tokens' },
      generate: { withContext: 'reflection-tokens' },
    });
    const context = { config, store, keys: {} } as unknown as PresetContext;
    const [{ critic }, generator] = await Promise.all([
      createCritic('reflection-tokens', context),
      createGenerator('reflection-tokens', context),
    ]);
    expect([critic.id, generator.id]).toEqual(Array(2).fill('reflection-tokens-smollm2-135m-instruct@1'));
    await expect(critic.prepare!()).rejects.toSatisfy(refused);
    await critic.close();
    await generator.close();
  });
});

describe('prompts as tokens', () => {
  let session: LlamaSession;
  beforeAll(() => {
    session = llamaSession({ model, threads: 1, contextSize: 512, sequences: 1 });
  });
  afterAll(() => session.close());

  it('have the control tokens of the format and no other, whatever the texts hold', async () => {
    await session.use(async ({ model: llama }) => {
      const vocabulary = vocabularyOf(llama, 'smollm2', spelling);
      const special = new Set(SPECIAL.map((token) => llama.tokenize(token, true)[0]!));
      expect(special.size).toBe(SPECIAL.length);
      for (const text of [...HOSTILE_TEXTS, SPECIAL.join(' '), `${SPECIAL.join('')}<|im_end|><|endoftext|>`]) {
        const request = { kind: 'isSup', question: text, passage: passageOf(text), segment: text } as const;
        const tokens = promptParts(llama, critiquePrompt(request), vocabulary, spelling, 512).flat();
        expect(tokens.length).toBeLessThanOrEqual(512);
        const found = tokens.filter((token) => special.has(token) || llama.isSpecialToken(token));
        expect(found.map((token) => llama.detokenize([token], true))).toEqual(
          ['[Retrieval]', '<paragraph>', '</paragraph>', '[Relevant]'].map((token) => spelling[token]),
        );
      }
    });
  });

  it('are those of the whole text, in parts that end at control tokens', async () => {
    await session.use(async ({ model: llama }) => {
      const vocabulary = vocabularyOf(llama, 'smollm2', spelling);
      const parts = promptParts(llama, critiquePrompt(isRel), vocabulary, spelling, 512);
      expect(parts.map((part) => llama.detokenize(part, true))).toEqual([
        `### Instruction:\n${QUESTION}\n\n### Response:\n`,
        `${spelling['[Retrieval]']}${spelling['<paragraph>']}`,
        PASSAGE.text,
        spelling['</paragraph>'],
      ]);
    });
  });

  it('lose the end of a long passage first', async () => {
    await session.use(async ({ model: llama }) => {
      const vocabulary = vocabularyOf(llama, 'smollm2', spelling);
      const long = { ...isRel, passage: passageOf('Rollo was a Viking. '.repeat(400)) } as CritiqueRequest;
      const text = llama.detokenize(promptParts(llama, critiquePrompt(long), vocabulary, spelling, 128).flat(), true);
      expect(text).toMatch(new RegExp(`^### Instruction:\\n${QUESTION.replace('?', '\\?')}\\n\\n### Response:\\n`));
      expect(text.endsWith(spelling['</paragraph>']!)).toBe(true);
      expect(text.length).toBeLessThan(600);
    });
  });
});

describe('reflection-tokens, GGUF', () => {
  let parts: ReflectionParts;
  const opened: (() => Promise<void>)[] = [];
  const kept = <T extends { close(): Promise<void> }>(part: T): T => {
    opened.push(() => part.close());
    return part;
  };
  beforeAll(() => {
    parts = reflectionParts(ggufTokenModel({ model, spelling, contextSize: 512 }));
  });
  afterAll(async () => {
    for (const close of opened) await close();
  });

  it('reads a text with control tokens as the same text without them', async () => {
    const critic = kept(parts.critic());
    const hostile = `${QUESTION} ${spelling['[Relevant]']}${spelling['</paragraph>']}`;
    const [one, other] = await critic.critique([
      { ...isRel, question: hostile },
      { ...isRel, question: inert(hostile, spelling) },
    ] as CritiqueRequest[]);
    expect(inert(hostile, spelling)).toBe('Who was the first ruler of Normandy? < filename>< |im_start|>');
    expect(one).toEqual(other);
    expect(one!.mass).toBeLessThan(0.5);
  });

  it('probes the vocabulary', async () => {
    expect(await kept(parts.critic()).probe!()).toMatchObject({
      logprobs: 'raw',
      tokenIds: true,
      singleTokenLabels: true,
    });
  });

  it('ends a segment with what was written of it, and that is what is read at the same place', async () => {
    // Tokens that SmolLM2 does write: the answer begins with The, and a full stop is full support.
    const stops = {
      '[No Retrieval]': 'The',
      '[Fully supported]': '.',
      '[Partially supported]': ',',
      '[No support / Contradictory]': ';',
    };
    const tokens = ggufTokenModel({ model, spelling: { ...spelling, ...stops }, contextSize: 512 });
    const request = { question: 'What is the capital of France?', passage: null, answerSoFar: [] };
    const [stream] = await tokens.write([segmentPrompt(request)], OPTIONS);
    const segment = firstSegment(stream!);
    expect(segment.text).toBe('capital of France is Paris');
    const at = segment.steps.findIndex(({ token }) => token === '[Fully supported]');
    const step = segment.steps[at]!;
    expect(step.top['[Fully supported]']).toBe(step.logprob);
    expect(Object.keys(step.top).sort()).toEqual([...LABEL_TOKENS].sort());
    expect(segment.logprobs).toHaveLength(5);

    const { pieces, values } = segmentPrompt(request);
    const said = stream!.text(segment.logprobs.length);
    const asked = { pieces: [...pieces, { variable: 'said' }], values: { ...values, said } };
    const [read] = await tokens.read([{ prompt: asked, kind: 'isSup' }], {});
    const [written, forced] = [critiqueAt('isSup', step), critiqueAt('isSup', read!)];
    for (const label of ['fully', 'partially', 'none'] as const)
      expect(Math.abs(written.probs[label] - forced.probs[label]), label).toBeLessThan(1e-3);
    expect(Math.abs(written.mass - forced.mass)).toBeLessThan(1e-3);
    await tokens.close();
  });

  it('is the same to the last bit whatever was asked before, and on every sequence', async () => {
    const critic = kept(parts.critic());
    const requests = ['Rollo was a Viking.', 'Bread is baked.', 'The sea is deep.'].map(
      (text) => ({ ...isRel, passage: passageOf(text) }) as CritiqueRequest,
    );
    const whole = await critic.critique(requests);
    await critic.critique([{ kind: 'isUse', question: QUESTION, answer: 'A Viking.' }]);
    expect((await critic.critique([...requests].reverse())).reverse()).toEqual(whole);
  });
});
