// Writes api/*.api.md: what each public entry of package.json exports, with its types, taken from dist by API Extractor.
// A change of the public interface is a change of these files, for a reviewer to see.
//
//   npm run api                                writes them, after a build
//   node scripts/package-api.mjs --check       fails where dist says something else
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompilerState, Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { entries, root } from './package-run.mjs';

const folder = join(root, 'api');
const temporary = mkdtempSync(join(tmpdir(), 'discern-api-'));
const quiet = { logLevel: 'none', addToApiReportFile: false };

const compilerOptions = {
  ...{ target: 'ES2023', lib: ['ES2023'], module: 'NodeNext', moduleResolution: 'NodeNext', types: ['node'] },
  ...{ strict: true, skipLibCheck: true },
};

const configOf = ({ name, types }) =>
  ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: types,
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { compilerOptions, files: [types] } },
      apiReport: {
        enabled: true,
        includeForgottenExports: true,
        reportFileName: `${name}.api.md`,
        reportFolder: temporary,
        reportTempFolder: temporary,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: { default: quiet },
        tsdocMessageReporting: { default: quiet },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  });

/** The report of each entry, by its file name, and what the reports mention that no entry exports. */
function makeReports(list) {
  const configs = list.map(configOf);
  const compilerState = CompilerState.create(configs[0], { additionalEntryPoints: list.map(({ types }) => types) });
  const forgotten = new Set();
  const problems = [];
  const messageCallback = (message) => {
    if (message.messageId === 'ae-forgotten-export') forgotten.add(/"([^"]+)"/.exec(message.text)?.[1]);
    if (message.logLevel === 'error') problems.push(message.text);
    message.handled = true;
  };
  for (const config of configs) Extractor.invoke(config, { localBuild: true, compilerState, messageCallback });
  if (problems.length > 0) throw new Error(`API Extractor: ${problems.join('\n')}`);
  const reports = new Map(
    list.map(({ name }) => [`${name}.api.md`, readFileSync(join(temporary, `${name}.api.md`), 'utf8')]),
  );
  const exported = [...reports.values()].flatMap((text) => [
    ...[...text.matchAll(/^export (?:interface|type|const|class|function) (\w+)/gm)].map(([, name]) => name),
    ...[...text.matchAll(/^export { (\w+) as \w+ }|^export { (\w+) }/gm)].map(([, alias, name]) => alias ?? name),
  ]);
  return { reports, unexported: [...forgotten].filter((name) => !exported.includes(name)).sort() };
}

/** The first line of a report that differs, with its number. */
function firstDifference(before, after) {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const at = now.findIndex((line, i) => line !== old[i]);
  const line = at === -1 ? now.length : at;
  return `line ${line + 1}: was "${old[line] ?? ''}", is "${now[line] ?? ''}"`;
}

const readReport = (name) => {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch {
    return '';
  }
};

function main() {
  const { reports, unexported } = makeReports(entries());
  mkdirSync(folder, { recursive: true });
  const gone = readdirSync(folder).filter((name) => name.endsWith('.api.md') && !reports.has(name));
  if (process.argv.includes('--check')) {
    const changed = [...reports].filter(([name, text]) => text !== readReport(name));
    for (const [name, text] of changed) console.error(`api/${name}: ${firstDifference(readReport(name), text)}`);
    for (const name of gone) console.error(`api/${name}: there is no such entry`);
    if (changed.length + gone.length === 0) return console.log(`api: ${reports.size} reports are what dist exports`);
    console.error('api: the public interface has changed: look at it, then run npm run api');
    process.exitCode = 1;
    return;
  }
  for (const [name, text] of reports) writeFileSync(join(folder, name), text);
  for (const name of gone) rmSync(join(folder, name));
  console.log(`api: wrote ${[...reports.keys()].join(', ')}`);
  if (unexported.length > 0) console.log(`api: mentioned, and exported by no entry: ${unexported.join(', ')}`);
}

try {
  main();
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
