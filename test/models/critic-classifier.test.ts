import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Classifier, createClassifier } from '../../src/backends/classifier.ts';
import { type ClassifierFiles, loadClassifier, shippedCritic } from '../../src/backends/classifier-definition.ts';
import { windowsOf } from '../../src/backends/classifier-input.ts';
import { classifierCritic } from '../../src/backends/critic/classifier.ts';
import { loadTokenizer } from '../../src/backends/onnx-worker-tokenizer.ts';
import { calibrated } from '../../src/calibration.ts';
import type { Critic } from '../../src/contracts.ts';
import { describeCritic, passageOf } from '../../src/testing/describe-critic.ts';

let files: ClassifierFiles;
let classifier: Classifier;
let critic: Critic;
beforeAll(async () => {
  files = await loadClassifier((await shippedCritic('mini'))!);
  classifier = createClassifier({ files });
  critic = classifierCritic(classifier);
});
afterAll(() => classifier.close());

describeCritic('mini', () => classifierCritic(classifier));

const question = 'When was the watch tower of Ostrel built?';
const TOWER = 'The watch tower of Ostrel was built in 1402. It is 31 metres high and has four bells.';
const FERRY = 'The ferry across the Wend leaves every hour from the southern pier until nine. ';

describe('what mini says', () => {
  it('is told raw and calibrated: the raw values are the softmax of its logits', async () => {
    const passage = passageOf(TOWER);
    const segment = 'The tower was built in 1402.';
    const [isRel, isSup] = await critic.critique([
      { kind: 'isRel' as const, question, passage },
      { kind: 'isSup' as const, question, passage, segment },
    ]);
    const [relevant] = await classifier.logits('isRel', [{ first: [question], last: passage }]);
    const [support] = await classifier.logits('isSup', [{ first: [question, segment], last: passage }]);
    expect(relevant![1]).toBe(0);
    expect((isRel!.raw as Record<string, number>).relevant).toBeCloseTo(1 / (1 + Math.exp(-relevant![0]!)), 9);
    expect(Object.values(isSup!.raw!)).toEqual(calibrated(support!, null));
    const { isRel: ofRel, isSup: ofSup } = files.definition.calibration;
    expect(Object.values(isRel!.probs)).toEqual(calibrated(relevant!, ofRel?.use ?? null));
    expect(Object.values(isSup!.probs)).toEqual(calibrated(support!, ofSup?.use ?? null));
  });

  it('of Retrieve never is `continue`, which nothing taught it', async () => {
    const [critique] = await critic.critique([{ kind: 'retrieve' as const, question, answerSoFar: TOWER }]);
    expect(critique!.probs.continue).toBe(0);
  });

  it('of a long passage is what its best window says', async () => {
    const { definition, tokenizer: path } = files;
    const tokenizer = await loadTokenizer(path);
    const text = `${FERRY.repeat(25)}${TOWER} ${FERRY.repeat(10)}`;
    const ids = tokenizer.ids(text, 4096);
    const room = definition.sizes.maxTokens - 4 - tokenizer.ids(question, 512).length;
    const windows = windowsOf(ids, room, definition.sizes);
    expect(windows.length).toBeGreaterThan(2);
    const places = windows.map((_, i) => passageOf('-', `window-${i}`));
    const stored = new Map(places.map(({ id }, i) => [id, Uint16Array.from(windows[i]!)]));
    const single = createClassifier({ files, tokensOf: async (wanted) => wanted.map((id) => stored.get(id) ?? null) });
    try {
      const each = await single.logits(
        'isRel',
        places.map((last) => ({ first: [question], last })),
      );
      const [whole] = await classifier.logits('isRel', [{ first: [question], last: text }]);
      expect(whole![0]).toBe(Math.max(...each.map(([logit]) => logit!)));
    } finally {
      await single.close();
    }
  });

  it('depends on the whole of a long question', async () => {
    const long = `${FERRY.repeat(20)} ${question}`; // more tokens than one run has, fewer than the model holds
    const other = `${FERRY.repeat(20)} Who rings the bells?`;
    const [one, two] = await classifier.logits('isRel', [
      { first: [long], last: TOWER },
      { first: [other], last: TOWER },
    ]);
    expect(one![0]).not.toBe(two![0]);
  });

  it('is remembered: the same request a second time takes no run', async () => {
    const request = { first: [question], last: FERRY };
    const [first] = await classifier.logits('isRel', [request]);
    const started = performance.now();
    for (let i = 0; i < 200; i++) expect(await classifier.logits('isRel', [request])).toEqual([first]);
    expect(performance.now() - started).toBeLessThan(1000); // 200 runs take seconds
  });
});
