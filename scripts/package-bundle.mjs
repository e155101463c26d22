// Bundles made of the installed package with Vite, as a user's build would make them.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { manifest } from './package-run.mjs';

/** What Vite said beside its progress. */
function listening(warnings) {
  const warn = (text) => warnings.push(text);
  return {
    info() {},
    warn,
    warnOnce: warn,
    error: warn,
    clearScreen() {},
    hasErrorLogged: () => false,
    hasWarned: false,
  };
}

/**
 * Bundles one module of an app: for browsers with all that it imports, for Node with what it imports of ours. Gives the code, its sizes in bytes,
 * the modules that went into it, and the warnings.
 */
export async function bundle(app, source, { platform }) {
  const folder = join(app, 'bundle');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const entry = join(folder, 'entry.js');
  writeFileSync(entry, source);
  const warnings = [];
  const { output } = [
    await build({
      root: app,
      configFile: false,
      customLogger: listening(warnings),
      logLevel: 'warn',
      ...(platform === 'node' && { ssr: { noExternal: [manifest.name] } }),
      build: {
        write: false,
        minify: true,
        ...(platform === 'node' ? { ssr: entry } : { modulePreload: false }),
        rollupOptions: { input: entry, onwarn: ({ message }) => warnings.push(message) },
      },
    }),
  ].flat()[0];
  const chunks = output.filter(({ type }) => type === 'chunk');
  const code = chunks.map((chunk) => chunk.code).join('\n');
  const modules = chunks.flatMap((chunk) =>
    Object.entries(chunk.modules)
      .filter(([, { renderedLength }]) => renderedLength > 0)
      .map(([id]) => id),
  );
  return {
    code,
    bytes: Buffer.byteLength(code),
    gzip: gzipSync(code).length,
    modules,
    warnings,
    chunks: chunks.length,
  };
}

/** What of Node a bundle for browsers still has. */
export const nodeParts = ({ code, warnings, modules }) => [
  ...warnings,
  ...modules.filter((id) => /browser-external|polyfill|^node:/.test(id)),
  ...[...code.matchAll(/["'`](node:[a-z/_]+)["'`]/g)].map(([, name]) => name),
];
