// What the scripts about the package share: commands as a user runs them, and a list of checks.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

// `npm run` hands the settings of this checkout down in npm_…: a user has none of them.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));

/** Runs a command to its end. `seconds` is its wall time. */
export function run(command, args, { cwd = root, env = {}, timeout = 900_000 } = {}) {
  const began = performance.now();
  const options = { cwd, env: { ...environment, ...env }, encoding: 'utf8', timeout, maxBuffer: 1 << 28 };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (error && error.code !== 'ETIMEDOUT') throw error;
  const said = error ? `${stderr}\nstopped after ${timeout / 1000} s` : stderr;
  return { status, stdout, stderr: said, seconds: (performance.now() - began) / 1000 };
}

let failed = 0;

/** Prints one line, and the end of `details` where it did not pass. */
export function check(what, passed, details = '') {
  if (!passed) failed++;
  console.log(`${passed ? 'ok    ' : 'FAILED'}  ${what}`);
  if (!passed && details) console.log(details.trim().split('\n').slice(-12).join('\n').replace(/^/gm, '        '));
  return passed;
}

export const failures = () => failed;

/** Packs the checkout into a folder. `files` are the paths in the package with their sizes in bytes. */
export function pack(folder) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { status, stdout, stderr } = run('npm', args);
  if (status !== 0) throw new Error(`npm pack failed: ${stderr}`);
  const [{ filename, size, unpackedSize, files }] = JSON.parse(stdout);
  return { tarball: join(folder, filename), size, unpackedSize, files };
}

/** The public entries of the package: `.`, `./evaluate` and so on, each with its files. */
export function entries() {
  return Object.entries(manifest.exports)
    .filter(([, target]) => target?.types !== undefined && !target.types.includes('*'))
    .map(([path, { types, default: code }]) => ({
      name: path === '.' ? 'index' : path.slice(2).replaceAll('/', '-'),
      specifier: join(manifest.name, path),
      types: join(root, types),
      code: join(root, code),
    }));
}

/** Whether npm can be asked for packages here. */
export const registryAnswers = () => run('npm', ['view', 'zod', 'version'], { timeout: 60_000 }).status === 0;

/** Unpacks the package into `app/node_modules` beside links to the packages of this checkout: an install without a registry. */
export function unpackBesideOurs(tarball, app) {
  const modules = join(app, 'node_modules');
  const own = join(modules, manifest.name);
  mkdirSync(own, { recursive: true });
  const unpacked = run('tar', ['-xzf', tarball, '-C', own, '--strip-components=1']);
  if (unpacked.status !== 0) throw new Error(`tar failed: ${unpacked.stderr}`);
  const names = readdirSync(join(root, 'node_modules')).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(root, 'node_modules', name)).map((inner) => join(name, inner)) : [name],
  );
  for (const name of names) {
    if (name.startsWith('.') || name === manifest.name) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction');
  }
  return app;
}

/** Puts a text between `<!-- name:begin -->` and `<!-- name:end -->` of a page of docs. */
export function writeSection(path, name, text) {
  const page = readFileSync(join(root, path), 'utf8');
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${path} has no section ${name}`);
  writeFileSync(join(root, path), `${page.slice(0, from + begin.length)}\n${text.trim()}\n${page.slice(to)}`);
}

/** The machine and how busy it is, in words. */
export function machine() {
  const model = cpus()[0]?.model.replace(/\s+/g, ' ').trim() ?? 'unknown processor';
  const load = loadavg()
    .slice(0, 2)
    .map((value) => value.toFixed(1))
    .join(' and ');
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores (${model}), ${memory} GB of memory, no GPU in use, ${platform()} ${arch()}, Node ${process.versions.node}, npm ${run('npm', ['--version']).stdout.trim()}; load ${load} (of 1 and 5 minutes) at the start`;
}

/** A table of Markdown. */
export const tableOf = (heads, rows) =>
  [heads, heads.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
