import { onnxEntailment } from '../../src/backends/entailment/onnx.ts';
import { describeEntailment } from '../../src/testing/describe-entailment.ts';
import { resolveFolder, writeCrossEncoder } from '../fixtures/onnx/cross-encoder.ts';

const make =
  (...files: Parameters<typeof writeCrossEncoder>) =>
  async () =>
    onnxEntailment({ model: await resolveFolder(await writeCrossEncoder(...files)) });

const skip = [
  { test: 'gets easy pairs of entail right', reason: 'this model counts common words of a small vocabulary' },
];

describeEntailment(
  'onnx, three labels',
  make(
    { weights: [2, 0, -1], bias: [-1, 0, 0] },
    { model_type: 'bert', id2label: { 0: 'ENTAILMENT', 1: 'neutral', 2: 'Contradiction' } },
  ),
  { skip },
);
describeEntailment(
  'onnx, two labels, no token types, few positions',
  make(
    { weights: [0, 1], bias: [0.5, 0], positions: 66, firstPosition: 2, types: false },
    {
      model_type: 'roberta',
      max_position_embeddings: 66,
      pad_token_id: 1,
      type_vocab_size: 1,
      id2label: { 0: 'not_entailment', 1: 'entailment' },
    },
    'onnx/model_quantized.onnx',
  ),
  { skip },
);
