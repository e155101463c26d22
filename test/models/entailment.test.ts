import { beforeAll, describe, expect, it } from 'vitest';
import { type Classifier, createClassifier } from '../../src/backends/classifier.ts';
import { loadClassifier, shippedCritic } from '../../src/backends/classifier-definition.ts';
import { classifierEntailment } from '../../src/backends/entailment/classifier.ts';
import { meanChance } from '../../src/backends/entailment/equivalence.ts';
import { promptedEntailment } from '../../src/backends/entailment/prompted.ts';
import { labelReader } from '../../src/backends/llama-labels.ts';
import { softmax } from '../../src/calibration.ts';
import { parseConfig } from '../../src/config.ts';
import type { Entailment } from '../../src/contracts.ts';
import { openEntailment } from '../../src/entailment.ts';
import { DiscernError } from '../../src/errors.ts';
import type { ResolvedModel } from '../../src/models/manifest.ts';
import { createModelStore } from '../../src/models/store.ts';
import { getPrompt } from '../../src/prompts.ts';
import { describeEntailment } from '../../src/testing/describe-entailment.ts';

let classifier: Classifier;
let model: ResolvedModel;
beforeAll(async () => {
  model = await createModelStore(parseConfig().models).resolve('smollm2-135m-instruct');
  classifier = createClassifier({ files: await loadClassifier((await shippedCritic('mini'))!) });
  return () => classifier.close();
});

describeEntailment('mini', () => classifierEntailment(classifier));

// A small context keeps the long hostile texts short.
const reason = 'SmolLM2-135M answers at chance: Yes to 78% of equivalent answers, to 76% of others';
describeEntailment('prompted', () => promptedEntailment({ model, contextSize: 384 }), {
  skip: [
    { test: 'gets easy pairs of entail right', reason },
    { test: 'gets easy pairs of equivalent right', reason },
  ],
});

describe('the entailment heads of mini', () => {
  it('are both there, and NLI depends on the direction', async () => {
    const entailment = classifierEntailment(classifier);
    expect(entailment.id).toMatch(/^mini@\d+$/);
    expect(entailment.outputs).toEqual(['entail', 'equivalent']);
    const [long, short] = ['The old ferry leaves the island at noon every day.', 'The ferry leaves.'] as const;
    const [forward, backward] = await entailment.entail([
      { question: '', first: long, second: short },
      { question: '', first: short, second: long },
    ]);
    expect(Math.abs(forward!.entailment - backward!.entailment)).toBeGreaterThan(1e-3);
  });

  it('are opened by name, and closed with all that was loaded for them', async () => {
    const request = { question: 'When does the ferry leave?', first: 'at noon', second: 'at midnight' };
    const opened = await openEntailment('mini');
    expect(await opened.equivalent([request])).toEqual(await classifierEntailment(classifier).equivalent([request]));
    await opened.close();
    await opened.close();
    await expect(opened.equivalent([request])).rejects.toSatisfy((error) => DiscernError.is(error, 'BACKEND_CLOSED'));
  });

  it('tell a reworded answer from another one', async () => {
    const question = 'When does the ferry leave the island?';
    const [same, longer, other] = await classifierEntailment(classifier).equivalent([
      { question, first: 'at noon', second: 'noon' },
      { question, first: 'at noon', second: 'The ferry leaves the island at noon.' },
      { question, first: 'at noon', second: 'at midnight' },
    ]);
    expect(Math.min(same!, longer!)).toBeGreaterThan(0.5);
    expect(other).toBeLessThan(0.5);
  });
});

describe('prompted entailment', () => {
  const request = { question: 'When does the ferry leave the island?', first: 'at noon', second: 'at midnight' };
  const turned = { ...request, first: request.second, second: request.first };
  let entailment: Entailment;
  beforeAll(() => {
    entailment = promptedEntailment({ model });
    return () => entailment.close();
  });

  it('gives the probabilities of the labels that its prompts name, of both orders for equivalent', async () => {
    const [entail, equivalent] = [getPrompt('entail@1'), getPrompt('equivalent@1')];
    const reader = labelReader({ model, threads: 1, contextSize: 2048, prompts: [entail, equivalent] });
    const [of, forth, back] = await reader.read([
      { prompt: entail, values: request },
      { prompt: equivalent, values: request },
      { prompt: equivalent, values: turned },
    ]);
    await reader.close();
    const [contradiction, neutral, entails] = softmax([of!.contradiction!, of!.neutral!, of!.entailment!]);
    expect(await entailment.entail([request])).toEqual([{ contradiction, neutral, entailment: entails }]);
    const yes = (one: typeof forth) => softmax([one!.equivalent!, one!.different!])[0]!;
    expect(yes(forth)).not.toBe(yes(back));
    expect(await entailment.equivalent([request])).toEqual([meanChance(yes(forth), yes(back))]);
    // Both words of a model that was told to say one of them.
    expect(Math.exp(forth!.equivalent!) + Math.exp(forth!.different!)).toBeGreaterThan(0.3);
  });

  it('depends on the direction, and sees where one value ends and the next begins', async () => {
    const [forth, back] = await entailment.entail([request, turned]);
    expect(forth).not.toEqual(back);
    const split = [
      { ...request, first: 'noon\0', second: 'noon' },
      { ...request, first: 'noon', second: '\0noon' },
    ];
    const [one, other] = await entailment.entail(split);
    expect(one).not.toEqual(other);
    expect(await entailment.entail(split.slice(1))).toEqual([other]);
  });

  it('does not load the model for answers that are the same text but for case and blanks around it', async () => {
    const files = { 'model.gguf': { ...model.files['model.gguf']!, path: '/nowhere/model.gguf' } };
    const unread = promptedEntailment({ model: { ...model, files } });
    expect(await unread.equivalent([{ question: 'Which city?', first: 'Lisbon', second: ' lisbon\n' }])).toEqual([1]);
    await expect(unread.equivalent([request])).rejects.toSatisfy((error) => DiscernError.is(error, 'BACKEND_FAILED'));
    await unread.close();
  });

  it('is opened by name, with the language model of the config', async () => {
    const opened = await openEntailment('prompted', { config: { critics: { model: 'smollm2-135m-instruct' } } });
    expect(opened.id).toBe('prompted-smollm2-135m-instruct@1');
    expect(opened.outputs).toEqual(['entail', 'equivalent']);
    expect(await opened.equivalent([request])).toEqual(await entailment.equivalent([request]));
    await opened.close();
    await expect(openEntailment('prompted', { config: { critics: { model: 'nothing' } } })).rejects.toSatisfy((error) =>
      DiscernError.is(error, 'MODEL_UNKNOWN'),
    );
  });
});
