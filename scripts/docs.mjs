// Builds the site of docs/: copies the pages that stand elsewhere, writes the API reference from the docstrings, and gives
// all of it to vitepress. Works without a network. Dead links are errors.
//
//   npm run docs         into docs/.vitepress/dist
//   npm run docs:dev     a server that follows changes of docs/
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, Comment, ReferenceType, ReflectionKind, TSConfigReader, TypeDocReader } from 'typedoc';
import { build, createServer } from 'vitepress';
import { COPIES, ENTRIES, root } from '../docs/.vitepress/places.mjs';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));

const WHAT = {
  'discern-rag': 'Questions in, cited answers out; replay; your own critic. What most programs need.',
  'discern-rag/browser': 'Replay and decisions, without Node.',
  'discern-rag/langchain': 'Parts of LangChain.js as parts of Discern, and Discern as parts of LangChain.js.',
  'discern-rag/langchain/agent': 'For agents of LangChain.js.',
  'discern-rag/evaluate': 'Datasets, metrics, intervals, experiments, tuning, SePer, export.',
  'discern-rag/testing': 'Fakes, and the suites that a part of your own can run.',
};

function copyPages() {
  rmSync(join(docs, 'project'), { recursive: true, force: true });
  for (const [file, page] of COPIES) {
    const text = readFileSync(join(root, file), 'utf8');
    const to = join(docs, page);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(
      to,
      file.endsWith('.ts') ? `# ${basename(file, '.ts')}\n\n\`\`\`ts\n${text.trimEnd()}\n\`\`\`\n` : text,
    );
  }
}

async function writeReference() {
  rmSync(join(docs, 'reference'), { recursive: true, force: true });
  const app = await Application.bootstrapWithPlugins(
    { options: join(root, 'typedoc.json'), entryPoints: ENTRIES.map(({ file }) => join(root, file)), logLevel: 'Warn' },
    [new TypeDocReader(), new TSConfigReader()],
  );
  const project = await app.convert();
  if (project === undefined) throw new Error('typedoc could not read the sources');
  for (const module of project.children ?? []) {
    module.name = ENTRIES.find(({ file }) => file === `src/${module.name}.ts`)?.name ?? module.name;
    module.comment ??= new Comment([{ kind: 'text', text: WHAT[module.name] ?? '' }]);
  }
  shortenConfigs(project);
  await app.generateOutputs(project);
  if (app.logger.hasErrors()) throw new Error('typedoc found errors');
}

/** Options stand on a page of their own: where a config is taken, its hundred fields are not listed again. */
function shortenConfigs(project) {
  const input = project.getChildByName('discern-rag.ConfigInput');
  for (const property of project.getReflectionsByKind(ReflectionKind.Property | ReflectionKind.Parameter))
    if (property.type?.type === 'reflection' && property.type.declaration.getChildByName('quoteMix') === undefined) {
      const names = (property.type.declaration.children ?? []).map(({ name }) => name);
      if (names.includes('isRel') && names.includes('generate') && names.includes('weights'))
        property.type = ReferenceType.createResolvedReference('ConfigInput', input, project);
    }
}

const started = performance.now();
copyPages();
await writeReference();
if (process.argv.includes('--dev')) {
  const server = await createServer(docs);
  await server.listen();
  server.printUrls();
} else {
  await build(docs);
  console.log(`docs: written to docs/.vitepress/dist in ${((performance.now() - started) / 1000).toFixed(0)} s`);
}
