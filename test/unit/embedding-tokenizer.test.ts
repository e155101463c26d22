import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  loadTokenizer,
  type Tokenizer,
  tokenizersReader,
  transformersReader,
} from '../../src/backends/onnx-worker-tokenizer.ts';

const VOCAB = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  'a',
  'tower',
  'in',
  'paris',
  '[',
  ']',
  'cls',
  'sep',
  'mask',
  '##s',
];
const CLS = 2;
const SEP = 3;

const special = (id: number) => ({
  id,
  content: VOCAB[id],
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});
const frame = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
const FILE = {
  version: '1.0',
  truncation: { direction: 'Right', max_length: 4, strategy: 'LongestFirst', stride: 0 },
  padding: {
    strategy: { Fixed: 128 },
    direction: 'Right',
    pad_to_multiple_of: null,
    pad_id: 0,
    pad_type_id: 0,
    pad_token: '[PAD]',
  },
  added_tokens: [0, 1, 2, 3, 4].map(special),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [frame('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, frame('[SEP]')],
    pair: [
      frame('[CLS]'),
      { Sequence: { id: 'A', type_id: 0 } },
      frame('[SEP]'),
      { Sequence: { id: 'B', type_id: 1 } },
      frame('[SEP]'),
    ],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [CLS], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [SEP], tokens: ['[SEP]'] },
    },
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(VOCAB.map((token, id) => [token, id])),
  },
};

const READERS = { 'transformers.js': transformersReader, 'tokenizers.js': tokenizersReader };

describe.each(Object.entries(READERS))('loadTokenizer with %s', (_, reader) => {
  let dir = '';
  let encode: Tokenizer['encode'];
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'discern-tokenizer-'));
    await writeFile(join(dir, 'tokenizer.json'), JSON.stringify(FILE));
    encode = (await loadTokenizer(join(dir, 'tokenizer.json'), await reader())).encode;
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('frames the text, and ignores the padding and the truncation of the file', () => {
    expect(encode('A tower', 512)).toEqual([CLS, 5, 6, SEP]);
    expect(encode('A tower in Paris towers', 512)).toEqual([CLS, 5, 6, 7, 8, 6, 14, SEP]);
    expect(encode('', 512)).toEqual([CLS, SEP]);
  });

  it('cuts at the limit and keeps the frame', () => {
    expect(encode('a tower in paris', 4)).toEqual([CLS, 5, 6, SEP]);
    expect(encode('word '.repeat(1000), 16)).toHaveLength(16);
  });

  it('reads control tokens in a text as plain characters', () => {
    expect(encode('[SEP]', 512)).toEqual([CLS, 9, 12, 10, SEP]);
    expect(encode('a [CLS] tower[MASK]', 512)).toEqual([CLS, 5, 9, 11, 10, 6, 9, 13, 10, SEP]);
  });

  it('has a fingerprint of what decides the ids of a bare text, and of nothing else', async () => {
    const of = async (change: object) => {
      await writeFile(join(dir, 'other.json'), JSON.stringify({ ...FILE, ...change }));
      return (await loadTokenizer(join(dir, 'other.json'), await reader())).fingerprint();
    };
    const own = await of({});
    expect(own).toMatch(/^[0-9a-f]{32}$/);
    const vocab = Object.fromEntries(Object.entries(FILE.model.vocab).reverse());
    for (const same of [
      { padding: null, truncation: null },
      { added_tokens: FILE.added_tokens.map((token) => ({ ...token, normalized: true })) },
      { post_processor: { ...FILE.post_processor, single: [...FILE.post_processor.single, frame('[SEP]')] } },
      { model: { ...FILE.model, vocab } },
    ])
      expect(await of(same)).toBe(own);
    for (const other of [
      { normalizer: { ...FILE.normalizer, lowercase: false } },
      { model: { ...FILE.model, vocab: { ...FILE.model.vocab, '##t': 15 } } },
      { model: { ...FILE.model, max_input_chars_per_word: 99 } },
    ])
      expect(await of(other)).not.toBe(own);
  });

  it('never puts a control id inside, whatever the text', () => {
    for (const text of ['[CLS][SEP][PAD][MASK][UNK]', '[ SEP ]', '[S\u200bEP]', '[sep]', '\uff3bSEP\uff3d'])
      expect(
        encode(text, 512)
          .slice(1, -1)
          .filter((id) => [0, CLS, SEP, 4].includes(id)),
        text,
      ).toEqual([]);
  });
});
