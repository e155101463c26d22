import { embeddingReranker } from '../../src/backends/reranker/embedding.ts';
import { describeReranker } from '../../src/testing/describe-reranker.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';

describeReranker('embedding', () => embeddingReranker({ embedder: hashEmbedder({ dimensions: 512 }) }));
