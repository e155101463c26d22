// Pages of the site that stand elsewhere in the repository, and how links between files become links between pages.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** What a program can import, without the single backends: its name, and its source. */
export const ENTRIES = Object.entries(exports)
  .filter(([name, to]) => to?.types && !name.startsWith('./backends/'))
  .map(([name, { types }]) => ({
    name: `discern-rag${name.slice(1)}`,
    file: types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts'),
  }));

const numbered = readdirSync(new URL('../../examples/', import.meta.url))
  .filter((name) => /^\d\d-.*\.ts$/.test(name))
  .sort();

/** File of the repository -> the copy that `npm run docs` makes of it, below docs/. */
export const COPIES = new Map([
  ['examples/README.md', 'project/examples.md'],
  ...numbered.map((name) => [`examples/${name}`, `project/examples/${name.replace(/\.ts$/, '.md')}`]),
  ['critics/README.md', 'project/critics.md'],
  ['critics/mini/1/CARD.md', 'project/critics/mini.md'],
  ['critics/embedding/1/CARD.md', 'project/critics/embedding.md'],
  ['critics/gate/1/CARD.md', 'project/critics/gate.md'],
  ['critics/train/README.md', 'project/critics/training.md'],
  ['bench/README.md', 'project/bench.md'],
  ['bench/results/recall.md', 'project/bench/recall.md'],
  ['bench/results/overhead.md', 'project/bench/overhead.md'],
  ['bench/results/rerank.md', 'project/bench/rerank.md'],
  ['CHANGELOG.md', 'project/changelog.md'],
]);

const originOf = new Map([...COPIES].map(([file, page]) => [page, file]));

/** File of the repository that a page is made of. */
const fileOf = (page) => originOf.get(page) ?? `docs/${page}`;

/**
 * Where a link of a page leads on the site; null where it names a file of the repository that is no page, such as source
 * text. A link that leads nowhere stays as it is, so that the build finds it dead.
 */
export function siteLink(href, page, exists) {
  if (/^([a-z]+:|#|\/)/i.test(href)) return href;
  const [path = '', anchor] = href.split('#');
  const file = posix.join(posix.dirname(fileOf(page)), decodeURI(path));
  const suffix = anchor === undefined ? '' : `#${anchor}`;
  const copy = COPIES.get(file);
  if (copy !== undefined) return `/${copy}${suffix}`;
  if (file.startsWith('docs/')) return `/${file.slice('docs/'.length)}${suffix}`;
  return exists(file) ? null : href;
}

/** A plugin of markdown-it. Links to files that are no page become plain text. */
export function repositoryLinks(markdown, exists) {
  markdown.core.ruler.after('inline', 'repository-links', ({ tokens, env }) => {
    for (const { children } of tokens) {
      const open = [];
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const to = siteLink(token.attrGet('href'), env.relativePath, exists);
          if (to !== null) token.attrSet('href', to);
          open.push(to === null);
          if (to === null) blank(token);
        } else if (token.type === 'link_close' && open.pop()) blank(token);
      }
    }
  });
}

function blank(token) {
  token.type = 'text';
  token.content = '';
}
