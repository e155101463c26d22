// The way of a newcomer, timed from an empty folder: install, own documents, first answer, own critic, first tuned config.
// Each step is what docs/newcomer.md tells, with its wall time. Needs the npm registry, and a source of the models.
//
//   npm run newcomer                     prints the table
//   npm run newcomer -- --write          and puts it into docs/newcomer.md
//   npm run newcomer -- --keep           leaves the folder, to look at
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { machine, pack, root, run, tableOf, writeSection } from './package-run.mjs';

const words = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), 'discern-newcomer-'));
const app = join(work, 'app');
const QUESTION = 'When is the bakery closed?';
const ANSWER = 'The bakery is closed on Mondays';

const rows = [];

/** Runs one step, and stops where it does not do what it should. */
function step(what, [command, ...args], { shown, env = {}, said = /^/ } = {}) {
  const { status, stdout, stderr, seconds } = run(command, args, { cwd: app, env });
  const line = shown ?? [command, ...args.map((word) => (word.includes(' ') ? `"${word}"` : word))].join(' ');
  console.log(`${seconds.toFixed(1).padStart(7)} s  ${what}: ${line}`);
  if (status !== 0 || !said.test(stdout))
    throw new Error(`${line} failed:\n${stdout.slice(-2000)}${stderr.slice(-2000)}`);
  rows.push([what, `\`${line.replaceAll('|', '\\|')}\``, `${seconds.toFixed(1)} s`]);
  return stdout;
}

/** The example of an own critic, as a program of Node. */
function ownCritic() {
  const source = readFileSync(join(root, 'examples', '03-own-critic.ts'), 'utf8');
  const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}

function walk() {
  const began = machine();
  const { tarball } = pack(work);
  mkdirSync(app);
  cpSync(join(root, 'examples', 'corpus'), join(app, 'corpus'), { recursive: true });
  cpSync(join(root, 'examples', 'questions.jsonl'), join(app, 'questions.jsonl'));
  writeFileSync(join(app, 'own-critic.mjs'), ownCritic());

  step('install', ['npm', 'install', tarball], { shown: 'npm install discern-rag' });
  const native = existsSync(join(app, 'node_modules', 'onnxruntime-node'));
  const empty = { DISCERN_MODELS_DIR: join(work, 'models') };
  const ingest = ['npx', 'discern', 'ingest', 'corpus', '--index', 'index'];
  const first = 'own folder, model cache empty: fetches the embedder (35 MB)';
  step(first, ingest, { env: empty });
  rmSync(join(app, 'index'), { recursive: true });
  step('own folder, model in the cache', ingest);
  step('first answer', ['npx', 'discern', 'ask', QUESTION, '--index', 'index'], { said: new RegExp(ANSWER) });
  step('own critic (a program of 30 lines)', ['node', 'own-critic.mjs'], { said: new RegExp(ANSWER) });
  const traces = ['--index', 'index', '--out', 'traces.jsonl', '--wide', '--critics.retrieve', 'none'];
  step('32 questions recorded', ['npx', 'discern', 'run', 'questions.jsonl', ...traces]);
  const tune = ['--traces', 'traces.jsonl', '--gold', 'questions.jsonl', '--metric', 'f1', '--out', 'tuned.json'];
  const told = step('first tuned config', ['npx', 'discern', 'tune', ...tune]);
  console.log(told.trim().replace(/^/gm, '           '));
  step('an answer with it', ['npx', 'discern', 'ask', QUESTION, '--index', 'index', '--config', 'tuned.json']);
  return { began, native };
}

try {
  const { began, native } = walk();
  const total = rows.reduce((sum, row) => sum + Number.parseFloat(row[2]), 0);
  const table = tableOf(['step', 'command', 'wall time'], [...rows, ['all', '', `${total.toFixed(0)} s`]]);
  const engine = native ? 'native code (onnxruntime-node)' : 'WebAssembly';
  const text = `${table}\n\nMachine: ${began}. The models ran on ${engine}; npm's own cache was warm.`;
  console.log(`\n${text}`);
  if (words.includes('--write')) writeSection('docs/newcomer.md', 'times', text);
} finally {
  if (words.includes('--keep')) console.log(`left in ${work}`);
  else rmSync(work, { recursive: true, force: true });
}
