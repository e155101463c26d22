import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../src/', import.meta.url));

/** What each module may import: other modules, then npm packages (`node` = built-in ones, `*` = any). AGENTS.md names this table. */
const MAY_IMPORT: Record<string, { modules: readonly string[]; packages: readonly string[] }> = {
  types: { modules: ['config'], packages: [] },
  errors: { modules: [], packages: [] },
  text: { modules: ['types'], packages: ['@noble/hashes'] },
  reflection: { modules: ['types', 'text'], packages: [] },
  semantics: { modules: ['types', 'text'], packages: [] },
  calibration: { modules: ['text'], packages: [] },
  contracts: { modules: ['types'], packages: [] },
  config: { modules: ['errors'], packages: ['zod'] },
  options: { modules: ['config'], packages: ['zod'] },
  prompts: { modules: ['types', 'errors', 'text'], packages: [] },
  models: { modules: ['errors', 'text'], packages: ['node', 'zod', 'p-retry', 'proper-lockfile', 'yauzl'] },
  trace: { modules: ['types', 'errors', 'contracts', 'config', 'text'], packages: ['zod'] },
  stages: {
    modules: ['types', 'errors', 'contracts', 'config', 'text', 'reflection', 'semantics', 'trace'],
    packages: [],
  },
  pipeline: { modules: ['types', 'errors', 'contracts', 'config', 'text', 'trace', 'stages'], packages: [] },
  replay: { modules: ['types', 'errors', 'contracts', 'config', 'text', 'trace', 'stages', 'pipeline'], packages: [] },
  backends: {
    modules: [
      'types',
      'errors',
      'contracts',
      'config',
      'text',
      'reflection',
      'calibration',
      'prompts',
      'models',
      'stop-with',
    ],
    packages: ['*'],
  },
  presets: { modules: ['types', 'errors', 'contracts', 'config', 'models', 'backends'], packages: [] },
  evaluate: {
    modules: [
      'types',
      'errors',
      'contracts',
      'config',
      'text',
      'reflection',
      'semantics',
      'calibration',
      'trace',
      'replay',
      'stages',
      'options',
      'prompts',
    ],
    packages: ['node', 'zod', 'minisearch', 'vega', 'vega-lite', 'genetic-search', 'csv-parse'],
  },
  assembly: {
    modules: ['types', 'errors', 'contracts', 'config', 'models', 'pipeline', 'presets', 'stages'],
    packages: [],
  },
  entailment: { modules: ['contracts', 'config', 'models', 'presets'], packages: [] },
  critics: {
    modules: ['types', 'errors', 'contracts', 'config', 'calibration', 'models', 'presets'],
    packages: ['node', 'zod'],
  },
  'own-critic': { modules: ['types', 'errors', 'contracts'], packages: [] },
  'stop-with': { modules: [], packages: ['node'] },
  stream: { modules: ['stop-with'], packages: [] },
  telemetry: {
    modules: ['types', 'errors', 'contracts', 'stages', 'trace'],
    packages: ['@opentelemetry/api'],
  },
  rag: {
    modules: [
      'types',
      'errors',
      'contracts',
      'config',
      'assembly',
      'pipeline',
      'presets',
      'replay',
      'stages',
      'stream',
      'telemetry',
      'trace',
    ],
    packages: ['node'],
  },
  doctor: {
    modules: ['types', 'errors', 'contracts', 'config', 'assembly', 'models', 'presets', 'stages'],
    packages: ['node'],
  },
  index: {
    modules: [
      'types',
      'errors',
      'contracts',
      'config',
      'assembly',
      'critics',
      'entailment',
      'options',
      'own-critic',
      'pipeline',
      'rag',
      'replay',
      'stages',
      'telemetry',
      'trace',
    ],
    packages: [],
  },
  browser: { modules: ['types', 'errors', 'config', 'options', 'replay', 'stages', 'trace'], packages: [] },
  cli: {
    modules: [
      'types',
      'errors',
      'contracts',
      'config',
      'options',
      'text',
      'models',
      'presets',
      'assembly',
      'critics',
      'doctor',
      'evaluate',
      'rag',
      'replay',
      'server',
      'telemetry',
      'trace',
    ],
    packages: ['node', 'zod', 'commander', 'cli-progress', 'picocolors', 'pino'],
  },
  langchain: {
    modules: ['types', 'errors', 'config', 'text', 'stages', 'backends', 'rag', 'stream'],
    packages: ['@langchain/core', 'langchain', 'zod'],
  },
  server: {
    modules: ['types', 'errors', 'config', 'text', 'stages', 'rag', 'replay', 'stop-with', 'telemetry', 'trace'],
    packages: [
      'node',
      'zod',
      'hono',
      '@hono/node-server',
      '@hono/zod-openapi',
      'prom-client',
      'rate-limiter-flexible',
      'cockatiel',
    ],
  },
  testing: { modules: ['types', 'errors', 'contracts', 'text'], packages: ['node', 'vitest'] },
};

/** What a browser must be able to run: decisions and replay, without Node or native code. */
const BROWSER = [
  'types',
  'errors',
  'text',
  'reflection',
  'semantics',
  'calibration',
  'contracts',
  'config',
  'options',
  'prompts',
  'trace',
  'pipeline',
  'replay',
  'stages',
  'browser',
];

const files = (readdirSync(src, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replaceAll('\\', '/'));

const moduleOf = (file: string): string => file.split('/')[0]!.replace(/(\.generated)?\.ts$/, '');

/** `from '…'`, `import '…'` and `import('…')` of a file, with what they resolve to. */
function importsOf(file: string): { target: string; packageName: string | null; dynamic: boolean }[] {
  const text = readFileSync(join(src, file), 'utf8');
  const found = [
    ...text.matchAll(
      /(?:^|\n)(?:import|export)\b[^'";]*?from\s+'([^']+)'|(?:^|\n)import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g,
    ),
  ];
  return found.map(([, from, bare, dynamic]) => {
    const name = (from ?? bare ?? dynamic)!;
    if (name.startsWith('.'))
      return {
        target: relative(src, resolve(src, dirname(file), name)).replaceAll('\\', posix.sep),
        packageName: null,
        dynamic: dynamic !== undefined,
      };
    const builtin = name.startsWith('node:') || builtinModules.includes(name);
    const packageName = builtin
      ? 'node'
      : name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/');
    return { target: name, packageName, dynamic: dynamic !== undefined };
  });
}

describe('architecture', () => {
  it('every module has a row in the table, and every row a module', () => {
    expect([...new Set(files.map(moduleOf))].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  it.each(files)('%s imports only what its row allows', (file) => {
    const own = moduleOf(file);
    const { modules, packages } = MAY_IMPORT[own]!;
    for (const { target, packageName } of importsOf(file)) {
      if (packageName === null) expect([own, ...modules], `${file} -> ${target}`).toContain(moduleOf(target));
      else expect(packages.includes('*') || packages.includes(packageName), `${file} -> ${packageName}`).toBe(true);
    }
  });

  it('only presets imports backends, and dynamically', () => {
    const found = files
      .filter((file) => moduleOf(file) !== 'backends')
      .flatMap((file) =>
        importsOf(file)
          .filter(({ target, packageName }) => packageName === null && moduleOf(target) === 'backends')
          .map(({ target, dynamic }) => ({ file, target, dynamic })),
      );
    expect(found.length).toBeGreaterThan(5);
    // An adapter gets a part that the user has made: there is nothing to load late.
    const adapters = found.filter(
      ({ file, target }) => moduleOf(file) === 'langchain' && target.startsWith('backends/langchain/'),
    );
    const others = found.filter((one) => !adapters.includes(one));
    expect(others.filter(({ file, dynamic }) => moduleOf(file) !== 'presets' || !dynamic)).toEqual([]);
  });

  it.each(files.filter((file) => file.startsWith('backends/langchain/')))(
    '%s knows LangChain by its types only',
    (file) => {
      const text = readFileSync(join(src, file), 'utf8');
      expect(text.match(/^import (?!type )[^;]*'@langchain[^;]*;|\bimport\(/gm)).toBeNull();
    },
  );

  it('what a browser runs names no Node module', () => {
    const wrong = files
      .filter((file) => BROWSER.includes(moduleOf(file)))
      .flatMap((file) =>
        importsOf(file)
          .filter(({ packageName }) => packageName === 'node')
          .map(({ target }) => `${file} -> ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it.each(files.filter((file) => !file.includes('.generated.')))('%s has at most 300 lines', (file) => {
    expect(readFileSync(join(src, file), 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(300);
  });

  it('console and process.env stand in the command line only', () => {
    const wrong = files.filter(
      (file) => moduleOf(file) !== 'cli' && /\bconsole\.\w|process\.env/.test(readFileSync(join(src, file), 'utf8')),
    );
    expect(wrong).toEqual([]);
  });
});
