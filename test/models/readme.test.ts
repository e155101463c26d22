import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(`${root}README.md`, 'utf8');
const scripts = (JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> })
  .scripts;
const folder = `${root}.cache/readme-test`;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const between = (name: string) => readme.split(`<!-- ${name}:begin -->`)[1]!.split(`<!-- ${name}:end -->`)[0]!;
const run = (command: string, args: string[]) =>
  spawnSync(command, args, { cwd: root, encoding: 'utf8', timeout: 120_000 });

describe('README', () => {
  it('its npm commands exist', () => {
    const commands = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name!);
    expect(commands.length).toBeGreaterThan(0);
    expect(commands.filter((name) => scripts[name] === undefined)).toEqual([]);
    expect(scripts.test).toContain('test:fast');
  });

  it('shows what the command really prints', () => {
    const question = readme.match(/\$ discern ask "([^"]+)" --docs examples\/corpus/)![1]!;
    const shown = between('output').replaceAll('```', '').trim();
    const { stdout, status } = run('node', ['dist/cli/main.js', 'ask', question, '--docs', 'examples/corpus']);
    expect(status).toBe(0);
    // Scores depend on the processor in their last digits, and times on everything: the words do not.
    const words = (text: string) => text.split('\nWhy')[0]!.trim();
    expect(words(stdout)).toBe(words(shown));
  });

  it('its program runs', () => {
    const program = readme.match(/```ts\n([\s\S]*?)```/)![1]!;
    mkdirSync(`${folder}/docs`, { recursive: true });
    writeFileSync(`${folder}/docs/light.md`, '# Lighthouse\n\nAda Lind keeps the lighthouse of Norr.\n');
    writeFileSync(`${folder}/program.ts`, program.replaceAll("'./docs'", JSON.stringify(`${folder}/docs`)));
    const { stdout, stderr, status } = run(`${root}node_modules/.bin/tsx`, [`${folder}/program.ts`]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('Ada Lind keeps the lighthouse of Norr. [1]');
    expect(stdout).toContain("docId: 'docs/light.md'");
  });
});

describe('examples', () => {
  it('01-ask prints what its last comment says', () => {
    const { stdout, status } = run(`${root}node_modules/.bin/tsx`, ['examples/01-ask.ts']);
    const said = readFileSync(`${root}examples/01-ask.ts`, 'utf8').split('// Prints:\n')[1]!;
    expect(status).toBe(0);
    expect(stdout.trim()).toBe(said.replaceAll(/^\/\/ {0,3}/gm, '').trim());
  });

  it('03-own-critic decides by its own critic', () => {
    const { stdout, stderr, status } = run(`${root}node_modules/.bin/tsx`, ['examples/03-own-critic.ts']);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('isRel kept 1.00');
    expect(stdout).toContain('The bakery is closed on Mondays');
  });

  it('02-own-documents embeds once and then only what has changed', () => {
    mkdirSync(`${folder}/notes`, { recursive: true });
    writeFileSync(`${folder}/notes/roof.md`, '# Roof\n\nWe decided to repair the roof in May.\n');
    const args = [
      'examples/02-own-documents.ts',
      `${folder}/notes`,
      `${folder}/notes.index`,
      'What did we decide about the roof?',
    ];
    const first = run(`${root}node_modules/.bin/tsx`, args);
    expect(first.stdout).toContain('1 added, 0 changed, 0 removed, 0 unchanged');
    expect(first.stdout).toContain('We decided to repair the roof in May. [1]');
    expect(run(`${root}node_modules/.bin/tsx`, args).stdout).toContain('0 added, 0 changed, 0 removed, 1 unchanged');
  });
});
