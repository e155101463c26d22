import { classifierReranker } from '../../src/backends/reranker/classifier.ts';
import { embeddingReranker } from '../../src/backends/reranker/embedding.ts';
import { describeReranker } from '../../src/testing/describe-reranker.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { countingClassifier } from '../fixtures/counting-classifier.ts';

describeReranker('embedding', () => embeddingReranker({ embedder: hashEmbedder({ dimensions: 512 }) }));
describeReranker('classifier', () => classifierReranker(countingClassifier().classifier));
