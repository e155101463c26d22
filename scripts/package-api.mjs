import { Extractor, ExtractorConfig, CompilerState } from '@microsoft/api-extractor';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
const root = fileURLToPath(new URL('..', import.meta.url));
const names = { index: 'index', evaluate: 'evaluate/evaluate', langchain: 'langchain', testing: 'testing/testing', browser: 'browser' };
mkdirSync('/tmp/api', { recursive: true }); mkdirSync('/tmp/apitmp', {recursive: true});
const configs = Object.entries(names).map(([name, path]) => ExtractorConfig.prepare({
  configObject: { projectFolder: root, mainEntryPointFilePath: join(root, 'dist', path + '.d.ts'),
   compiler: { overrideTsconfig: { compilerOptions: { target: 'ES2023', lib: ['ES2023'], module: 'NodeNext', moduleResolution: 'NodeNext', types: ['node'], strict: true, skipLibCheck: true }, files: [join(root, 'dist', path + '.d.ts')] } },
   apiReport: { enabled: true, reportFileName: name + '.api.md', reportFolder: '/tmp/api', reportTempFolder: '/tmp/apitmp' },
   docModel: { enabled: false }, dtsRollup: { enabled: false }, tsdocMetadata: { enabled: false },
   messages: { extractorMessageReporting: { default: { logLevel: 'none', addToApiReportFile: false }, 'ae-forgotten-export': { logLevel: 'none', addToApiReportFile: true } } , tsdocMessageReporting: { default: { logLevel: 'none' } } },
  }, configObjectFullPath: undefined, packageJsonFullPath: join(root, 'package.json') }));
const t0 = performance.now();
const state = CompilerState.create(configs[0], { additionalEntryPoints: configs.map((c) => c.mainEntryPointFilePath) });
console.log('state', performance.now() - t0);
for (const config of configs) {
  const r = Extractor.invoke(config, { localBuild: true, compilerState: state, messageCallback: (m) => { if (m.logLevel !== 'none') console.log(m.messageId, m.text.slice(0,200)); m.handled = true; } });
  console.log(config.reportFileName ?? '', r.succeeded, r.errorCount, r.warningCount, performance.now() - t0);
}
