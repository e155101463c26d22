// Packs the package, installs it in an empty folder as a user would, and asks it a question: by `npx discern ask` and by
// a program of five lines. Needs the npm registry and a model (the one in the cache folder, or a download).
//
//   npm run test:package            removes the folder afterwards
//   npm run test:package -- --keep  leaves it, to look at
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'discern-package-'));
const app = join(work, 'app');
// `npm run` hands the settings of this checkout down in npm_…: a user has none of them.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));

/** Optional peers and what comes with them: a user who did not ask for them must not get them. */
const UNWANTED = ['node-llama-cpp', '@langchain/community', 'vitest', 'typescript'];
const QUESTION = 'Where does the goat live?';
const ANSWER = 'Greta the goat lives on the roof of the mill. [1]';

let failed = 0;

function run(command, args, { cwd = app, env = {} } = {}) {
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

function install(tarball) {
  const plain = run('npm', ['install', tarball]);
  if (check(`npm install (${plain.seconds} s)`, plain.status === 0, plain.stderr)) return true;
  rmSync(app, { recursive: true });
  mkdirSync(app);
  const skip = run('npm', ['install', tarball], { env: { ONNXRUNTIME_NODE_INSTALL: 'skip' } });
  return check(`ONNXRUNTIME_NODE_INSTALL=skip npm install (${skip.seconds} s)`, skip.status === 0, skip.stderr);
}

try {
  const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], { cwd: root });
  const [{ filename, size, entryCount }] = JSON.parse(packed.stdout);
  console.log(`${filename}: ${(size / 1e3).toFixed(0)} kB, ${entryCount} files`);
  mkdirSync(app);
  if (install(join(work, filename))) {
    for (const name of UNWANTED) check(`${name} is not installed`, !existsSync(join(app, 'node_modules', name)));

    mkdirSync(join(app, 'notes'));
    writeFileSync(join(app, 'notes', 'goat.md'), '# Goats\n\nGreta the goat lives on the roof of the mill.\n');
    const asked = run('npx', ['discern', 'ask', QUESTION, '--docs', 'notes', '--json']);
    check(
      `npx discern ask (${asked.seconds} s)`,
      asked.status === 0 && JSON.parse(asked.stdout).text === ANSWER,
      asked.stdout + asked.stderr,
    );

    const program = [
      "import { createRag } from 'discern-rag';",
      "const rag = await createRag({ documents: './notes' });",
      `const { text, citations } = await rag.ask('${QUESTION}');`,
      'console.log(text, citations[0].docId);',
      'await rag.close();',
    ];
    writeFileSync(join(app, 'ask.mjs'), program.join('\n'));
    const ran = run('node', ['ask.mjs']);
    check(
      `five lines with createRag (${ran.seconds} s)`,
      ran.stdout === `${ANSWER} notes/goat.md\n`,
      ran.stdout + ran.stderr,
    );

    const entries = "for (const name of ['', '/evaluate', '/package.json']) import.meta.resolve('discern-rag' + name);";
    writeFileSync(join(app, 'entries.mjs'), `${entries}\nawait import('discern-rag/evaluate');`);
    const resolved = run('node', ['entries.mjs']);
    check('every entry can be imported', resolved.status === 0, resolved.stderr);

    const alone = run('npx', ['discern', 'ask', QUESTION, '--retrieve.mode', 'never']);
    check(
      'without a language model it says which package to install',
      alone.status === 1 && /PACKAGE_MISSING[\s\S]*hint: npm install node-llama-cpp/.test(alone.stderr),
      alone.stdout + alone.stderr,
    );

    // npm versions that run no install script of a dependency leave hnswlib-node without its binding.
    rmSync(join(app, 'node_modules', 'hnswlib-node', 'build'), { recursive: true, force: true });
    const unbuilt = run('npx', ['discern', 'ask', QUESTION, '--docs', 'notes', '--json']);
    check(
      'where hnswlib-node was not compiled, it answers or names the command that compiles it',
      unbuilt.status === 0 || /PACKAGE_MISSING[\s\S]*hint: .*npm rebuild hnswlib-node/.test(unbuilt.stderr),
      unbuilt.stdout + unbuilt.stderr,
    );
  }
} finally {
  if (process.argv.includes('--keep')) console.log(`left in ${work}`);
  else rmSync(work, { recursive: true, force: true });
}
console.log(failed === 0 ? 'the package works' : `${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
