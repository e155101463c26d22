import { BaseCallbackHandler } from '@langchain/core/callbacks/base';
import { Document } from '@langchain/core/documents';
import { StringOutputParser } from '@langchain/core/output_parsers';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { RunnableLambda, RunnablePassthrough, RunnableSequence } from '@langchain/core/runnables';
import { FakeListChatModel, FakeRetriever } from '@langchain/core/utils/testing';
import { afterAll, describe, expect, it } from 'vitest';
import type { Answer, Retrieved } from '../../src/index.ts';
import { checkedChain, DiscernRetriever, DiscernRunnable, ReflectionCompressor } from '../../src/langchain.ts';
import { mill, QUESTION, tower, towerRag } from './langchain-dropin-fixtures.ts';

const rag = await towerRag();
afterAll(() => rag.close());

/** Writes down what a handler of LangChain is told. */
function listening() {
  const told: string[] = [];
  const handler = BaseCallbackHandler.fromMethods({
    handleRetrieverStart: (_retriever, query) => void told.push(`start ${query}`),
    handleRetrieverEnd: (documents) => void told.push(`end ${documents.length}`),
    handleRetrieverError: (error) => void told.push(`error ${(error as { code?: string }).code}`),
    handleChainStart: (_chain, _inputs, _id, _type, _tags, _metadata, _runType, name) =>
      void told.push(`chain ${name}`),
    handleChainEnd: () => void told.push('chain end'),
    handleCustomEvent: (name) => void told.push(name),
  });
  handler.awaitHandlers = true;
  return { told, handler };
}

const aborted = () => ({ signal: AbortSignal.abort() });

describe('DiscernRetriever', () => {
  const retriever = new DiscernRetriever({ rag });

  it('gives the relevant passages as documents with their place and scores', async () => {
    const found = await retriever.invoke(QUESTION);
    expect(found).toEqual([
      new Document({
        id: 'tower',
        pageContent: tower.text,
        metadata: {
          source: 'tower',
          startIndex: 0,
          relevanceScore: 0.9,
          discern: { recallRank: 2, recallScore: 0.89, rerankScore: null, isRel: 0.9 },
        },
      }),
    ]);
  });

  it('gives nothing where no passage is needed, and says why', async () => {
    const seen: Retrieved[] = [];
    const told = new DiscernRetriever({ rag, onRetrieved: (retrieved) => seen.push(retrieved) });
    expect(await told.invoke('What is 2 + 2?')).toEqual([]);
    expect(seen[0]!.empty?.reason).toBe('not-needed');
  });

  it('stands in a chain, in a batch, and takes options of its own', async () => {
    const chain = RunnableSequence.from([retriever, (found: Document[]) => found.map(({ id }) => id)]);
    expect(await chain.batch([QUESTION, 'What is 2 + 2?'])).toEqual([['tower'], []]);
    const loose = new DiscernRetriever({ rag, config: { isRel: { threshold: 0 } } });
    expect((await loose.invoke(QUESTION)).map(({ id }) => id)).toEqual(['mill', 'tower']);
  });

  it('tells handlers of the run and of every decision, and its traces have the name of the run', async () => {
    const { told, handler } = listening();
    let id = '';
    const named = new DiscernRetriever({ rag, onRetrieved: ({ trace }) => (id = trace.id) });
    const runId = '00000000-0000-4000-8000-000000000001';
    await named.invoke(QUESTION, { callbacks: [handler], runId });
    expect(told).toEqual([
      `start ${QUESTION}`,
      'discern.retrieve-decided',
      'discern.recall-end',
      'discern.rerank-end',
      'discern.relevance-decided',
      'end 1',
    ]);
    expect(id).toBe(runId);
  });

  it('stops when its signal fires, and tells it', async () => {
    const { told, handler } = listening();
    await expect(retriever.invoke(QUESTION, { ...aborted(), callbacks: [handler] })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(told).toEqual([`start ${QUESTION}`, 'error ABORTED']);
  });

  it('from a retriever of yours: its documents, weighed', async () => {
    const output = [
      new Document({ pageContent: 'Rye.', metadata: { source: 'mill.md', loc: { lines: [1] } } }),
      new Document({ pageContent: 'The tower.', metadata: { source: 'tower.md' } }),
    ];
    const made = await DiscernRetriever.from(new FakeRetriever({ output }), {
      config: { critics: { isRel: null }, rerank: { backend: 'none', topN: 1 } },
    });
    expect(await made.invoke(QUESTION)).toMatchObject([{ pageContent: 'Rye.', metadata: { source: 'mill.md' } }]);
    await made.close();
    await made.close();
    await expect(made.invoke(QUESTION)).rejects.toMatchObject({ code: 'BACKEND_CLOSED' });
  });
});

describe('ReflectionCompressor', () => {
  const compressor = new ReflectionCompressor({ rag });
  const documents = [
    new Document({ pageContent: mill.text, metadata: { source: 'a', nested: { deep: [1, { x: 2 }] } } }),
    new Document({ pageContent: '  ' }),
    new Document({ id: 'mine', pageContent: tower.text, metadata: { nested: { deep: true } } }),
    new Document({ id: 'mine', pageContent: tower.text, metadata: { nested: { deep: true } } }),
  ];

  it('keeps the relevant documents as they are, and adds scores', async () => {
    const kept = await compressor.compressDocuments(documents, QUESTION);
    expect(kept).toEqual([
      new Document({
        id: 'mine',
        pageContent: tower.text,
        metadata: {
          nested: { deep: true },
          relevanceScore: 0.9,
          discern: { recallRank: 2, recallScore: 0, rerankScore: null, isRel: 0.9 },
        },
      }),
    ]);
    const loose = new ReflectionCompressor({ rag, config: { isRel: { threshold: 0 } } });
    expect((await loose.compressDocuments(documents, QUESTION))[0]!.metadata.nested).toEqual({ deep: [1, { x: 2 }] });
    expect(await compressor.compressDocuments([], QUESTION)).toEqual([]);
  });

  it('is a run of its own for handlers', async () => {
    const { told, handler } = listening();
    await compressor.compressDocuments(documents, QUESTION, [handler]);
    expect(told.at(0)).toBe('chain ReflectionCompressor');
    expect(told).toContain('discern.relevance-decided');
  });
});

describe('DiscernRunnable', () => {
  const runnable = new DiscernRunnable({ rag });
  const TEXT = 'The tower was built in 1902. [1] It is 31 metres high. [2]';

  it('gives an answer for a text or an object, in a batch, and with options', async () => {
    expect((await runnable.invoke(QUESTION)).text).toBe(TEXT);
    expect((await runnable.invoke({ question: QUESTION })).citations).toHaveLength(2);
    const answers = await runnable.batch([QUESTION, 'What is 2 + 2?'], { maxConcurrency: 1 });
    expect(answers.map(({ text }) => text)).toEqual([TEXT, 'It is 4.']);
    const short = new DiscernRunnable({ rag, config: { beam: { maxSegments: 1 } } });
    expect((await short.invoke(QUESTION)).text).toBe('The tower was built in 1902. [1]');
  });

  it('streams parts that add up to the answer', async () => {
    const chunks: Partial<Answer>[] = [];
    for await (const chunk of await runnable.stream(QUESTION)) chunks.push(chunk);
    expect(chunks.map(({ text }) => text)).toEqual([
      'The tower was built in 1902. [1]',
      ' It is 31 metres high. [2]',
      '',
    ]);
    expect(chunks.slice(0, -1).every((chunk) => Object.keys(chunk).length === 1)).toBe(true);
    expect(chunks.at(-1)).toMatchObject({ citations: { length: 2 }, unanswered: null, usedContext: true });
    const texts: string[] = [];
    for await (const piece of await runnable.pick('text').stream(QUESTION)) texts.push(piece);
    expect(texts.join('')).toBe(TEXT);
  });

  it('tells every decision in streamEvents, inside a chain too', async () => {
    const chain = runnable.pipe(({ text }: Answer) => text.length);
    const names: string[] = [];
    let output: unknown;
    for await (const { event, name, data } of chain.streamEvents(QUESTION, { version: 'v2' })) {
      if (event === 'on_custom_event') names.push(name);
      if (event === 'on_chain_end' && name === 'RunnableSequence') output = data.output;
    }
    expect(names.slice(0, 4)).toEqual([
      'discern.retrieve-decided',
      'discern.recall-end',
      'discern.rerank-end',
      'discern.relevance-decided',
    ]);
    expect(names).toContain('discern.segment-committed');
    expect(output).toBe(TEXT.length);
  });

  it('stops when its signal fires, invoked and streamed', async () => {
    await expect(runnable.invoke(QUESTION, aborted())).rejects.toThrow();
    await expect(runnable.stream(QUESTION, aborted())).rejects.toThrow();
    await expect(runnable.invoke('  ')).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });
});

describe('checkedChain', () => {
  const model = (response: string) => new FakeListChatModel({ responses: [response] });
  const retriever = new DiscernRetriever({ rag });
  const prompt = ChatPromptTemplate.fromTemplate('{context}\n{question}');
  const chainOf = (response: string) =>
    RunnableSequence.from([
      {
        context: retriever.pipe((found) => found.map(({ pageContent }) => pageContent).join()),
        question: new RunnablePassthrough<string>(),
      },
      prompt,
      model(response),
      new StringOutputParser(),
    ]);

  it('weighs what a chain wrote against what its retriever found inside', async () => {
    const chain = checkedChain(chainOf('The tower dates from 1902. Cats sleep.'), { rag });
    const { output, checked } = await chain.invoke(QUESTION);
    expect(output).toBe('The tower dates from 1902. Cats sleep.');
    expect(checked).toMatchObject({ accepted: false, support: 0.5, citations: [{ number: 1, docId: 'tower' }] });
    expect(checked.segments.map(({ supported }) => supported)).toEqual([true, false]);
    const good = await checkedChain(chainOf('The tower dates from 1902.'), { rag }).invoke(QUESTION);
    expect(good.checked.accepted).toBe(true);
  });

  it('streams as before, with the verdict at the end, and runs side by side without mixing', async () => {
    const pieces: string[] = [];
    let accepted: boolean | undefined;
    for await (const { output, checked } of await checkedChain(chainOf('From 1902.'), { rag }).stream(QUESTION)) {
      if (output !== undefined) pieces.push(output);
      accepted ??= checked?.accepted;
    }
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe('From 1902.');
    expect(accepted).toBe(true);
    const both = await checkedChain(chainOf('From 1902.'), { rag }).batch([QUESTION, 'What is 2 + 2?']);
    expect(both.map(({ checked }) => checked.accepted)).toEqual([true, false]);
  });

  it('reads the usual shapes, and is told of others', async () => {
    const context = [new Document({ pageContent: tower.text })];
    const usual = RunnableLambda.from(async ({ input }: { input: string }) => ({
      input,
      context,
      answer: 'From 1902.',
    }));
    expect((await checkedChain(usual, { rag }).invoke({ input: QUESTION })).checked.accepted).toBe(true);
    const odd = RunnableLambda.from(async ({ ask }: { ask: string }) => ({
      said: `${ask} From 1902.`,
      papers: context,
    }));
    await expect(checkedChain(odd, { rag }).invoke({ ask: '' })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      hint: 'say where it is: checkedChain(chain, { question: (input) => … })',
    });
    const told = checkedChain(odd, {
      rag,
      question: () => QUESTION,
      answer: ({ said }) => said,
      documents: ({ papers }) => papers,
      config: { check: { isSup: 0.95 } },
    });
    expect((await told.invoke({ ask: '' })).checked.accepted).toBe(false);
    await expect(told.invoke({ ask: '' }, aborted())).rejects.toThrow();
  });
});
