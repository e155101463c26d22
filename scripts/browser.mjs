// Runs the tests of test/browser in a real Chromium: that of DISCERN_CHROMIUM, one of the system, or, where there is none
// and the machine lets us (root of a Debian or Ubuntu), the package that apt installs.
//
//   npm run test:browser                      fails where there is no browser
//   npm run test:browser -- --if-possible     says why there is none, and succeeds
//   npm run test:browser -- -t contrast       further words go to vitest
//
// DISCERN_TEST_PAGES: further pages to look at, one path a line. DISCERN_TEST_SHOTS: a folder for pictures of all pages.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const words = process.argv.slice(2);
const ifPossible = words.includes('--if-possible');

class Impossible extends Error {}

const NAMES = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

function run(command, args, { timeout = 20_000, env = process.env } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout, env });
  return {
    ok: status === 0,
    said: error ? error.message : `${stdout}${stderr}`.trim().split('\n').slice(-3).join('\n'),
  };
}

const versionOf = (name) => run(name, ['--version']);

function found() {
  const own = process.env.DISCERN_CHROMIUM;
  if (!own) return NAMES.find((name) => versionOf(name).ok) ?? null;
  const { ok, said } = versionOf(own);
  if (!ok) throw new Error(`DISCERN_CHROMIUM is ${own}, which does not run: ${said}`);
  return own;
}

function install() {
  if (process.getuid?.() !== 0 || !run('apt-get', ['--version']).ok)
    throw new Impossible(
      'there is no Chromium (DISCERN_CHROMIUM names one), and only root can install it with apt-get',
    );
  console.log('browser: installing chromium with apt-get');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const packages = ['chromium', 'fonts-liberation'];
  const updated = run('apt-get', ['update', '-q'], { timeout: 180_000, env });
  const installed = run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], {
    timeout: 600_000,
    env,
  });
  if (!installed.ok)
    throw new Impossible(
      `apt-get could not install chromium: ${updated.ok ? '' : `${updated.said}\n`}${installed.said}`,
    );
  const name = found();
  if (name === null) throw new Impossible('apt-get has installed chromium, and it does not run');
  return name;
}

/** Its whole path: playwright-core does not look in PATH. */
function pathOf(name) {
  if (name.includes('/')) return name;
  const { ok, said } = run('sh', ['-c', 'command -v "$0"', name]);
  if (!ok) throw new Impossible(`${name} runs, and its path cannot be found`);
  return said;
}

function main() {
  const path = pathOf(found() ?? install());
  console.log(`browser: ${versionOf(path).said.split('\n')[0]} at ${path}`);
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', '--project', 'browser', ...words.filter((word) => word !== '--if-possible')];
  const env = { ...process.env, DISCERN_CHROMIUM: path };
  const { status, signal, error } = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
  if (error) throw error;
  return status ?? (signal ? 1 : 0);
}

try {
  process.exitCode = main();
} catch (error) {
  console.error(`browser: NOT RUN: ${error.message}`);
  process.exitCode = error instanceof Impossible && ifPossible ? 0 : 1;
}
