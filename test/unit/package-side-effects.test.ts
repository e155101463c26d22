import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const src = new URL('src/', root);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** What may stand at the top of a module that does nothing when it is imported. */
const DECLARES = new Set([
  ts.SyntaxKind.ImportDeclaration,
  ts.SyntaxKind.ExportDeclaration,
  ts.SyntaxKind.VariableStatement,
  ts.SyntaxKind.FunctionDeclaration,
  ts.SyntaxKind.ClassDeclaration,
  ts.SyntaxKind.InterfaceDeclaration,
  ts.SyntaxKind.TypeAliasDeclaration,
]);

/** Statements that touch nothing but a constant of their own module. */
const OWN: Record<string, string> = { 'backends/index/hnsw-log.ts': 'MAGIC_BYTES.writeUInt32LE(MAGIC);' };

/** The first statement that does something, or an import for its effect; null where there is none. */
function effectOf(name: string, text: string): string | null {
  const { statements } = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const acts = statements.find(
    (one) => !DECLARES.has(one.kind) || (ts.isImportDeclaration(one) && one.importClause === undefined),
  );
  return acts?.getText() ?? (/^(?:export )?const [^\n]*= await /m.test(text) ? 'await' : null);
}

const modules = (readdirSync(src, { recursive: true }) as string[])
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, effect: effectOf(name, readFileSync(new URL(name, src), 'utf8')) }))
  .filter(({ name, effect }) => effect !== OWN[name] && effect !== null);

const declared = (name: string): boolean =>
  manifest.sideEffects.some((glob: string) => {
    const pattern = glob
      .replaceAll('.', '\\.')
      .replaceAll('**/', '(?:.+/)?')
      .replace(/(?<![+)])\*/g, '[^/]*');
    return new RegExp(`^${pattern}$`).test(`./dist/${name.replace(/\.ts$/, '.js')}`);
  });

describe('sideEffects of package.json', () => {
  it('names every module that does something when it is imported', () => {
    expect(modules.length).toBeGreaterThan(2);
    expect(modules.filter(({ name }) => !declared(name))).toEqual([]);
  });

  it('no public entry is, or can be, one of them', () => {
    const workers = modules
      .filter(({ name }) => name.startsWith('backends/'))
      .map(({ name }) => name.replace(/\.ts$/, ''));
    expect(workers.map((name) => manifest.exports[`./${name}`])).toEqual(workers.map(() => null));
    expect(modules.filter(({ name }) => !/^(cli|backends)\//.test(name))).toEqual([]);
  });
});

it.each([
  ['const a = 1;\nexport const f = () => a;', null],
  ["import 'other';", "import 'other';"],
  ['export const a = 1;\nglobalThis.a = a;', 'globalThis.a = a;'],
  ['setInterval(() => {}, 1000);', 'setInterval(() => {}, 1000);'],
  ["const a = await import('a');", 'await'],
])('%j: %j', (text, effect) => {
  expect(effectOf('a.ts', text)).toBe(effect);
});
