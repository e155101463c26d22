import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../../src/types.ts';
import { ABOVE_CORPUS, CORPUS, discern, temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const index = join(dir, 'index');
const QUESTION = 'When was the lighthouse on Little Hessel built?';
/** No model is in this folder, and none may be fetched. */
const NO_MODELS = { DISCERN_MODELS_DIR: join(dir, 'no-models'), DISCERN_OFFLINE: '1' };

beforeAll(async () => {
  const { code } = await discern(['ingest', CORPUS, '--index', index]);
  expect(code).toBe(0);
});

describe('discern ask', () => {
  it('prints the answer, its numbered citations, then why', async () => {
    const { code, out } = await discern(['ask', QUESTION, '--index', index]);
    expect(code).toBe(0);
    const [answer, blank, citation, quote] = out.split('\n');
    expect(answer).toContain('built in 1869');
    expect(answer).toMatch(/ \[1\]$/);
    expect(blank).toBe('');
    expect(citation).toMatch(/^ {2}\[1\] corpus\/lighthouse\.md, .*, characters \d+-\d+, word for word$/);
    expect(quote).toContain('built in 1869');
    const why = out.slice(out.indexOf('\nWhy\n'));
    expect(why).toContain('retrieve: yes, mode always');
    expect(why).toMatch(/recall 0\.\d\d \(#1\) +rerank -?\d\.\d\d +isRel \d\.\d\d {2}kept/);
    expect(why).toMatch(/segment 1 +\d\.\d\d = 1 x isRel \d\.\d\d \+ 1 x isSup \d\.\d\d/);
  });

  it('prints no reasons when it is told so, and no colour codes into a pipe', async () => {
    const { out } = await discern(['ask', QUESTION, '--index', index, '--no-why']);
    expect(out).not.toContain('Why');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
  });

  it('prints the answer as JSON, whose quotes stand in the files exactly', async () => {
    const { out } = await discern(['ask', QUESTION, '--index', index, '--json']);
    const answer = JSON.parse(out) as Answer;
    expect(Object.keys(answer).sort()).toEqual(
      ['citations', 'cost', 'decisions', 'segments', 'text', 'unanswered', 'usedContext'].sort(),
    );
    expect(answer).toMatchObject({ unanswered: null, usedContext: true });
    expect(answer.citations.length).toBeGreaterThan(0);
    for (const citation of answer.citations) {
      expect(Object.keys(citation)).toEqual(
        expect.arrayContaining(['number', 'passageId', 'docId', 'start', 'end', 'quote', 'isSup']),
      );
      const text = readFileSync(join(ABOVE_CORPUS, citation.docId), 'utf8');
      expect(text.slice(citation.start, citation.end)).toBe(citation.quote);
    }
  });

  it('reads documents at once instead of an index, with the same answer', async () => {
    const [fromIndex, fromDocuments] = await Promise.all([
      discern(['ask', QUESTION, '--index', index, '--json']),
      discern(['ask', QUESTION, '--docs', CORPUS, '--json']),
    ]);
    expect(fromDocuments.code).toBe(0);
    // The models took their time anew.
    const timeless = ({ out }: { out: string }) => {
      const answer = JSON.parse(out) as Answer;
      return { ...answer, cost: { ...answer.cost, ms: 0 } };
    };
    expect(timeless(fromDocuments)).toEqual(timeless(fromIndex));
  });

  it('answers again from its trace, without any model', async () => {
    const trace = join(dir, 'trace.jsonl');
    const asked = await discern(['ask', QUESTION, '--index', index, '--json', '--trace', trace]);
    const replayed = await discern(['replay', trace, '--json'], { env: NO_MODELS });
    expect(replayed.code).toBe(0);
    const { id: _id, question, ...answer } = JSON.parse(replayed.out);
    expect(question).toBe(QUESTION);
    expect(answer).toEqual(JSON.parse(asked.out));
    expect(readFileSync(trace, 'utf8')).not.toContain(dir);
    const shown = await discern(['replay', trace, '--beam.maxSegments', '1'], { env: NO_MODELS });
    expect(shown.out.startsWith(`${QUESTION}\n`)).toBe(true);
    const live = await discern(['ask', QUESTION, '--index', index], { env: NO_MODELS });
    expect({ code: live.code, out: live.out }).toEqual({ code: 1, out: '' });
    expect(live.err).toMatch(/^error MODEL_UNAVAILABLE: .*bge-small-en-v1\.5.*\n {2}hint: .*discern models pull/);
  });

  it('says so when the documents hold no answer', async () => {
    const { code, out } = await discern(['ask', 'Which protein folds the ribosome?', '--index', index, '--no-why']);
    expect(code).toBe(0);
    expect(out).toMatch(/^No answer: the documents hold no evidence for it \(no passage was relevant enough\)\.\n$/);
  });

  it('asks the model alone in mode never, and the prompted critic in mode adaptive', async () => {
    const never = await discern(['ask', 'What is the capital of France?', '--retrieve.mode', 'never', '--json']);
    expect(never.code).toBe(0);
    expect(JSON.parse(never.out)).toMatchObject({ usedContext: false, citations: [] });
    expect(JSON.parse(never.out).text.length).toBeGreaterThan(0);
    const flags = ['--retrieve.mode', 'adaptive', '--critics.retrieve', 'prompted', '--json'];
    const adaptive = await discern(['ask', QUESTION, '--index', index, ...flags]);
    expect(adaptive.code).toBe(0);
    const first = (JSON.parse(adaptive.out) as Answer).decisions.find(({ about }) => about === 'retrieve')!;
    expect(first.threshold).toBe(0.2);
    expect(first.value).toBeGreaterThanOrEqual(0);
    expect(first.value).toBeLessThanOrEqual(1);
  });

  it('shows what a document holds for a terminal, and sends none of it there', async () => {
    const evil = join(dir, 'evil');
    mkdirSync(evil);
    const text =
      '# Goats \u001b]0;title\u0007\n\nGreta the goat lives on the \u001b[1mroof\u001b[0m of the \u202emill.\n';
    writeFileSync(join(evil, 'a.md'), text);
    const { code, out, err } = await discern(['ask', 'Where does the goat live?', '--docs', evil]);
    expect(code).toBe(0);
    expect(out).toContain('\\u001b[1mroof\\u001b[0m of the \\u202emill. [1]');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(out + err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  });

  it.each([
    ['no folder', ['--index', join(dir, 'none')], 'INDEX_MISSING', 'discern ingest'],
    ['no documents', ['--docs', join(dir, 'none')], 'INPUT_INVALID', 'there is no file or folder'],
    ['a critic of no name', ['--index', index, '--critics.isRel', 'oracle'], 'BACKEND_UNKNOWN', 'embedding, prompted'],
    ['a generator of no name', ['--index', index, '--generate.withContext', 'bard'], 'BACKEND_UNKNOWN', 'quote, gguf'],
    ['an index of no name', ['--docs', CORPUS, '--index.backend', 'shelf'], 'BACKEND_UNKNOWN', 'hnsw'],
    ['another embedder', ['--index', index, '--embedder.model', 'all-minilm-l6-v2'], 'INDEX_FINGERPRINT', 'bge-small'],
  ])('%s: exit code 2 and one message', async (_what, flags, code, words) => {
    const ended = await discern(['ask', QUESTION, ...flags]);
    expect({ code: ended.code, out: ended.out }).toEqual({ code: 2, out: '' });
    expect(ended.err).toContain(`error ${code}: `);
    expect(ended.err).toContain(words);
    expect(ended.err).toContain('\n  hint: ');
    expect(ended.err).not.toMatch(/\n\s+at /);
  });

  it('holds no key in the trace, the output or an error', async () => {
    const env = { OPENAI_API_KEY: 'sk-planted-0123456789' };
    const trace = join(dir, 'keyed.jsonl');
    const good = await discern(['ask', QUESTION, '--index', index, '--trace', trace], { env });
    // Port 9 answers nobody.
    const server = ['--generate.withContext', 'openai', '--generate.baseUrl', 'http://127.0.0.1:9/v1'];
    const bad = await discern(['ask', QUESTION, '--index', index, ...server], { env });
    expect(good.code).toBe(0);
    expect(bad.code).toBe(1);
    expect(bad.err).toMatch(/^error BACKEND_FAILED: /m);
    for (const text of [good.out, good.err, bad.out, bad.err, readFileSync(trace, 'utf8')])
      expect(text).not.toContain('planted');
  });
});
