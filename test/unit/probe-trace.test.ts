import { afterEach, describe, expect, it } from 'vitest';
import { degradationsOf } from '../../src/assembly/capabilities.ts';
import { type ConfigInput, parseConfig } from '../../src/config.ts';
import type { Capabilities, Critic, Generator } from '../../src/contracts.ts';
import { createRag, type RagOptions } from '../../src/rag.ts';
import { replay } from '../../src/replay.ts';
import { type Fault, type LlmServer, llmServer, type ModelReply } from '../../src/testing/llm-server.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { parseTrace } from '../../src/trace.ts';

const KEY = 'sk-planted-0123456789';

let server: LlmServer;
afterEach(() => server?.close());

const alone = { retrieve: { mode: 'never' }, critics: { isUse: null }, beam: { maxSegments: 1 } } satisfies ConfigInput;

async function ragOn(
  config: ConfigInput,
  faults: (number: number) => Fault | null = () => null,
  options: RagOptions = {},
) {
  server = await llmServer({
    kind: 'llama',
    model: (prompt): ModelReply =>
      prompt.includes('animal')
        ? { next: { cat: 0.7, dog: 0.3 } }
        : { next: { Rollo: 1 }, text: 'Rollo was a Viking.' },
    faults: ({ number }) => faults(number),
  });
  const notices: string[] = [];
  const rag = await createRag({
    config: {
      ...alone,
      ...config,
      generate: { closedBook: 'openai', serverModel: 'm', baseUrl: `${server.url}/v1`, ...config.generate },
    },
    keys: { openai: KEY },
    onNotice: (text) => notices.push(text),
    ...options,
  });
  return { rag, notices };
}

const CAPABLE: Capabilities = {
  logprobs: 'raw',
  top: 2,
  tokenIds: true,
  singleTokenLabels: null,
  thinksFirst: false,
  prefill: null,
  notes: [],
};

describe('capabilities in the trace', () => {
  it('are those of the parts on servers, asked once', async () => {
    const { rag, notices } = await ragOn({});
    const { trace, text } = await rag.ask('Who was Rollo?');
    expect(text).toBe('Rollo was a Viking.');
    expect(trace.capabilities).toEqual({ 'generate.closedBook': CAPABLE });
    const before = server.requests.length;
    expect((await rag.ask('Who was Rollo?')).trace.capabilities).toEqual({ 'generate.closedBook': CAPABLE });
    expect(server.requests.length - before).toBe(before - 3);
    expect(notices).toEqual([]);
    const read = parseTrace(JSON.stringify(trace));
    expect(read).toEqual(trace);
    expect((await replay(read)).trace.capabilities).toEqual(trace.capabilities);
    expect(JSON.stringify(trace)).not.toContain(KEY);
    await rag.close();
  });

  it('are told where they are less than the config wants', async () => {
    const { rag, notices } = await ragOn({ weights: { lm: 'expMean' } }, () => ({ kind: 'no-logprobs' }));
    const { trace } = await rag.ask('Who was Rollo?');
    await rag.ask('Who was Rollo?');
    expect(trace.capabilities!['generate.closedBook']!.logprobs).toBe('none');
    expect(notices).toEqual(['openai-m@1: without log-probabilities segments have no likelihood term']);
    await rag.close();
  });

  it('are missing where they cannot be asked, and are asked for again with the next question', async () => {
    const { rag, notices } = await ragOn({}, (number) =>
      number === 0 ? { kind: 'status', status: 500, echo: true } : null,
    );
    const { trace, text } = await rag.ask('Who was Rollo?');
    expect([text, trace.capabilities]).toEqual(['Rollo was a Viking.', undefined]);
    expect(Object.hasOwn(trace, 'capabilities')).toBe(false);
    expect(notices).toEqual(['openai-m@1 cannot be asked what it gives (BACKEND_FAILED)']);
    expect((await rag.ask('Who was Rollo?')).trace.capabilities).toEqual({ 'generate.closedBook': CAPABLE });
    await rag.close();
  });

  it('are not asked of what runs in this process', async () => {
    let asked = 0;
    const probe = async () => {
      asked += 1;
      return CAPABLE;
    };
    const capabilitiesOf = async (closedBook: Generator) => {
      const rag = await createRag({ config: alone, parts: { closedBook } });
      const { trace } = await rag.ask('Who was Rollo?');
      await rag.close();
      return trace.capabilities;
    };
    expect(await capabilitiesOf({ ...scriptedGenerator(), probe, local: true })).toBeUndefined();
    expect(asked).toBe(0);
    expect(await capabilitiesOf({ ...scriptedGenerator(), probe })).toEqual({ 'generate.closedBook': CAPABLE });
    expect(asked).toBe(1);
  });
});

const quoting = scriptedGenerator(undefined, { abilities: { logprobs: false, quotes: true } });

describe('what is less than the config wants', () => {
  const generator = scriptedGenerator();
  const critic = scriptedCritic();
  const sampling = { gate: { when: 'always', measure: 'entropyReduction' } } satisfies ConfigInput;
  const single = { gate: { when: 'always', measure: 'isRel' } } satisfies ConfigInput;
  const likely = { weights: { lm: 'expSum' } } satisfies ConfigInput;
  const TERM = 'without log-probabilities segments have no likelihood term';
  const SAME = 'without log-probabilities each sampled answer counts the same';
  const LEFT = 'its log-probabilities are what sampling left, not those of the model itself';
  const THINKS = 'it thinks before it answers, out of the tokens of the answer';

  it.each<[string, Generator | Critic, Partial<Capabilities>, ConfigInput, string[]]>([
    ['nothing', generator, {}, { ...likely, ...sampling }, []],
    ['not wanted', generator, { logprobs: 'none' }, single, []],
    ['likelihood', generator, { logprobs: 'none' }, likely, [TERM]],
    ['both', generator, { logprobs: 'none' }, { ...likely, ...sampling }, [TERM, SAME]],
    ['a generator that never gives them', quoting, { logprobs: 'none' }, likely, []],
    ['after sampling', generator, { logprobs: 'sampled' }, sampling, [LEFT]],
    ['after sampling, not wanted', generator, { logprobs: 'sampled' }, {}, []],
    ['a critic after sampling', critic, { logprobs: 'sampled' }, {}, [LEFT]],
    ['a critic without', critic, { logprobs: 'none' }, {}, []],
    ['a thought', generator, { thinksFirst: true }, {}, [THINKS]],
    ['notes are none', generator, { notes: ['it refuses an answer that is begun for it'] }, {}, []],
  ])('%s', (_, part, given, config, told) => {
    const found = degradationsOf(part, { ...CAPABLE, ...given }, parseConfig(config));
    expect(found.map(({ what }) => what)).toEqual(told);
  });
});
