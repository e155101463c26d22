import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { pairSizes, readCrossEncoderConfig, scoringOf } from '../../src/backends/onnx-pair-config.ts';
import { onnxWorker } from '../../src/backends/onnx-worker-client.ts';
import { type OnnxRerankerOptions, onnxReranker } from '../../src/backends/reranker/onnx.ts';
import type { Reranker } from '../../src/contracts.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { DiscernError } from '../../src/errors.ts';
import type { Candidate, Passage } from '../../src/types.ts';
import { type CrossEncoderShape, resolveFolder, writeCrossEncoder } from '../fixtures/onnx/cross-encoder.ts';
import { temporaryFolder } from './models-fixtures.ts';
import { passageOf } from './parts.ts';

const candidate = (text: string, more: Partial<Passage> = {}): Candidate => ({
  passage: { ...passageOf(text, text), ...more },
  recallRank: 1,
  recallScore: 0,
  rerankScore: null,
});
const failure = (code: ErrorCode, words: RegExp) => (error: unknown) =>
  DiscernError.is(error, code) && words.test((error as Error).message);

const opened: Reranker[] = [];
afterEach(async () => {
  for (const reranker of opened.splice(0)) await reranker.close();
});

type Config = Readonly<Record<string, unknown>>;
async function open(shape: CrossEncoderShape, config: Config, more: Partial<OnnxRerankerOptions> = {}) {
  const model = await resolveFolder(await writeCrossEncoder(shape, config));
  let runs = 0;
  const counting: typeof onnxWorker = (name, data, program) => {
    const worker = onnxWorker(name, data, program);
    return {
      ...worker,
      ask(tasks, options) {
        runs += tasks.length;
        return worker.ask(tasks, options);
      },
    };
  };
  const reranker = await onnxReranker({ model, ...more }, counting);
  opened.push(reranker);
  return {
    model,
    reranker,
    scores: (question: string, ...texts: string[]) =>
      reranker.score(
        question,
        texts.map((text) => candidate(text)),
      ),
    runs: () => runs,
  };
}

/** Counts words of the question in the passage: 3, 1 and 0 of these. */
const QUESTION = 'Who discovered radium, Curie?';
const TEXTS = ['Marie Curie discovered radium.', 'The radium mill.', 'The island.'];
const one = { weights: [2], bias: [-1] };
const oneLabel = { model_type: 'bert', id2label: { 0: 'LABEL_0' }, max_position_embeddings: 512 };

function expectNear(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, score] of actual.entries()) expect(score, `score ${i}`).toBeCloseTo(expected[i]!, 5);
}

describe('scores follow the config', () => {
  it('one output is a logit', async () => {
    const { scores } = await open(one, oneLabel);
    expectNear(await scores(QUESTION, ...TEXTS), [5, 1, -1]);
  });

  it.each([
    { sentence_transformers: { activation_fn: 'torch.nn.modules.activation.Sigmoid' } },
    { sbert_ce_default_activation_function: 'torch.nn.modules.activation.Sigmoid' },
  ])('one output and %o: its sigmoid', async (activation) => {
    const { scores } = await open(one, { ...oneLabel, ...activation });
    expectNear(await scores(QUESTION, ...TEXTS), [0.993307, 0.731059, 0.268941]);
  });

  // Outputs for n common words: 0.5 n and 2 - n; log-odds of the first 1.5 n - 2.
  const two = { weights: [0.5, -1], bias: [0, 2] };

  it('two outputs: the log-odds of the label that speaks for the passage', async () => {
    const { scores } = await open(two, { model_type: 'bert', id2label: { 0: 'relevant', 1: 'irrelevant' } });
    expectNear(await scores(QUESTION, ...TEXTS), [2.5, -0.5, -2]);
  });

  it('two outputs without clear names: of the last one', async () => {
    const { scores } = await open(two, { model_type: 'bert' });
    expectNear(await scores(QUESTION, ...TEXTS), [-2.5, 0.5, 2]);
  });

  it('two outputs and a softmax: its probability', async () => {
    const config = {
      model_type: 'bert',
      id2label: { 0: 'yes', 1: 'no' },
      sentence_transformers: { activation_fn: 'torch.nn.modules.activation.Softmax' },
    };
    const { scores } = await open(two, config);
    expectNear(await scores(QUESTION, ...TEXTS), [0.924142, 0.377541, 0.119203]);
  });

  it('three outputs: of the label that is named, against the others together', async () => {
    const id2label = { 0: 'contradiction', 1: 'entailment', 2: 'neutral' };
    const three = { weights: [0, 1, 0], bias: [0, 0, 0] };
    const { scores } = await open(three, { model_type: 'bert', id2label }, { positive: 'Entailment' });
    expectNear(await scores(QUESTION, ...TEXTS), [3 - Math.LN2, 1 - Math.LN2, -Math.LN2]);
    expect(() => scoringOf({ id2label })).toThrow(
      'the reranker has 3 labels (contradiction, entailment, neutral), of which one has to count',
    );
    expect(() => scoringOf({ id2label }, 'relevant')).toThrow('the reranker has no label "relevant"');
  });

  it.each([
    [{ 0: 'LABEL_0', 1: 'LABEL_1' }, 1],
    [{ 0: 'entailment', 1: 'not_entailment' }, 0],
    [{ 0: 'True', 1: 'False' }, 0],
    [{ 1: 'no', 0: 'yes' }, 0],
    [{ 0: 'good', 1: 'better' }, 1],
  ])('of the labels %o number %i counts', (id2label, pick) => {
    expect(scoringOf({ id2label }).pick).toBe(pick);
  });
});

describe('texts that do not fit', () => {
  const short = { ...oneLabel, max_position_embeddings: 32 };
  const filler = (words: number) => 'bakery '.repeat(words);

  it('of a long passage the best window counts', async () => {
    const { scores } = await open({ ...one, positions: 32 }, short);
    // Room for 27 tokens beside the question; each text has 3 common words somewhere, but not more within a window.
    const found = await scores(
      'discovered radium',
      `discovered radium ${filler(90)}`,
      `${filler(45)} discovered radium ${filler(45)}`,
      `${filler(90)} discovered radium`,
      `discovered ${filler(90)} radium`,
      filler(92),
    );
    expectNear(found, [3, 3, 3, 1, -1]);
  });

  it('the question is kept whole while the passage has room for a few words', async () => {
    const { scores } = await open({ ...one, positions: 32 }, short);
    const question = `${'mill '.repeat(20)} radium`; // 21 tokens, 3 of the frame and 8 of the passage make 32
    expectNear(await scores(question, `radium ${filler(50)}`, `${filler(50)} radium`), [1, 1]);
    // Of a longer one the end goes, not the passage: `radium` is beyond the place, `mill` is not.
    expectNear(await scores(`mill ${question}`, `${filler(50)} radium`, `${filler(50)} mill`), [-1, 1]);
  });

  it('positions that a family does not use are left alone', async () => {
    const roberta = { ...oneLabel, model_type: 'xlm-roberta', max_position_embeddings: 34, pad_token_id: 1 };
    const shape = { ...one, positions: 34, firstPosition: 2, types: false };
    const passage = `${filler(90)} radium`;
    const { scores } = await open(shape, { ...roberta, type_vocab_size: 1 });
    expectNear(await scores('radium', passage), [1]);
    const wrong = await open(shape, { ...roberta, model_type: 'bert' });
    await expect(wrong.scores('radium', passage)).rejects.toSatisfy(failure('BACKEND_FAILED', /34/));
  });

  it('reads no more tokens than the model has positions for, at most 512', () => {
    const limit = (config: Parameters<typeof pairSizes>[0]) => pairSizes(config).limit;
    expect(limit({})).toBe(512);
    expect(limit({ max_position_embeddings: 8192, model_type: 'modernbert' })).toBe(512);
    expect(limit({ max_position_embeddings: 258, model_type: 'roberta', pad_token_id: 1 })).toBe(256);
    expect(limit({ max_position_embeddings: 256, model_type: 'bert', pad_token_id: 0 })).toBe(256);
    expect(() => limit({ max_position_embeddings: 8 })).toThrow('room for 8 tokens');
  });
});

describe('token types', () => {
  // The model tells the texts apart by types: all of type 0, nothing stands in the second.
  it.each([
    [2, 5],
    [undefined, 5],
    [1, -1],
  ])('type_vocab_size %s gives the score %i', async (type_vocab_size, expected) => {
    const { scores } = await open(one, { ...oneLabel, type_vocab_size });
    expectNear(await scores(QUESTION, TEXTS[0]!), [expected]);
  });
});

describe('what is asked', () => {
  it('each question and text once', async () => {
    const { scores, runs } = await open(one, oneLabel);
    expectNear(await scores(QUESTION, ...TEXTS, TEXTS[0]!), [5, 1, -1, 5]);
    expect(runs()).toBe(3);
    expectNear(await scores(QUESTION, TEXTS[2]!, TEXTS[0]!), [-1, 5]);
    expect(runs()).toBe(3);
    expectNear(await scores('Which island?', TEXTS[2]!), [1]);
    expect(runs()).toBe(4);
  });

  it('again without a cache', async () => {
    const { scores, runs } = await open(one, oneLabel, { cache: 0 });
    expectNear([...(await scores(QUESTION, TEXTS[0]!)), ...(await scores(QUESTION, TEXTS[0]!))], [5, 5]);
    expect(runs()).toBe(2);
  });

  it('the title and the heading are read with the text', async () => {
    const { reranker } = await open(one, oneLabel);
    const passage = candidate('It leaves at noon.', { title: 'Ferry', heading: 'Island' });
    expectNear(await reranker.score('ferry island noon', [passage, candidate('It leaves at noon.')]), [5, 1]);
  });
});

describe('the folder', () => {
  it('its name and the weights make the id', async () => {
    const { reranker, model } = await open(one, oneLabel);
    expect(reranker.id).toBe(`onnx-tiny-ranker@${model.files['model.onnx']!.sha256.slice(0, 8)}`);
    const other = await open({ weights: [3], bias: [-1] }, oneLabel);
    expect(other.reranker.id).not.toBe(reranker.id);
    const named = await onnxReranker({ model: { ...model, name: 'Some_Owner/Ranker-v1.5' } });
    opened.push(named);
    expect(named.id).toMatch(/^onnx-some-owner-ranker-v1\.5@[0-9a-f]{8}$/);
  });

  it('without its files it is refused at once', async () => {
    const dir = await writeCrossEncoder(one, oneLabel);
    const model = await resolveFolder(dir);
    const withoutModel = { ...model, files: { 'tokenizer.json': model.files['tokenizer.json']! } };
    await expect(onnxReranker({ model: withoutModel })).rejects.toSatisfy(failure('MODEL_UNKNOWN', /model\.onnx/));
    await writeFile(join(dir, 'config.json'), '{"id2label": 3}');
    await expect(onnxReranker({ model })).rejects.toSatisfy(failure('MODEL_UNAVAILABLE', /id2label/));
    await writeFile(join(dir, 'config.json'), '{');
    await expect(onnxReranker({ model })).rejects.toSatisfy(failure('MODEL_UNAVAILABLE', /not readable/));
    await rm(join(dir, 'config.json'));
    await expect(onnxReranker({ model })).rejects.toSatisfy(failure('MODEL_UNKNOWN', /there is no .*config\.json/));
  });

  it('of another kind of model it is refused, by its config or by its outputs', async () => {
    const config = join(await temporaryFolder(), 'config.json');
    await writeFile(config, '{"architectures":["BertModel"]}');
    await expect(readCrossEncoderConfig(config)).rejects.toSatisfy(failure('MODEL_UNKNOWN', /BertModel/));
    const { scores } = await open({ weights: [1, 2, 3, 4], bias: [0, 0, 0, 0] }, { model_type: 'bert' });
    await expect(scores(QUESTION, TEXTS[0]!)).rejects.toSatisfy(
      failure('BACKEND_FAILED', /gives 4 numbers for a pair, where its config.json has 2 labels/),
    );
  });
});
