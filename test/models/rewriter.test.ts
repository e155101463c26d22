import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAssembly } from '../../src/assembly.ts';
import { promptedRewriter } from '../../src/backends/rewriter/prompted.ts';
import { parseConfig } from '../../src/config.ts';
import type { Rewriter } from '../../src/contracts.ts';
import type { ResolvedModel } from '../../src/models/manifest.ts';
import { createModelStore } from '../../src/models/store.ts';
import { getPrompt } from '../../src/prompts.ts';
import { describeRewriter } from '../../src/testing/describe-rewriter.ts';
import { hashEmbedder } from '../../src/testing/hash-embedder.ts';
import { memoryIndex } from '../../src/testing/memory-index.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';

let model: ResolvedModel;
beforeAll(async () => {
  model = await createModelStore(parseConfig().models).resolve('smollm2-135m-instruct');
});

describeRewriter('prompted', () => promptedRewriter({ model }));

describe('prompted rewriter', () => {
  let rewriter: Rewriter;
  beforeAll(() => {
    rewriter = promptedRewriter({ model });
  });
  afterAll(() => rewriter.close());

  it('names its model and its prompt', () => {
    expect(rewriter.id).toBe('rewrite-smollm2-135m-instruct@1');
    expect(rewriter.prompts).toEqual({ rewriteQuery: getPrompt('rewrite-query@1').hash });
  });

  it('is the rewriter of recall.rewrite prompted, with generate.model', async () => {
    const config = parseConfig({
      recall: { rewrite: 'prompted' },
      rerank: { backend: 'none' },
      critics: { isRel: null, isSup: null, isUse: null },
    });
    const parts = {
      embedder: hashEmbedder(),
      index: memoryIndex({ dimensions: 64 }),
      withContext: scriptedGenerator(),
    };
    const assembly = createAssembly(config, { parts });
    expect((await assembly.partsFor(config)).parts.rewriter!.id).toBe(rewriter.id);
    await assembly.close();
  });

  it('leaves the small talk out', async () => {
    expect(
      await rewriter.rewrite([
        'Thanks for your last answer! One more thing: how long can I keep cooked rice in the fridge?',
        'Hi, I am planning a trip with my two kids and was wondering if you could tell me whether dogs are allowed in the castle park?',
      ]),
    ).toEqual(['How long can I keep cooked rice in the fridge?', 'Dogs allowed in the castle park']);
  });

  it('sets a question on one line, and writes 32 tokens at most', async () => {
    const [plain, broken, long] = await rewriter.rewrite([
      'What is the boiling point of acetone?',
      '\nWhat is the boiling\r\n\tpoint of acetone? ',
      'word '.repeat(500),
    ]);
    expect(broken).toBe(plain);
    expect(long!.split(' ').length).toBeLessThanOrEqual(32);
  });
});
