import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { throwIfAborted } from '../errors.ts';
import { absence } from './native.ts';

/** What each package is tried with: no more than shows that its native code runs. */
const TRIALS = {
  'onnxruntime-node': `
    const { InferenceSession } = await import('onnxruntime-node');
    if (typeof InferenceSession?.create !== 'function') throw new Error('it has no InferenceSession');`,
  'hnswlib-node': `
    const { default: { HierarchicalNSW } } = await import('hnswlib-node');
    const graph = new HierarchicalNSW('ip', 2);
    graph.initIndex(2);
    graph.addPoint([1, 0], 0);
    graph.addPoint([0, 1], 1);
    if (graph.searchKnn([0, 1], 1).neighbors[0] !== 1) throw new Error('it finds the wrong vector');`,
  'node-llama-cpp': `
    // It starts a process of its own, with these.
    process.execArgv = [];
    const { getLlama } = await import('node-llama-cpp');
    const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false, logger: () => {} });
    await llama.dispose();`,
} as const;

export type NativePackage = keyof typeof TRIALS;

export interface NativeState {
  /** Null where it is not installed. */
  readonly version: string | null;
  /** What is wrong with it, as words after its name; null where it works. */
  readonly problem: string | null;
}

/** The folder of this package: the same seen from src and from dist. */
const HERE = fileURLToPath(new URL('../..', import.meta.url));
const ANSWER = '\u0001answer ';

/**
 * Tries a package in a process of its own, since native code that does not fit may end its process.
 * It is looked for as seen from `from`.
 */
export async function nativeState(
  name: NativePackage,
  { from = HERE, signal }: { readonly from?: string; readonly signal?: AbortSignal } = {},
): Promise<NativeState> {
  throwIfAborted(signal);
  const [version, problem] = await Promise.all([versionOf(name, from), problemOf(name, from, signal)]);
  return { version, problem };
}

async function problemOf(name: NativePackage, from: string, signal?: AbortSignal): Promise<string | null> {
  const program = `
    let failure = null;
    try {${TRIALS[name]}
    } catch (error) {
      failure = { code: error?.code, message: String(error?.message ?? error) };
    }
    process.stdout.write(${JSON.stringify(ANSWER)} + JSON.stringify(failure), () => process.exit(0));`;
  const { said, ended } = await run(program, from, signal);
  throwIfAborted(signal);
  const answer = said.lastIndexOf(ANSWER);
  if (answer === -1) return `ends its process when it is loaded (${ended})`;
  const failure: unknown = JSON.parse(said.slice(answer + ANSWER.length));
  if (failure === null) return null;
  const { code, message } = failure as { code?: string; message: string };
  return absence(Object.assign(new Error(message), { code })) ?? `cannot be used (${message.split('\n')[0]})`;
}

function run(program: string, cwd: string, signal?: AbortSignal): Promise<{ said: string; ended: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      cwd,
      stdio: ['ignore', 'pipe', 'ignore'],
      windowsHide: true,
      killSignal: 'SIGKILL',
      signal,
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
    child.on('error', (error) => resolve({ said, ended: error.message }));
    child.on('close', (code, stopped) => resolve({ said, ended: stopped ?? `exit code ${code}` }));
  });
}

/** As Node looks for it: in `node_modules` of the folder and of those above it. */
async function versionOf(name: string, from: string): Promise<string | null> {
  for (let dir = from; ; dir = dirname(dir)) {
    const text = await readFile(join(dir, 'node_modules', name, 'package.json'), 'utf8').catch(() => null);
    if (text !== null) return String((JSON.parse(text) as { version?: unknown }).version);
    if (dirname(dir) === dir) return null;
  }
}
