// Writes LICENSES.md: what an install of the package brings along, and under which licences. Which packages those are
// stands in package-lock.json, for every platform; their licences are read by license-checker-rseidelsohn from the ones
// installed here, and for builds of other platforms from package-lock.json.
//
//   npm run licenses      fails, and writes nothing, where a licence is neither allowed nor explained below
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const PAGE = join(root, 'LICENSES.md');

/** Licences that ask for no more than their own text and notices. */
export const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
];

const LIBVIPS =
  'The image library libvips, as files of their own that sharp loads: not linked into our code, not changed, and not part of our package. It comes only with the optional @huggingface/transformers, which we use without images; `npm install --omit=optional` leaves it out.';

/** Packages whose licence asks for more, and why they may be here. By the name, with `*` for the platform. */
export const EXPLAINED = {
  '@img/sharp-libvips-*': LIBVIPS,
  '@img/sharp-wasm32': LIBVIPS,
  '@img/sharp-*': LIBVIPS,
};

const PLATFORM = /-(?:darwin|linux|linuxmusl|win32|freebsd|webcontainers)(?:-|$).*$/;

/** One name for the builds of a package for all platforms. */
export const familyOf = (name) => name.replace(PLATFORM, '-*');

/** Packages that an install for production brings, on any platform, by family; `optional` where npm may leave it out. */
export function productionPackages({ packages }) {
  const find = (from, name) => {
    for (let base = from; ; ) {
      const path = `${base === '' ? '' : `${base}/`}node_modules/${name}`;
      if (packages[path]) return path;
      if (base === '') return null;
      const end = base.lastIndexOf('/node_modules/');
      base = end === -1 ? '' : base.slice(0, end);
    }
  };
  const neededBy = (path, optional) => {
    const {
      dependencies = {},
      optionalDependencies = {},
      peerDependencies = {},
      peerDependenciesMeta = {},
    } = packages[path];
    const peers =
      path === '' ? [] : Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
    const needed = [...Object.keys(dependencies), ...peers].filter((name) => !(name in optionalDependencies));
    return [
      ...needed.map((name) => ({ path: find(path, name), optional })),
      ...Object.keys(optionalDependencies).map((name) => ({ path: find(path, name), optional: true })),
    ].filter((one) => one.path !== null);
  };
  const found = new Map();
  const queue = neededBy('', false);
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const known = found.get(next.path);
    if (known === false || known === next.optional) continue;
    found.set(next.path, next.optional);
    queue.push(...neededBy(next.path, next.optional));
  }
  return [...found].map(([path, optional]) => {
    const { name, version, license } = packages[path];
    const installedAs = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return { name: name ?? installedAs, version, licence: license ?? null, optional };
  });
}

/** Whether one of its alternatives has nothing but allowed licences. */
export const isAllowed = (licence) =>
  licence
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some((alternative) => alternative.split(' AND ').every((one) => ALLOWED.includes(one.trim())));

/** Names of a written page. */
export const namesOf = (page) =>
  [...page.matchAll(/^\| ([@\w][^ |]*) \|/gm)].map(([, name]) => name).filter((name) => name !== 'package');

function licencesInstalled() {
  const checker = createRequire(import.meta.url)('license-checker-rseidelsohn');
  return new Promise((resolve, reject) => {
    checker.init({ start: root, production: true }, (error, found) => (error ? reject(error) : resolve(found)));
  });
}

function rowsOf(found, installed) {
  const families = new Map();
  for (const { name, version, licence, optional } of found) {
    const own = installed[`${name}@${version}`]?.licenses ?? licence ?? 'unknown';
    const row = families.get(familyOf(name)) ?? { name: familyOf(name), licences: new Set(), optional: true };
    row.licences.add([own].flat().join(' AND '));
    row.optional &&= optional;
    families.set(row.name, row);
  }
  return [...families.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function pageOf(rows) {
  const mentioned = rows.filter(({ licences }) => ![...licences].every(isAllowed));
  const notes = new Map();
  for (const { name } of mentioned) notes.set(EXPLAINED[name], [...(notes.get(EXPLAINED[name]) ?? []), name]);
  const line = ({ name, licences, optional }) =>
    `| ${name} | ${[...licences].sort().join('; ')} | ${optional ? 'optional' : ''} |`;
  return `# Licences of dependencies

Written by \`npm run licenses\`. The code of discern-rag is under Apache-2.0 ([LICENSE](LICENSE)); the weights that it
ships name their base model, data and licence in a card each (\`critics/*/*/CARD.md\`). What it downloads when it is used
stands with its licence in \`discern models list\`.

This is what \`npm install discern-rag\` brings along, on any platform: ${rows.length} packages (builds for several
platforms, \`*\`, count as one). Nothing of it is part of our package. Optional packages are left out by
\`npm install --omit=optional discern-rag\`. Optional peers (\`node-llama-cpp\`, \`langchain\`, \`vitest\`) come
only where you ask for them, and are not listed.

No licence here obliges a program that uses discern-rag to open its own code.

## Worth knowing

${[...notes].map(([note, names]) => `- ${names.map((name) => `\`${name}\``).join(', ')}: ${note}`).join('\n')}

## All

| package | licence | |
| --- | --- | --- |
${rows.map(line).join('\n')}
`;
}

async function main() {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const rows = rowsOf(productionPackages(lock), await licencesInstalled());
  const wrong = rows.filter(({ name, licences }) => ![...licences].every(isAllowed) && !EXPLAINED[name]);
  for (const { name, licences } of wrong) console.error(`licenses: ${name} is under ${[...licences].join('; ')}`);
  if (wrong.length > 0) {
    process.exitCode = 1;
    return;
  }
  writeFileSync(PAGE, pageOf(rows));
  console.log(`licenses: ${rows.length} packages in LICENSES.md`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
