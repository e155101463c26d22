// Packs the package and uses it as others would. Without a registry: what is in it (content, publint, are the types right),
// every entry imported and required, bundles for browsers and for Node. With one: installed in empty folders and asked a
// question, by `npx discern ask` and by the README's program under Node, CommonJS, tsx and the type checker. Needs a model
// (the one in the cache folder, or a download), and nothing else of the network: what a package fetches from elsewhere when
// it is installed may fail.
//
//   npm run test:package                      removes the folders afterwards
//   npm run test:package -- --keep            leaves them, to look at
//   npm run test:package -- --if-possible     says where there is no registry, and succeeds without the installs
//   npm run test:package -- --short           one install instead of three
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { bundle, nodeParts } from './package-bundle.mjs';
import { contentFaults } from './package-content.mjs';
import {
  check,
  entries,
  failures,
  manifest,
  pack,
  registryAnswers,
  root,
  run,
  unpackBesideOurs,
} from './package-run.mjs';

const work = mkdtempSync(join(tmpdir(), 'discern-package-'));

/** Optional peers and what comes with them: a user who did not ask for them must not get them. */
const UNWANTED = ['node-llama-cpp', '@langchain/community', 'vitest', 'typescript'];
/** What may be missing; hnswlib-node is compiled when it is installed. */
const NATIVE = ['onnxruntime-node', '@xenova/transformers', 'hnswlib-node/build/Release/addon.node'];
/** Entries for users of an optional peer. */
const NEEDS_PEER = { testing: 'vitest', 'langchain-agent': 'langchain' };
/** Problems of no matter to a package of ES modules: Node 20.19 and later can require them. */
const ESM_ONLY = [
  ['NoResolution', 'node10'],
  ['CJSResolvesToESM', 'node16-cjs'],
];
const QUESTION = 'Where does the goat live?';
const ANSWER = 'Greta the goat lives on the roof of the mill. [1]';
const README_ANSWER = 'Mirja Oskell keeps the lighthouse. [1]';

/** Kilobytes, to one place. */
const kb = (bytes) => `${(bytes / 1e3).toFixed(1)} kB`;
const seconds = (value) => `${value.toFixed(1)} s`;

function tryContent({ files, size }, app) {
  const read = (path) => readFileSync(join(app, 'node_modules', manifest.name, path), 'utf8');
  const faults = contentFaults({ files, size, manifest, read });
  check('the package holds what it must, and nothing else', faults.length === 0, faults.join('\n'));
}

async function tryManifest(tarball) {
  const { messages } = await publint({ pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer }, strict: true });
  const said = messages.map((message) => formatMessage(message, manifest, { color: false }));
  check('publint finds nothing', messages.length === 0, said.join('\n'));
  const { problems } = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))));
  const wrong = problems.filter(
    ({ kind, resolutionKind }) => !ESM_ONLY.some(([one, where]) => one === kind && where === resolutionKind),
  );
  const words = wrong.map((problem) => `${problem.kind} ${problem.entrypoint ?? ''} ${problem.resolutionKind ?? ''}`);
  check('the types are right for Node and for bundlers (attw, esm-only)', wrong.length === 0, words.join('\n'));
}

/** Every entry alone, in a process of its own: it prints nothing, starts nothing, and the process ends by itself. */
function tryEntries(app) {
  // A tick later, when files that were read are closed; the tick is a timer itself.
  const left =
    "setTimeout(() => { const left = process.getActiveResourcesInfo().filter((one) => !/Wrap$|Req$/.test(one)); left.splice(left.indexOf('Timeout'), 1); if (left.length > 0) throw new Error('left: ' + left); }, 50);";
  for (const { specifier } of entries()) {
    const ways = {
      imported: `import('${specifier}').then((all) => { if (Object.keys(all).length === 0) throw new Error('empty'); ${left} });`,
      required: `if (Object.keys(require('${specifier}')).length === 0) throw new Error('empty'); ${left}`,
    };
    for (const [way, program] of Object.entries(ways)) {
      const { status, stdout, stderr } = run('node', ['-e', program], { cwd: app, timeout: 60_000 });
      check(
        `${specifier} ${way}: nothing is said, started or left`,
        status === 0 && stdout + stderr === '',
        stdout + stderr,
      );
    }
  }
  const worker = run('node', ['-e', "import('discern-rag/backends/onnx-worker')"], { cwd: app });
  check(
    'what starts a worker cannot be imported',
    worker.stderr.includes('ERR_PACKAGE_PATH_NOT_EXPORTED'),
    worker.stderr,
  );
}

async function tryBundles(app) {
  const page = await bundle(app, "import * as all from 'discern-rag/browser'; globalThis.discern = all;", {
    platform: 'browser',
  });
  check(
    `discern-rag/browser for a page: ${kb(page.bytes)}, ${kb(page.gzip)} gzipped, nothing of Node, no warning`,
    nodeParts(page).length === 0 && page.gzip < 56e3,
    nodeParts(page).join('\n'),
  );
  const shaken = [
    ["import 'discern-rag';", 100],
    ["import 'discern-rag'; import 'discern-rag/evaluate'; import 'discern-rag/langchain';", 100],
    ["import { DiscernError } from 'discern-rag'; globalThis.it = DiscernError;", 6e3],
    ["import { rouge } from 'discern-rag/evaluate'; globalThis.it = rouge;", 3e3],
  ];
  for (const [source, most] of shaken) {
    const { bytes, modules } = await bundle(app, source, { platform: 'node' });
    check(
      `bundled, ${source.split(' globalThis')[0]} leaves ${bytes} bytes of ours`,
      bytes <= most,
      modules.join('\n'),
    );
  }
}

/** A user's empty folder with the package in it; null when npm could not install it. */
function install(name, tarball, { args = [], env = {} } = {}) {
  const app = join(work, name);
  mkdirSync(join(app, 'notes'), { recursive: true });
  mkdirSync(join(app, 'docs'));
  writeFileSync(join(app, 'notes', 'goat.md'), '# Goats\n\nGreta the goat lives on the roof of the mill.\n');
  writeFileSync(join(app, 'docs', 'light.md'), '# Lighthouse\n\nMirja Oskell keeps the lighthouse.\n');
  const { status, stderr, seconds: took } = run('npm', ['install', ...args, tarball], { cwd: app, env });
  const words = [...Object.entries(env).map((entry) => entry.join('=')), 'npm install', ...args].join(' ');
  if (!check(`${words} (${seconds(took)})`, status === 0, stderr)) return null;
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
    `${what}: npx discern ask answers ${said ? 'on WebAssembly, and says so' : 'with native code'} (${seconds(asked.seconds)})`,
    asked.status === 0 && JSON.parse(asked.stdout).text === ANSWER && said !== native,
    asked.stdout + asked.stderr,
  );
}

/** The README's program, by each way that a user may run it. */
function tryProgram(app) {
  const readme = readFileSync(join(app, 'node_modules', manifest.name, 'README.md'), 'utf8');
  const program = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)]
    .map(([, code]) => code)
    .find((code) => code.includes('createRag'));
  if (!check('the README has a program', program !== undefined)) return;
  const required = program.replace(/^import (.*) from ('[^']+');$/gm, 'const $1 = require($2);');
  const tsconfig = {
    compilerOptions: {
      target: 'ES2023',
      module: 'NodeNext',
      strict: true,
      noEmit: true,
      types: [],
      skipLibCheck: false,
    },
    files: ['ask.mts'],
  };
  writeFileSync(join(app, 'ask.mjs'), program);
  writeFileSync(join(app, 'ask.mts'), program);
  writeFileSync(join(app, 'ask.cjs'), `(async () => {\n${required}})();\n`);
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify(tsconfig));
  const tool = (...path) => join(root, 'node_modules', ...path);
  const ways = [
    ['node', ['ask.mjs'], 'as an ES module'],
    ['node', ['ask.cjs'], 'in CommonJS, with require'],
    ['node', [tool('tsx', 'dist', 'cli.mjs'), 'ask.mts'], 'in TypeScript, by tsx'],
  ];
  for (const [command, args, how] of ways) {
    const ran = run(command, args, { cwd: app });
    check(
      `the README's program ${how} (${seconds(ran.seconds)})`,
      ran.stdout.startsWith(`${README_ANSWER} [`),
      ran.stdout + ran.stderr,
    );
  }
  const typed = run('node', [tool('typescript', 'bin', 'tsc'), '-p', '.'], { cwd: app });
  check(`the README's program passes the type checker (${seconds(typed.seconds)})`, typed.status === 0, typed.stdout);
}

function tryInstalls(tarball, { short }) {
  const app = install('plain', tarball);
  if (app !== null) {
    for (const name of UNWANTED) check(`${name} is not installed`, !existsSync(join(app, 'node_modules', name)));
    // Whether onnxruntime-node could fetch what it wants depends on the network.
    ask(app, 'plain', { native: existsSync(join(app, 'node_modules', 'onnxruntime-node')) });
    tryProgram(app);
    for (const { name, specifier } of entries()) {
      const peer = NEEDS_PEER[name];
      const imported = run('node', ['-e', `import('${specifier}')`], { cwd: app });
      if (peer)
        check(
          `${specifier} names the peer that it needs, ${peer}`,
          imported.stderr.includes(`'${peer}'`),
          imported.stderr,
        );
      else check(`${specifier} needs nothing but the package`, imported.status === 0, imported.stderr);
    }
    const alone = run('npx', ['discern', 'ask', QUESTION, '--retrieve.mode', 'never'], { cwd: app });
    check(
      'without a language model it says which package to install',
      alone.status === 1 && /PACKAGE_MISSING[\s\S]*hint: npm install node-llama-cpp/.test(alone.stderr),
      alone.stdout + alone.stderr,
    );
  }
  if (short) return console.log('package: NOT RUN: installs without onnxruntime-node, and without scripts (--short)');

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
}

async function main({ keep, ifPossible, short }) {
  const packed = pack(work);
  console.log(
    `${manifest.name} ${manifest.version}: ${kb(packed.size)} packed, ${kb(packed.unpackedSize)} unpacked, ${packed.files.length} files`,
  );
  const app = unpackBesideOurs(packed.tarball, join(work, 'local'));
  tryContent(packed, app);
  await tryManifest(packed.tarball);
  tryEntries(app);
  await tryBundles(app);
  if (ifPossible && !registryAnswers()) console.log('package: NOT RUN: installs, since npm reaches no registry');
  else tryInstalls(packed.tarball, { short });
  if (keep) console.log(`left in ${work}`);
}

const words = process.argv.slice(2);
try {
  await main({
    keep: words.includes('--keep'),
    ifPossible: words.includes('--if-possible'),
    short: words.includes('--short'),
  });
} finally {
  if (!words.includes('--keep')) rmSync(work, { recursive: true, force: true });
}
console.log(failures() === 0 ? 'the package works' : `${failures()} failed`);
process.exitCode = failures() === 0 ? 0 : 1;
