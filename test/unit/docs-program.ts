import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { Block } from './docs-blocks.ts';

export interface Program {
  readonly page: string;
  readonly blocks: readonly Block[];
  /** Statements that the blocks take as given. */
  readonly given: string;
}

interface Line {
  readonly text: string;
  /** Of the page; null where the page has no such line. */
  readonly from: number | null;
}

/**
 * One module of a page: its imports and what it declares first, each name once, then its blocks, each inside the one before. So a block sees what
 * earlier ones made, and may use the same names again.
 */
function moduleOf({ page, blocks, given }: Program): Line[] {
  const imports = new Map<string, Line>();
  const bodies = blocks.map(({ text, line }) => {
    const { body, found } = withoutImports(text, `${page}:${line}`);
    for (const { name, text, at } of found)
      if (!imports.has(name) && !isOfReader(text)) imports.set(name, { text, from: line + at });
    return body.map((text, i) => ({ text: text.replace(/^export /, ''), from: line + i }));
  });
  const inner = bodies.flatMap((body) => [{ text: '{', from: null }, ...body]);
  const ends = { text: '}'.repeat(bodies.length), from: null };
  const first = givenLines(given, new Set(imports.keys())).map((text) => ({ text, from: null }));
  return [...first, ...imports.values(), ...inner, ends, { text: 'export {};', from: null }];
}

/** A file of the reader's own: what it gives is said in docs-given.ts. */
const isOfReader = (statement: string): boolean => / from '\.{1,2}\//.test(statement);

interface Import {
  /** In the module that imports it. */
  readonly name: string;
  readonly text: string;
  /** Line of the block, from 0. */
  readonly at: number;
}

function withoutImports(text: string, place: string): { body: string[]; found: Import[] } {
  const source = ts.createSourceFile(`${place}.ts`, text, ts.ScriptTarget.Latest, true);
  const body = text.split('\n');
  const found: Import[] = [];
  for (const statement of source.statements) {
    const made = ts.isImportDeclaration(statement) ? importsOf(statement) : declaredBy(statement);
    if (made.length === 0) continue;
    const at = source.getLineAndCharacterOfPosition(statement.getStart()).line;
    const last = source.getLineAndCharacterOfPosition(statement.end).line;
    for (let i = at; i <= last; i++) body[i] = '';
    found.push(...made.map((one) => ({ ...one, at })));
  }
  return { body, found };
}

/** `declare const x: …;`, which may only stand at the top of a module. */
function declaredBy(statement: ts.Statement): Omit<Import, 'at'>[] {
  if (
    !ts.isVariableStatement(statement) ||
    !statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword)
  )
    return [];
  const text = statement.getText().replaceAll('\n', ' ');
  const [first] = statement.declarationList.declarations;
  return [{ name: first!.name.getText(), text }];
}

function importsOf({ importClause, moduleSpecifier }: ts.ImportDeclaration): Omit<Import, 'at'>[] {
  const from = moduleSpecifier.getText();
  if (importClause === undefined) return [{ name: from, text: `import ${from};` }];
  const type = importClause.isTypeOnly ? 'type ' : '';
  const { name, namedBindings } = importClause;
  const made = name === undefined ? [] : [{ name: name.text, text: `import ${type}${name.text} from ${from};` }];
  if (namedBindings === undefined) return made;
  if (ts.isNamespaceImport(namedBindings))
    return [...made, { name: namedBindings.name.text, text: `import ${type}${namedBindings.getText()} from ${from};` }];
  const named = namedBindings.elements.map((element) => ({
    name: element.name.text,
    text: `import ${type}{ ${element.getText()} } from ${from};`,
  }));
  return [...made, ...named];
}

function givenLines(given: string, known: ReadonlySet<string>): string[] {
  const { body, found } = withoutImports(given, 'given');
  return [...found.filter(({ name }) => !known.has(name)).map(({ text }) => text), ...body];
}

/** What the compiler has to say of the programs, as `page:line: message`; the package is that of src/. */
export function typeErrors(programs: readonly Program[], root: string): string[] {
  const modules = new Map(
    programs
      .filter(({ blocks }) => blocks.length > 0)
      .map((program) => [
        join(root, '.docs', `${program.page.replaceAll('/', '-')}.ts`),
        { page: program.page, lines: moduleOf(program) },
      ]),
  );
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config as { compilerOptions: object };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const all = { ...options, paths: sourcePaths(root), noUnusedLocals: false, noUnusedParameters: false, noEmit: true };
  const host = ts.createCompilerHost(all);
  const { getSourceFile, fileExists, readFile } = host;
  const textOf = (path: string) =>
    modules
      .get(path)
      ?.lines.map(({ text }) => text)
      .join('\n');
  host.fileExists = (path) => modules.has(path) || fileExists(path);
  host.readFile = (path) => textOf(path) ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = textOf(path);
    return text === undefined ? getSourceFile(path, version, ...rest) : ts.createSourceFile(path, text, version, true);
  };
  const program = ts.createProgram([...modules.keys()], all, host);
  return [...modules].flatMap(([path, { page, lines }]) => {
    const source = program.getSourceFile(path)!;
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ start, messageText }) => {
      const { line } = source.getLineAndCharacterOfPosition(start ?? 0);
      const place = lines[line]?.from ?? `given: ${lines[line]?.text.trim()}`;
      return `${page}:${place}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  });
}

/** Where the sources of what package.json exports stand. */
function sourcePaths(root: string): Record<string, string[]> {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name: string;
    exports: Record<string, null | string | { types: string }>;
  };
  return Object.fromEntries(
    Object.entries(exports).flatMap(([path, to]) =>
      to === null || typeof to === 'string'
        ? []
        : [[name + path.slice(1), [join(root, to.types.replace('dist/', 'src/').replace('.d.ts', '.ts'))]]],
    ),
  );
}
