import { cachedEmbedder } from '../../src/backends/embedder/cached.ts';
import { describeEmbedder } from '../../src/testing/describe-embedder.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';

describeEmbedder('hash', () => hashEmbedder({ dimensions: 512 }), {
  skip: [{ test: 'stops when the signal has fired', reason: 'it is done before the signal of the suite can fire' }],
});
describeEmbedder('cached', () => cachedEmbedder(hashEmbedder({ dimensions: 512 }), { max: 2 }), {
  skip: [{ test: 'stops when the signal has fired', reason: 'the hash embedder is done before it can fire' }],
});
