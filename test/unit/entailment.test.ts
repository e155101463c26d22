import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Classifier, HeadRequest } from '../../src/backends/classifier.ts';
import type { Head } from '../../src/backends/classifier-input.ts';
import { classifierEntailment } from '../../src/backends/entailment/classifier.ts';
import { inBothOrders, meanChance } from '../../src/backends/entailment/equivalence.ts';
import { onnxEntailment } from '../../src/backends/entailment/onnx.ts';
import type { Entailment } from '../../src/contracts.ts';
import { openEntailment } from '../../src/entailment.ts';
import { DiscernError } from '../../src/errors.ts';
import { sameMeaning } from '../../src/semantics.ts';
import { scriptedEntailment } from '../../src/testing/scripted-entailment.ts';
import { countingClassifier, definitionOf } from '../fixtures/counting-classifier.ts';
import { resolveFolder, writeCrossEncoder } from '../fixtures/onnx/cross-encoder.ts';

const QUESTION = 'Which city keeps the archive?';
const of = (first: string, second: string, question = QUESTION) => ({ question, first, second });
const throwsCode = (code: DiscernError['code'], part: string) => (error: unknown) =>
  DiscernError.is(error, code) && error.message.includes(part);

describe('meanChance', () => {
  it('is the middle of the log-odds: of 0.8 (ln 4) and 0.5 (0) it is ln 2, so 2/3', () => {
    expect(meanChance(0.8, 0.5)).toBeCloseTo(2 / 3, 12);
    expect(meanChance(0.5, 0.8)).toBe(meanChance(0.8, 0.5));
    expect(meanChance(0.3, 0.3)).toBeCloseTo(0.3, 12);
  });

  it('stays a number where a calibration says 0 or 1', () => {
    expect(meanChance(0, 1)).toBeCloseTo(0.5, 6);
    expect(meanChance(1, 1)).toBeGreaterThan(0.999);
    expect(meanChance(0, 0)).toBeLessThan(0.001);
  });
});

describe('inBothOrders', () => {
  it('asks both orders in one batch and takes the mean of their log-odds', async () => {
    const batches: string[][] = [];
    const chances = await inBothOrders([of('in Lisbon', 'Lisbon'), of('Porto', 'porto')], async (pairs) => {
      batches.push(pairs.map(({ first, second }) => `${first} > ${second}`));
      return pairs.map(({ second }) => (second === 'Lisbon' ? 0.8 : 0.5));
    });
    expect(chances[0]).toBeCloseTo(2 / 3, 12);
    expect(chances[1]).toBe(1);
    expect(batches).toEqual([['in Lisbon > Lisbon', 'Lisbon > in Lisbon']]);
  });
});

describe('sameMeaning', () => {
  it('is strictly above a half', () => {
    expect([0.5, 0.5001, 0.4999].map(sameMeaning)).toEqual([false, true, false]);
  });
});

/** A classifier that says what it is told to, and keeps what it was asked. */
function told(answer: (head: Head, request: HeadRequest) => readonly number[]) {
  const asked: { head: Head; requests: readonly HeadRequest[] }[] = [];
  const classifier: Classifier = {
    ...countingClassifier().classifier,
    async probabilities(head, requests) {
      asked.push({ head, requests });
      return requests.map((request) => {
        const probs = [...answer(head, request)];
        return { raw: probs.map((p) => p / 2), calibrated: probs };
      });
    },
  };
  return { entailment: classifierEntailment(classifier), asked };
}

describe('the classifier as entailment model', () => {
  it('entail: the hypothesis first, the premise last, both after the question; no question of its own', async () => {
    const { entailment, asked } = told(() => [0.1, 0.2, 0.7]);
    expect(await entailment.entail([of('in Lisbon', 'Lisbon'), of('A dog barks.', 'A dog.', '')])).toEqual([
      { contradiction: 0.1, neutral: 0.2, entailment: 0.7 },
      { contradiction: 0.1, neutral: 0.2, entailment: 0.7 },
    ]);
    expect(asked).toEqual([
      {
        head: 'entail',
        requests: [
          { first: ['', `${QUESTION} Lisbon`], last: `${QUESTION} in Lisbon` },
          { first: ['', 'A dog.'], last: 'A dog barks.' },
        ],
      },
    ]);
  });

  it('equivalent: both orders in one batch, and the mean of their log-odds', async () => {
    const { entailment, asked } = told((_, { last }) => (last === 'Lisbon' ? [0.8, 0.2] : [0.5, 0.5]));
    const [chance] = await entailment.equivalent([of('in Lisbon', 'Lisbon')]);
    expect(chance).toBeCloseTo(2 / 3, 12);
    expect(asked).toEqual([
      {
        head: 'equivalent',
        requests: [
          { first: [QUESTION, 'in Lisbon'], last: 'Lisbon' },
          { first: [QUESTION, 'Lisbon'], last: 'in Lisbon' },
        ],
      },
    ]);
  });

  it('equivalent: the same text but for case and blanks around it is 1 and is not asked about', async () => {
    const { classifier, runs } = countingClassifier();
    const entailment = classifierEntailment(classifier);
    const said = await entailment.equivalent([of('Lisbon', ' lisbon\n'), of('Lisbon', 'Porto'), of('', ' ')]);
    expect(said[0]).toBe(1);
    expect(said[1]).toBeLessThan(0.5);
    expect(said[2]).toBe(1);
    expect(runs).toEqual({ equivalent: 2 });
  });

  it('equivalent: a pair that comes again, in either order, is asked about once', async () => {
    const { classifier, runs } = countingClassifier();
    const entailment = classifierEntailment(classifier);
    const pairs = [of('Lisbon', 'Porto'), of('Porto', 'Lisbon'), of('Lisbon', 'Porto')];
    const said = await entailment.equivalent(pairs);
    expect(new Set(said).size).toBe(1);
    expect(runs).toEqual({ equivalent: 2 });
    await entailment.equivalent(pairs.slice(1));
    expect(runs).toEqual({ equivalent: 2 });
    await entailment.equivalent([of('Lisbon', 'Porto', 'Which harbour?')]);
    expect(runs).toEqual({ equivalent: 4 });
  });

  it('gives calibrated probabilities', async () => {
    // Shared words give the logit 4 in both orders; the curve takes 3 of it, so the odds are e instead of e^4.
    const fittedOn = { data: 'test', n: 1 };
    const { classifier } = countingClassifier({
      calibration: { equivalent: { use: { method: 'platt', scale: 1, bias: [-3, 0] }, fittedOn } },
    });
    const [chance] = await classifierEntailment(classifier).equivalent([of('Lisbon', 'Lisbon.')]);
    expect(chance).toBeCloseTo(1 / (1 + Math.exp(-1)), 6);
  });

  it('declares the heads that there are, refuses the other one, and a classifier with none', async () => {
    const { equivalent: _, ...nli } = definitionOf().heads;
    const entailment = classifierEntailment(countingClassifier({ heads: nli }).classifier);
    expect(entailment.outputs).toEqual(['entail']);
    await expect(entailment.equivalent([of('a', 'a')])).rejects.toSatisfy(
      throwsCode('INPUT_INVALID', 'counting@1 gives entail, not equivalent'),
    );
    const { entail: __, ...neither } = nli;
    expect(() => classifierEntailment(countingClassifier({ heads: neither }).classifier)).toThrow(
      /counting@1 has neither/,
    );
  });

  it('leaves the classifier open', async () => {
    const { classifier } = countingClassifier();
    const closed = classifierEntailment(classifier);
    await closed.close();
    await expect(closed.equivalent([of('a', 'b')])).rejects.toSatisfy(throwsCode('BACKEND_CLOSED', 'counting@1'));
    expect(await classifierEntailment(classifier).equivalent([of('Lisbon', 'Porto')])).toHaveLength(1);
  });
});

describe('an NLI model of ONNX', () => {
  const open: Entailment[] = [];
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });
  /** Its logits are weight x (words of the hypothesis that stand in the premise) + bias, one for each label. */
  async function nli(labels: readonly string[] | null, weights: readonly number[], bias: readonly number[]) {
    const config = { model_type: 'bert', ...(labels && { id2label: { ...labels } }) };
    const made = await onnxEntailment({
      model: await resolveFolder(await writeCrossEncoder({ weights, bias }, config)),
    });
    open.push(made);
    return made;
  }

  it('is read by its own label table, in any order and case', async () => {
    const one = await nli(['ENTAILMENT', 'neutral', 'Contradiction'], [2, 0, -1], [-1, 0, 0]);
    const other = await nli(['contradiction', 'entailment', 'neutral'], [-1, 2, 0], [0, -1, 0]);
    expect(one.id).toMatch(/^onnx-tiny-ranker@[0-9a-f]{8}$/);
    expect(one.outputs).toEqual(['entail']);
    for (const made of [one, other]) {
      // Two words: logits 3, 0, -2; softmax of e^3 = 20.086, 1 and 0.135.
      const [said] = await made.entail([of('radium', 'radium radium', '')]);
      expect(said!.entailment).toBeCloseTo(0.9465, 4);
      expect(said!.neutral).toBeCloseTo(0.0471, 4);
      expect(said!.contradiction).toBeCloseTo(0.0064, 4);
    }
  });

  it('reads the first text as the premise, and both after the question', async () => {
    const made = await nli(['entailment', 'not_entailment'], [1, 0], [0, 0]);
    // Counts of the words of the hypothesis: 2, turned round 1; with a question of one known word 2.
    const [two, one, asked] = await made.entail([
      of('radium', 'radium radium', ''),
      of('radium radium', 'radium', ''),
      of('noon', 'noon', 'Which tide?'),
    ]);
    expect(two!.entailment).toBeCloseTo(1 / (1 + Math.exp(-2)), 5);
    expect(one!.entailment).toBeCloseTo(1 / (1 + Math.exp(-1)), 5);
    expect(asked!.entailment).toBeCloseTo(1 / (1 + Math.exp(-2)), 5);
  });

  it('takes not_entailment for neutral', async () => {
    const made = await nli(['Not-Entailment', 'entailment'], [0, 1], [0, 0]);
    const [said] = await made.entail([of('radium', 'radium', '')]);
    expect(said).toEqual({
      contradiction: 0,
      neutral: expect.closeTo(1 / (1 + Math.E), 5),
      entailment: expect.closeTo(Math.E / (1 + Math.E), 5),
    });
  });

  it.each([
    [['LABEL_0', 'LABEL_1', 'LABEL_2'], 'LABEL_0, LABEL_1, LABEL_2'],
    [['entailment', 'neutral'], 'entailment, neutral'],
    [['entailment', 'entailment', 'neutral'], 'entailment, entailment, neutral'],
    [null, 'not named'],
  ])('refuses the labels %j, naming them', async (labels, named) => {
    await expect(nli(labels, [1, 0], [0, 0])).rejects.toSatisfy(throwsCode('CONFIG_INVALID', `are ${named};`));
  });

  it('refuses a folder without its files, and a model that gives another number of outputs', async () => {
    const files = { name: 'none', dir: '/nowhere', files: {} };
    await expect(onnxEntailment({ model: files })).rejects.toSatisfy(throwsCode('MODEL_UNKNOWN', 'none'));
    const made = await nli(['contradiction', 'neutral', 'entailment'], [1, 0], [0, 0]);
    await expect(made.entail([of('radium', 'noon')])).rejects.toSatisfy(
      throwsCode('BACKEND_FAILED', 'gives 2 numbers for a pair, where its config.json has 3 labels'),
    );
  });
});

describe('openEntailment', () => {
  it('opens an NLI model by its folder', async () => {
    const config = { model_type: 'bert', id2label: { 0: 'entailment', 1: 'not_entailment' } };
    const folder = await writeCrossEncoder({ weights: [1, 0], bias: [0, 0] }, config);
    const models = { dir: join(folder, '..', 'store'), offline: true };
    const opened = await openEntailment(folder, { config: { models } });
    const [said] = await opened.entail([of('radium', 'radium', '')]);
    expect(said!.entailment).toBeCloseTo(Math.E / (1 + Math.E), 5);
    await opened.close();
    await opened.close();
    await expect(opened.entail([of('radium', 'radium')])).rejects.toSatisfy(
      throwsCode('BACKEND_CLOSED', 'Tiny_Ranker'),
    );
  });

  it('refuses a name that nothing has, and a folder that is not there', async () => {
    await expect(openEntailment('nobody')).rejects.toSatisfy(
      throwsCode('BACKEND_UNKNOWN', 'no entailment model is called "nobody"; there are: mini,'),
    );
    await expect(openEntailment('./no/such/folder')).rejects.toSatisfy(throwsCode('MODEL_UNKNOWN', 'no/such/folder'));
  });
});

describe('the scripted entailment model', () => {
  it('says what it is told, scaled to one', async () => {
    const scripted = scriptedEntailment({ entail: () => ({ neutral: 3, entailment: 1 }), equivalent: () => 0.25 });
    expect(await scripted.entail([of('a', 'b')])).toEqual([{ contradiction: 0, neutral: 0.75, entailment: 0.25 }]);
    expect(await scripted.equivalent([of('a', 'b')])).toEqual([0.25]);
  });
});
