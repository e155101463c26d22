import { embeddingRecaller } from '../../src/stages/recall.ts';
import { describeRecaller } from '../../src/testing/describe-recaller.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { memoryIndex } from '../../src/testing/memory-index.ts';

describeRecaller('embedding', async (passages) => {
  const embedder = hashEmbedder({ dimensions: 512 });
  const index = memoryIndex({ dimensions: 512 });
  const vectors = await embedder.embed(
    passages.map(({ text }) => text),
    'passage',
  );
  const source = { key: 'suite', hash: 'h', origin: 'value', passages: passages.length };
  await index.apply({ remove: [], add: [{ source, passages, vectors }] });
  return embeddingRecaller(embedder, index);
});
