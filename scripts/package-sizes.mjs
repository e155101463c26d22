// Measures what an install takes on disk, without and with what is optional, each in an empty folder of its own.
//
//   node scripts/package-sizes.mjs            prints the table (after a build; needs the npm registry)
//   node scripts/package-sizes.mjs --write    and puts it into docs/newcomer.md
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machine, pack, run, tableOf, writeSection } from './package-run.mjs';

const work = mkdtempSync(join(tmpdir(), 'discern-sizes-'));
/** GPU libraries that onnxruntime-node fetches when it is installed are left out: they differ between machines. */
const env = { ONNXRUNTIME_NODE_INSTALL: 'skip' };

const INSTALLS = [
  { what: 'without optional packages (`--omit=optional`): WebAssembly, exact search', args: ['--omit=optional'] },
  { what: 'as it comes: native embedder and index, charts in reports', args: [] },
  { what: '… and `langchain`, for agents', args: ['langchain@^1.5.12'] },
  { what: '… and `node-llama-cpp`, for local language models', args: ['node-llama-cpp@^3.22.1'] },
  {
    what: '… and `@langchain/community`, for more formats',
    args: ['--legacy-peer-deps', '@langchain/community@^1.1.29'],
  },
];

/** Megabytes of a folder as it lies on the disk. */
const megabytes = (folder) => Number.parseInt(run('du', ['-sk', folder]).stdout, 10) / 1024;

/** The packages that take most, by the folder that npm puts them in. */
function largest(app) {
  const { stdout } = run('sh', ['-c', 'du -k --max-depth=2 node_modules | sort -rn'], { cwd: app });
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.split('\t'));
  return rows
    .map(([kilobytes, path]) => ({ mb: Number(kilobytes) / 1024, name: path.replace('node_modules/', '') }))
    .filter(({ name, mb }) => mb >= 10 && /^(@[^/]+\/)?[^@/]+$/.test(name) && name !== 'node_modules')
    .slice(0, 5)
    .map(({ name, mb }) => `${name} ${Math.round(mb)}`)
    .join(', ');
}

try {
  const { tarball, size, unpackedSize } = pack(work);
  const rows = INSTALLS.map(({ what, args }, i) => {
    const app = join(work, `app-${i}`);
    mkdirSync(app);
    const { status, stderr, seconds } = run('npm', ['install', ...args, tarball], { cwd: app, env });
    if (status !== 0) throw new Error(`npm install ${args.join(' ')}: ${stderr.slice(-800)}`);
    const packages = run('sh', ['-c', 'npm ls --all --parseable 2>/dev/null | wc -l'], { cwd: app }).stdout.trim();
    const row = [what, `${Math.round(megabytes(join(app, 'node_modules')))} MB`, packages, largest(app)];
    console.log(`${row.join('; ')} (${seconds.toFixed(0)} s)`);
    rmSync(app, { recursive: true, force: true });
    return row;
  });
  const table = tableOf(['install', 'on disk', 'packages', 'of which, among others, in MB'], rows);
  const text = `The package itself: ${(size / 1e6).toFixed(1)} MB packed, ${(unpackedSize / 1e6).toFixed(1)} MB unpacked.

${table}

Machine: ${machine()}.`;
  console.log(text);
  if (process.argv.includes('--write')) writeSection('docs/newcomer.md', 'sizes', text);
} finally {
  rmSync(work, { recursive: true, force: true });
}
