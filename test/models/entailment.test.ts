import { beforeAll, describe, expect, it } from 'vitest';
import { type Classifier, createClassifier } from '../../src/backends/classifier.ts';
import { loadClassifier, shippedCritic } from '../../src/backends/classifier-definition.ts';
import { classifierEntailment } from '../../src/backends/entailment/classifier.ts';
import { openEntailment } from '../../src/entailment.ts';
import { DiscernError } from '../../src/errors.ts';
import { describeEntailment } from '../../src/testing/describe-entailment.ts';

let classifier: Classifier;
beforeAll(async () => {
  classifier = createClassifier({ files: await loadClassifier((await shippedCritic('mini'))!) });
  return () => classifier.close();
});

describeEntailment('mini', () => classifierEntailment(classifier));

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
