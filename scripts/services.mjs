// Starts real servers of llama.cpp (the Python package xllamacpp) with the default language model, and runs the tests of
// test/services against them: one as it is by default, and one with a single slot that keeps no prompt, so that nothing
// that was asked before or beside a request changes its sums. Python, the package and the model stay in a cache folder: DISCERN_SERVICES_DIR, or
// ~/.cache/discern-rag/services. Needs `npm run build` before, Python 3.10 or later, and a package index the first time.
//
//   npm run test:services                      fails where the server cannot be installed
//   npm run test:services -- --if-possible     says why it cannot, and succeeds
//   npm run test:services -- -t parity         further words go to vitest
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const VERSION = '2026.10.11549';
const MODEL = 'smollm2-135m-instruct';
const START_MS = 120_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = process.env.DISCERN_SERVICES_DIR || join(homedir(), '.cache', 'discern-rag', 'services');
const words = process.argv.slice(2);
const ifPossible = words.includes('--if-possible');

/** It ends when its standard input does, so it never outlives this script, however that ends. */
const SERVER = `
import os, sys, xllamacpp
def serve(slots, context, keep):
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.port = 0
    params.n_ctx = slots * context
    params.n_parallel = slots
    params.cache_prompt = keep
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, (os.cpu_count() or 2) - 1)
    return xllamacpp.Server(params)
# Few tokens of context, so that the longest texts of the suites are cut soon.
servers = [serve(2, 256, True), serve(1, 512, False)]
print('listening ' + ' '.join(server.listening_address for server in servers), flush=True)
sys.stdin.read()
os._exit(0)
`;

class Impossible extends Error {}

const pythonOf = (venv) =>
  join(venv, ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']));

function run(command, args, timeout) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout });
  return {
    ok: status === 0,
    said: error ? error.message : `${stdout}${stderr}`.trim().split('\n').slice(-3).join('\n'),
  };
}

function systemPython() {
  const check = 'import ensurepip, sys, venv; sys.exit(0 if sys.version_info >= (3, 10) else 1)';
  const found = ['python3', 'python'].find((name) => run(name, ['-c', check], 20_000).ok);
  if (!found) throw new Impossible('there is no Python 3.10 or later with venv');
  return found;
}

/** The Python that has the server; installed once. */
function install() {
  const venv = join(folder, `xllamacpp-${VERSION}`);
  const done = join(venv, 'installed');
  if (existsSync(done)) return pythonOf(venv);
  const python = systemPython();
  mkdirSync(folder, { recursive: true });
  rmSync(venv, { recursive: true, force: true });
  console.log(`services: installing xllamacpp ${VERSION} into ${venv}`);
  const made = run(python, ['-m', 'venv', venv], 120_000);
  if (!made.ok) throw new Impossible(`no virtual environment could be made: ${made.said}`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:'];
  const limits = ['--retries', '1', '--timeout', '20'];
  const installed = run(pythonOf(venv), [...pip, ...limits, `xllamacpp==${VERSION}`], 600_000);
  if (!installed.ok) throw new Impossible(`pip could not install xllamacpp ${VERSION}: ${installed.said}`);
  writeFileSync(done, '');
  return pythonOf(venv);
}

async function modelFile() {
  const [{ createModelStore }, { parseConfig }] = await Promise.all([
    import('../dist/models/store.js'),
    import('../dist/config.js'),
  ]);
  try {
    const { files } = await createModelStore(parseConfig().models).resolve(MODEL);
    return files['model.gguf'].path;
  } catch (error) {
    throw new Impossible(`${MODEL} cannot be had: ${error.message}`);
  }
}

/** All that runs, so that it ends with this script. */
const running = new Set();

function start(command, args, options) {
  const child = spawn(command, args, options);
  running.add(child);
  child.on('close', () => running.delete(child));
  return child;
}

const ended = (child) =>
  new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal ? 1 : 0)));
  });

async function startServer(python, model) {
  const log = join(folder, 'server.log');
  const errors = openSync(log, 'w');
  const args = ['-c', SERVER, model];
  const server = start(python, args, { stdio: ['pipe', 'pipe', errors] });
  closeSync(errors);
  const failed = ended(server).then((code) => {
    throw new Error(`the server ended with ${code}: ${readFileSync(log, 'utf8').slice(-2000)}`);
  });
  failed.catch(() => {});
  const addresses = new Promise((resolve) => {
    let said = '';
    server.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
      const line = /^listening (\S+) (\S+)$/m.exec(said);
      if (line) resolve(line.slice(1));
    });
  });
  const late = sleep(START_MS, null, { ref: false }).then(() => {
    throw new Error(`the server was not ready after ${START_MS} ms; its log is ${log}`);
  });
  const urls = await Promise.race([addresses, failed, late]);
  const isHealthy = async (url) => {
    const { ok } = await fetch(`${url}/health`).catch(() => ({ ok: false }));
    return ok;
  };
  const healthy = async () => {
    for (const url of urls) while (!(await isHealthy(url))) await sleep(200);
  };
  await Promise.race([healthy(), failed, late]);
  return { server, urls };
}

async function stop(child) {
  if (!running.has(child)) return;
  child.stdin?.end();
  await Promise.race([ended(child), sleep(5000)]);
  if (running.has(child)) child.kill('SIGKILL');
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    for (const child of running) child.kill('SIGTERM');
    process.exit(1);
  });

async function main() {
  const python = install();
  const model = await modelFile();
  const { server, urls } = await startServer(python, model);
  console.log(`services: llama.cpp of xllamacpp ${VERSION} with ${MODEL} at ${urls.join(' and ')}`);
  try {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const args = [vitest, 'run', '--project', 'services', ...words.filter((word) => word !== '--if-possible')];
    const env = { ...process.env, DISCERN_TEST_LLAMA_URLS: urls.join(' ') };
    return await ended(start(process.execPath, args, { cwd: root, env, stdio: 'inherit' }));
  } finally {
    await stop(server);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const impossible = error instanceof Impossible;
  console.error(`services: NOT RUN: ${error.message}`);
  process.exitCode = impossible && ifPossible ? 0 : 1;
}
