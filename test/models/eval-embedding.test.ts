import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { discern, temporaryFolder } from '../fixtures/cli/discern.ts';

const dir = temporaryFolder();
const file = (name: string, rows: readonly object[]): string => {
  writeFileSync(join(dir, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return join(dir, name);
};

const TEXTS = {
  ships: [
    'The ferry left the harbour at noon.',
    'A captain steered his boat home.',
    'Sailors tied the vessel to the pier.',
  ],
  bread: ['Knead the dough for ten minutes.', 'The bakery sells rye loaves.', 'Let the yeast rise before you bake.'],
  stars: [
    'The telescope showed the rings of Saturn.',
    'A comet passed the sun.',
    'Astronomers counted distant galaxies.',
  ],
};
const rows = Object.entries(TEXTS).flatMap(([label, texts]) => texts.map((text) => ({ text, label })));

describe('discern eval embedding with the local model', () => {
  it('finds the topics of plain sentences again', async () => {
    const { code, out, err } = await discern([
      'eval',
      'embedding',
      '--task',
      'clustering',
      file('c.jsonl', rows),
      '--json',
    ]);
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    expect(JSON.parse(out)).toMatchObject({
      ...{ embedder: 'onnx-bge-small-en-v1.5', texts: 9 },
      overall: { n: 9, sets: 1, purity: { mean: 1 }, ari: { mean: 1 } },
    });
  });
});
