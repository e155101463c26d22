import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { discern, temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const file = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};
mkdirSync(join(dir, 'empty'));
const broken = file('broken.json', '{"recall":');
const flat = file('flat.json', '{"recall":3}');
const typo = file('typo.json', '{"recall":{"topk":3}}');
const docs = join(dir, 'empty');

/** What a person does wrong, and what must be said about it. None of these may load a model. */
const MISTAKES: readonly [what: string, args: readonly string[], said: readonly string[]][] = [
  ['an unknown flag', ['ask', 'x', '--bogus'], ["unknown option '--bogus'", '--help']],
  ['no question', ['ask'], ["missing required argument 'question'", '--help']],
  ['an empty question', ['ask', ' ', '--docs', docs], ['INPUT_INVALID', 'the question is empty', 'hint:']],
  ['neither index nor documents', ['ask', 'x'], ['INPUT_INVALID', '--index DIR or --docs PATH', 'hint:']],
  ['no number', ['ask', 'x', '--docs', docs, '--recall.topK', 'ten'], ['CONFIG_INVALID', '--recall.topK', '"ten"']],
  [
    'adaptive without its critic',
    ['ask', 'x', '--docs', docs, '--retrieve.mode', 'adaptive', '--critics.retrieve', 'none'],
    ['CONFIG_INVALID', 'critics.retrieve is none', 'hint: set --critics.retrieve mini'],
  ],
  ['a broken config file', ['ask', 'x', '--docs', docs, '--config', broken], ['CONFIG_INVALID', broken, 'JSON']],
  ['a typo in it', ['ask', 'x', '--docs', docs, '--config', typo], ['CONFIG_INVALID', 'recall', '"topk"']],
  ['no index flag', ['ingest', docs], ["required option '--index <dir>' not specified"]],
  ['no such backend', ['ask', 'x', '--docs', docs, '--embedder.backend', 'abacus'], ['BACKEND_UNKNOWN', 'onnx']],
  ['no such model', ['ask', 'x', '--docs', docs, '--embedder.model', 'nope'], ['MODEL_UNKNOWN', '"nope"', 'hint:']],
  ['no trace file', ['replay', join(dir, 'none.jsonl')], ['INPUT_INVALID', 'none.jsonl is not a file']],
  ['another file', ['replay', flat], ['TRACE_INVALID', `${flat}, line 1`]],
];

describe('a mistake on the command line', () => {
  it.concurrent.each(MISTAKES)('%s: exit code 2, one message with its hint', async (_what, args, said) => {
    const { code, out, err } = await discern(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    for (const words of said) expect(err).toContain(words);
    expect(err).not.toMatch(/\n\s+at |node:internal/);
    expect(err.match(/^error/gm)).toHaveLength(1);
    expect(err.trim().split('\n').length).toBeLessThanOrEqual(3);
  });

  it('help stands on standard output and is no failure', async () => {
    const { code, out, err } = await discern(['ask', '--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('--retrieve.mode <string>');
    expect(out).toContain('default 0.2');
  });
});
