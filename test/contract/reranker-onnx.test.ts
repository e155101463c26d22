import { onnxReranker } from '../../src/backends/reranker/onnx.ts';
import { describeReranker } from '../../src/testing/describe-reranker.ts';
import { resolveFolder, writeCrossEncoder } from '../fixtures/onnx/cross-encoder.ts';

const make =
  (...files: Parameters<typeof writeCrossEncoder>) =>
  async () =>
    onnxReranker({ model: await resolveFolder(await writeCrossEncoder(...files)) });

describeReranker(
  'onnx, one output',
  make({ weights: [2], bias: [-1] }, { model_type: 'bert', id2label: { 0: 'LABEL_0' }, max_position_embeddings: 512 }),
);
describeReranker(
  'onnx, two outputs, no token types',
  make(
    { weights: [0, 1], bias: [0.5, 0], positions: 66, firstPosition: 2, types: false },
    { model_type: 'roberta', max_position_embeddings: 66, pad_token_id: 1, type_vocab_size: 1 },
    'onnx/model_quantized.onnx',
  ),
);
