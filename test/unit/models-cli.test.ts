import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { Command } from 'commander';
import { afterEach, expect, it } from 'vitest';
import { registerModels, showProgress } from '../../src/cli/models.ts';
import { parseConfig } from '../../src/config.ts';
import { errorOf, noise, temporaryFolder } from './models-fixtures.ts';

afterEach(() => {
  process.exitCode = undefined;
});

async function run(dir: string, ...args: string[]): Promise<string[]> {
  const lines: string[] = [];
  const program = new Command().exitOverride();
  registerModels(program, {
    configOf: () => parseConfig({ models: { dir, offline: true } }),
    print: (line) => lines.push(line),
  });
  await program.parseAsync(['models', ...args], { from: 'user' });
  return lines;
}

it('list: a table of what is known and what is here', async () => {
  const dir = await temporaryFolder();
  await mkdir(join(dir, 'bge-small-en-v1.5'));
  await writeFile(join(dir, 'bge-small-en-v1.5', 'tokenizer.json'), '{}');
  expect((await run(dir, 'list')).join('\n').replace(dir, 'DIR')).toMatchInlineSnapshot(`
    "name                   kind       size     licence     state    sha256
    bge-small-en-v1.5      embedder   34.7 MB  MIT         partial  not checked
    smollm2-135m-instruct  generator  98.4 MB  Apache-2.0  missing  -
    all-minilm-l6-v2       embedder   23.7 MB  Apache-2.0  missing  -
    folder: DIR"
  `);
});

it('verify: says which file is wrong or missing, and the exit code is 1', async () => {
  const dir = await temporaryFolder();
  expect(await run(dir, 'verify')).toEqual([
    `no model is in ${dir}; known: bge-small-en-v1.5, smollm2-135m-instruct, all-minilm-l6-v2`,
  ]);
  expect(process.exitCode).toBeUndefined();
  await mkdir(join(dir, 'bge-small-en-v1.5'));
  await writeFile(join(dir, 'bge-small-en-v1.5', 'tokenizer.json'), '{}');
  expect((await run(dir, 'verify')).map((line) => line.replace(dir, 'DIR'))).toEqual([
    'bge-small-en-v1.5: DIR/bge-small-en-v1.5/model.onnx: missing',
    'bge-small-en-v1.5: DIR/bge-small-en-v1.5/tokenizer.json: WRONG: sha256 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a, expected d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66',
  ]);
  expect(process.exitCode).toBe(1);
});

it('verify and pull take a local path', async () => {
  const dir = await temporaryFolder();
  const path = join(dir, 'own.gguf');
  await writeFile(path, noise(100, 1));
  expect(await run(dir, 'pull', path)).toEqual([`${path}: ready in ${dir}`]);
  expect((await run(dir, 'verify', path))[0]).toMatch(/own\.gguf: ok \(sha256 [0-9a-f]{64}\)$/);
});

it('pull without names wants the defaults; its errors go up', async () => {
  const error = await errorOf(run(await temporaryFolder(), 'pull'));
  expect([error.code, error.details.model]).toEqual(['MODEL_UNAVAILABLE', 'bge-small-en-v1.5']);
});

/** What is written to a terminal of 100 columns, or to a file. */
function recorder(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, next) {
      text += chunk;
      next();
    },
  });
  const columns = { isTTY, columns: 100, cursorTo: () => true, clearLine: () => true, moveCursor: () => true };
  return { stream: Object.assign(stream, columns) as unknown as NodeJS.WriteStream, text: () => text };
}

const steps = (progress: ReturnType<typeof showProgress>) => {
  const common = { model: 'm', file: 'f.onnx', step: 'hub', total: 2_000_000 } as const;
  progress.update({ ...common, file: '', step: 'wait', done: 0, total: null });
  for (const done of [0, 1_000_000, 2_000_000]) progress.update({ ...common, done });
  progress.end();
  progress.end();
};

it('progress is one line for each file where there is no terminal', () => {
  const { stream, text } = recorder(false);
  steps(showProgress(stream));
  expect(text()).toBe('m waiting: another process fetches it\nm f.onnx from the hub (2.0 MB)\n');
});

it('progress is a bar on a terminal', () => {
  const { stream, text } = recorder(true);
  steps(showProgress(stream));
  expect(text()).toContain('m f.onnx from the hub ########################################');
  expect(text()).toContain('100% of 2.0 MB');
});
