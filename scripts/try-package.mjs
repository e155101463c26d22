// Packs the package, installs it in empty folders as users would, and asks it a question: by `npx discern ask` and by a
// program of five lines. Needs the npm registry and a model (the one in the cache folder, or a download), and nothing
// else of the network: what a package fetches from elsewhere when it is installed may fail.
//
//   npm run test:package            removes the folders afterwards
//   npm run test:package -- --keep  leaves them, to look at
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'discern-package-'));
// `npm run` hands the settings of this checkout down in npm_…: a user has none of them.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));

/** Optional peers and what comes with them: a user who did not ask for them must not get them. */
const UNWANTED = ['node-llama-cpp', '@langchain/community', 'vitest', 'typescript'];
/** What may be missing; hnswlib-node is compiled when it is installed. */
const NATIVE = ['onnxruntime-node', '@xenova/transformers', 'hnswlib-node/build/Release/addon.node'];
const QUESTION = 'Where does the goat live?';
const ANSWER = 'Greta the goat lives on the roof of the mill. [1]';

let failed = 0;

function run(command, args, { cwd, env = {} }) {
  const began = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...environment, ...env },
    encoding: 'utf8',
    timeout: 900_000,
  });
  if (error) throw error;
  return { status, stdout, stderr, seconds: ((performance.now() - began) / 1000).toFixed(1) };
}

function check(what, passed, details = '') {
  if (!passed) failed++;
  console.log(`${passed ? 'ok    ' : 'FAILED'}  ${what}`);
  if (!passed && details) console.log(details.trim().split('\n').slice(-12).join('\n').replace(/^/gm, '        '));
  return passed;
}

/** A user's empty folder with the package in it; null when npm could not install it. */
function install(name, tarball, { args = [], env = {} } = {}) {
  const app = join(work, name);
  mkdirSync(join(app, 'notes'), { recursive: true });
  writeFileSync(join(app, 'notes', 'goat.md'), '# Goats\n\nGreta the goat lives on the roof of the mill.\n');
  const { status, stderr, seconds } = run('npm', ['install', ...args, tarball], { cwd: app, env });
  const words = [...Object.entries(env).map((entry) => entry.join('=')), 'npm install', ...args].join(' ');
  if (!check(`${words} (${seconds} s)`, status === 0, stderr)) return null;
  const present = NATIVE.filter((path) => existsSync(join(app, 'node_modules', path)));
  const { stdout } = run('du', ['-sm', 'node_modules'], { cwd: app });
  console.log(`        ${Number.parseInt(stdout, 10)} MB; native: ${present.join(', ') || 'none'}`);
  return app;
}

/** Asks it, and compares what it says about its runtime with what is there. */
function ask(app, what, { native }) {
  const asked = run('npx', ['discern', 'ask', QUESTION, '--docs', 'notes', '--json'], { cwd: app });
  const said = asked.stderr.includes('runs on WebAssembly');
  check(
    `${what}: npx discern ask answers ${said ? 'on WebAssembly, and says so' : 'with native code'} (${asked.seconds} s)`,
    asked.status === 0 && JSON.parse(asked.stdout).text === ANSWER && said !== native,
    asked.stdout + asked.stderr,
  );
}

try {
  const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], { cwd: root });
  const [{ filename, size, entryCount }] = JSON.parse(packed.stdout);
  console.log(`${filename}: ${(size / 1e3).toFixed(0)} kB, ${entryCount} files`);
  const tarball = join(work, filename);

  const app = install('plain', tarball);
  if (app !== null) {
    for (const name of UNWANTED) check(`${name} is not installed`, !existsSync(join(app, 'node_modules', name)));
    // Whether onnxruntime-node could fetch what it wants depends on the network.
    ask(app, 'plain', { native: existsSync(join(app, 'node_modules', 'onnxruntime-node')) });

    const program = [
      "import { createRag } from 'discern-rag';",
      "const rag = await createRag({ documents: './notes' });",
      `const { text, citations } = await rag.ask('${QUESTION}');`,
      'console.log(text, citations[0].docId);',
      'await rag.close();',
    ];
    writeFileSync(join(app, 'ask.mjs'), program.join('\n'));
    const ran = run('node', ['ask.mjs'], { cwd: app });
    check(
      `five lines with createRag (${ran.seconds} s)`,
      ran.stdout === `${ANSWER} notes/goat.md\n`,
      ran.stdout + ran.stderr,
    );

    const entries =
      "for (const name of ['', '/evaluate', '/langchain', '/package.json']) import.meta.resolve('discern-rag' + name);";
    writeFileSync(
      join(app, 'entries.mjs'),
      `${entries}\nawait import('discern-rag/evaluate');\nawait import('discern-rag/langchain');`,
    );
    const resolved = run('node', ['entries.mjs'], { cwd: app });
    check('every entry can be imported', resolved.status === 0, resolved.stderr);

    const alone = run('npx', ['discern', 'ask', QUESTION, '--retrieve.mode', 'never'], { cwd: app });
    check(
      'without a language model it says which package to install',
      alone.status === 1 && /PACKAGE_MISSING[\s\S]*hint: npm install node-llama-cpp/.test(alone.stderr),
      alone.stdout + alone.stderr,
    );
  }

  const skipped = install('skipped', tarball, { env: { ONNXRUNTIME_NODE_INSTALL: 'skip' } });
  if (skipped !== null) ask(skipped, 'skipped', { native: true });

  const scriptless = install('scriptless', tarball, { args: ['--ignore-scripts'] });
  if (scriptless !== null) {
    ask(scriptless, 'no scripts', { native: true });
    const ingested = run('npx', ['discern', 'ingest', 'notes', '--index', 'index'], { cwd: scriptless });
    check(
      'no scripts: hnswlib-node was not compiled, and the index says how it searches',
      ingested.status === 0 && ingested.stdout.includes('hnswlib-node was installed without being compiled'),
      ingested.stdout + ingested.stderr,
    );
  }
} finally {
  if (process.argv.includes('--keep')) console.log(`left in ${work}`);
  else rmSync(work, { recursive: true, force: true });
}
console.log(failed === 0 ? 'the package works' : `${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
