import { Document } from '@langchain/core/documents';
import { RecursiveCharacterTextSplitter } from '@langchain/textsplitters';
import { describe, expect, it } from 'vitest';
import { createRag } from '../../src/index.ts';
import { fromDocuments } from '../../src/langchain.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';

const CONFIG = {
  critics: { retrieve: null, isRel: null, isSup: null, isUse: null },
  rerank: { backend: 'none' },
  ingest: { size: 60 },
};
const ragOf = () => createRag({ config: CONFIG, parts: { embedder: hashEmbedder() } });
const TEXT = 'The mill grinds rye and oats for the bakery. The tower is 31 metres high and was built in 1902.';

describe('rag.add', () => {
  it('ingests values, cut as the config says or not at all; the same id replaces', async () => {
    const rag = await ragOf();
    expect(await rag.add([{ id: 'a', text: TEXT }])).toMatchObject({ added: 1, passages: 2 });
    expect(await rag.add([{ id: 'a', text: TEXT }])).toMatchObject({ added: 0, unchanged: 1, embedded: 0 });
    expect(await rag.add([{ id: 'a', text: TEXT }], { cut: false })).toMatchObject({ changed: 1, passages: 1 });
    expect(await rag.add([{ id: 'b', text: 'Cats sleep.' }])).toMatchObject({ added: 1, removed: 0 });
    const { passages } = await rag.retrieve('How high is the tower?');
    expect(passages[0]!.passage).toMatchObject({ docId: 'a', text: TEXT });
    await expect(rag.add([{ id: '', text: 'x' }])).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await rag.close();
  });

  it('takes what a loader and a splitter of LangChain made', async () => {
    const splitter = new RecursiveCharacterTextSplitter({ chunkSize: 50, chunkOverlap: 0 });
    const loaded = new Document({ pageContent: TEXT, metadata: { source: 'town.md', title: 'Town' } });
    const pieces = await splitter.splitDocuments([loaded, new Document({ pageContent: ' ' })]);
    const rag = await ragOf();
    const report = await rag.add(fromDocuments([...pieces, ...pieces]), { cut: false });
    expect(report).toMatchObject({ added: pieces.length, passages: pieces.length });
    const { passages } = await rag.retrieve('The tower is 31 metres high');
    expect(passages[0]!.passage).toMatchObject({ title: 'Town', docId: expect.stringMatching(/^town\.md#/) });
    expect(passages[0]!.passage.text).toContain('tower');
    await rag.close();
  });
});
