import { embeddingCritic } from '../../src/backends/critic/embedding.ts';
import { describeCritic } from '../../src/testing/describe-critic.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';

// Curves by hand: the suite asks for the shape and the easy pairs; how good the fitted ones are is measured elsewhere.
const definition = {
  id: 'embedding' as const,
  version: 1,
  type: 'embedding' as const,
  embedder: 'hash-512@1',
  isRel: { intercept: -3, similarity: 10 },
  isSup: { fully: -5, partially: -3, similarity: 6, containment: 3 },
  isRelThreshold: 0.2,
  metrics: {},
};

describeCritic('embedding', () => embeddingCritic({ embedder: hashEmbedder({ dimensions: 512 }), definition }));
