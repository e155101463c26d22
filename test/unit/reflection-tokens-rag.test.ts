import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRag, parseTrace, replay } from '../../src/index.ts';
import { type LlmServer, llmServer } from '../../src/testing/llm-server.ts';
import { listRecaller, passageOf } from './parts.ts';
import { scriptedModel, scriptedSplit } from './reflection-tokens-fixtures.ts';

const tower = passageOf('tower', 'The tower of Norr was built in 1902. The tower of Norr is 31 metres high.');
const bread = passageOf('bread', 'Knead butter and flour.');
const QUESTION = 'How high is the tower of Norr?';

let server: LlmServer;
beforeAll(async () => {
  server = await llmServer({ kind: 'vllm', model: scriptedModel, split: scriptedSplit });
});
afterAll(() => server.close());
beforeEach(() => {
  server.requests.length = 0;
});

const ALL = 'reflection-tokens';

async function ask(config: object = {}) {
  const rag = await createRag({
    parts: { recaller: listRecaller([tower, bread]) },
    config: {
      critics: { retrieve: ALL, isRel: ALL, isSup: ALL, isUse: ALL, baseUrl: `${server.url}/v1` },
      generate: { withContext: ALL, closedBook: ALL },
      retrieve: { mode: 'adaptive' },
      isRel: { threshold: 0.5 },
      rerank: { backend: 'none', topN: 2 },
      beam: { width: 1 },
      gate: { when: 'never' },
      ...config,
    },
  });
  try {
    return await rag.ask(QUESTION);
  } finally {
    await rag.close();
  }
}

describe('a system with one model as critic and generator', () => {
  const completions = () =>
    server.requests
      .filter(({ path }) => path === '/v1/completions')
      .map(({ body }) => [body.max_tokens, String(body.prompt).split('### Response:\n')[1]]);

  it('asks it once for each segment and what was written of it', async () => {
    const answer = await ask();
    expect(answer.text).toBe('The tower of Norr was built in 1902. [1] The tower of Norr is 31 metres high. [2]');
    expect(answer.segments.map(({ critiques }) => Object.keys(critiques).sort())).toEqual([
      ['isRel', 'isSup', 'isUse'],
      ['isRel', 'isSup', 'isUse'],
    ]);
    const evidence = (text: string) => `[Retrieval]<paragraph>${text}</paragraph>`;
    const first = 'The tower of Norr was built in 1902.';
    expect(completions().filter(([, prompt]) => prompt !== undefined)).toEqual([
      [1, ''],
      [1, ''],
      [1, evidence(tower.text)],
      [1, evidence(bread.text)],
      [72, evidence(tower.text)],
      [1, `[No Retrieval]${first}`],
      [72, `${first}${evidence(tower.text)}`],
    ]);
    const use = answer.segments.map(({ critiques }) => critiques.isUse!.probs['5']);
    expect(use[1]).toBeGreaterThan(0.99);
  });

  it('and its trace is replayed', async () => {
    const answer = await ask();
    const again = await replay(parseTrace(JSON.stringify(answer.trace)));
    expect(again.text).toBe(answer.text);
    expect(Object.values(answer.trace.backends)).toContain('reflection-tokens-server@1');
  });

  it('answers without passages where it wants none', async () => {
    const answer = await ask({ retrieve: { mode: 'never' } });
    expect(answer.text).toBe('I only know this.');
    expect(answer.usedContext).toBe(false);
  });
});
