import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { openCritic } from '../../src/critics.ts';
import { DiscernError } from '../../src/errors.ts';
import { passageOf } from '../../src/testing/describe-critic.ts';
import { type LlmServer, llmServer } from '../../src/testing/llm-server.ts';

const KEY = 'sk-of-the-test';
let server: LlmServer;
beforeAll(async () => {
  server = await llmServer({ kind: 'llama', key: KEY, model: () => ({ next: { Yes: 0.6, No: 0.2 } }) });
});
afterAll(() => server.close());

const request = { kind: 'isRel', question: 'Who?', passage: passageOf('It was Ada.') } as const;
const open = (critics: object, openai?: string) =>
  openCritic('logprobs', { config: parseConfig({ critics }), keys: { openai, other: 'sk-of-another' } });

describe('the critic logprobs by its options', () => {
  it('asks the server of the config as it says, with the key of OpenAI in the header only', async () => {
    const critics = { baseUrl: `${server.url}/v1`, serverModel: 'Test/Model', route: 'chat', top: 3 };
    const { critic, isRelThreshold, close } = await open(critics, KEY);
    const [critique] = await critic.critique([request]);
    await close();
    expect(critic.id).toBe('logprobs-test-model@1');
    expect(isRelThreshold).toBeNull();
    expect(critique!.probs.relevant).toBeCloseTo(0.75, 12);
    expect(critique!.mass).toBeCloseTo(0.8, 12);
    const { path, headers, body } = server.requests.at(-1)!;
    expect([path, headers.authorization]).toEqual(['/v1/chat/completions', `Bearer ${KEY}`]);
    expect(body).toMatchObject({ model: 'Test/Model', top_logprobs: 3 });
    expect(JSON.stringify([critic, critique, body])).not.toContain('sk-of');
  });

  it('needs an address', async () => {
    await expect(open({})).rejects.toSatisfy(
      (error) => DiscernError.is(error, 'CONFIG_INVALID') && error.hint.includes('critics.baseUrl'),
    );
  });

  it('asks a server at its root by its own interface', async () => {
    server.requests.length = 0;
    const { critic, close } = await open({ baseUrl: server.url }, KEY);
    await critic.critique([request]);
    await close();
    expect(server.requests.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/v1/models', '/props', '/apply-template', '/tokenize', '/completion']),
    );
  });
});
