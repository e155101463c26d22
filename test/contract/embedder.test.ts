import { cachedEmbedder } from '../../src/backends/embedder/cached.ts';
import { describeEmbedder } from '../../src/testing/describe-embedder.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';

const skip = [{ test: 'stops in the middle of a batch', reason: 'the hash embedder is done before a signal can fire' }];

describeEmbedder('hash', () => hashEmbedder({ dimensions: 512 }), { skip });
describeEmbedder('cached', () => cachedEmbedder(hashEmbedder({ dimensions: 512 }), { max: 2 }), { skip });
