import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { registerAsk } from '../../src/cli/ask.ts';
import { registerCheck } from '../../src/cli/check.ts';
import { registerConformance } from '../../src/cli/conformance.ts';
import type { CliContext } from '../../src/cli/context.ts';
import { registerCritics } from '../../src/cli/critics.ts';
import { registerDiff } from '../../src/cli/diff.ts';
import { registerDoctor } from '../../src/cli/doctor.ts';
import { registerEval } from '../../src/cli/eval.ts';
import { registerEvalRetrieval } from '../../src/cli/eval-retrieval.ts';
import { registerExport } from '../../src/cli/export.ts';
import { registerIngest } from '../../src/cli/ingest.ts';
import { registerModels } from '../../src/cli/models.ts';
import { addConfigFlags, changedOptions, configFrom } from '../../src/cli/options.ts';
import { registerReplay } from '../../src/cli/replay.ts';
import { registerRun } from '../../src/cli/run.ts';
import { registerSensitivity } from '../../src/cli/sensitivity.ts';
import { registerSeper } from '../../src/cli/seper.ts';
import { registerServe } from '../../src/cli/serve.ts';
import { registerTune } from '../../src/cli/tune.ts';
import { parseConfig } from '../../src/config.ts';

const environment = { modelsDir: undefined, hub: undefined, offline: true, keys: {} };

/** The command line of src/cli/main.ts, whose commands do nothing but check their options. */
function idleProgram(): Command {
  const silent = () => {};
  const context: CliContext = { environment, signal: new AbortController().signal, print: silent, note: silent };
  const program = new Command('discern').version('0').exitOverride();
  program.configureOutput({ writeOut: silent, writeErr: silent });
  for (const register of [registerAsk, registerIngest, registerRun, registerReplay, registerDiff, registerCheck])
    register(program, context);
  registerConformance(program, context);
  registerEvalRetrieval(registerEval(program, context), context);
  for (const register of [registerCritics, registerSeper, registerSensitivity, registerTune, registerExport])
    register(program, context);
  registerDoctor(program, context);
  registerServe(program, context, '0');
  const configOf = (command: Command) => configFrom(command.optsWithGlobals(), environment);
  addConfigFlags(registerModels(program, { configOf, print: silent }), ['models']);
  calm(program);
  return program;
}

function calm(command: Command): void {
  if (command.commands.length === 0)
    command.action((...given: unknown[]) => {
      const { config: _, ...flags } = (given.at(-1) as Command).optsWithGlobals();
      parseConfig(changedOptions(flags));
    });
  command.commands.forEach(calm);
}

let program: Command | null = null;

/** Programs of others, which the pages may call. */
const OTHERS: Readonly<Record<string, string>> = {
  cd: 'of the shell',
  export: 'of the shell',
  mkdir: 'of every system',
  tar: 'of every system',
  sort: 'of every system',
  uniq: 'of every system',
  git: 'how a checkout is made',
  jq: 'reads JSON; a trace is that',
  curl: 'asks a server',
  python3: 'the training of critics',
  pip: 'the training of critics',
  vllm: 'a server that the reader has',
};

const NPM = new Set(['install', 'ci', 'install-test', 'init', 'pack', 'audit', 'publish']);

/** What is wrong with a line of shell; empty where nothing is. */
export function commandErrors(line: string, root: string): string[] {
  return commandsIn(line).flatMap((words) => {
    const wrong = wrongWith(words, root);
    return wrong === null ? [] : [`${words.join(' ')}: ${wrong}`];
  });
}

function wrongWith([name = '', ...rest]: readonly string[], root: string): string | null {
  const isOwn = name === 'node' && rest[0] === 'dist/cli/main.js';
  if (name === 'npx')
    return wrongWith(
      rest.filter((word) => word !== '--yes' && word !== '-y'),
      root,
    );
  if (name === 'discern' || isOwn) return wrongOptions(isOwn ? rest.slice(1) : rest);
  if (name === 'npm') return wrongScript(rest, root);
  if (name === 'tsx' || name === 'node' || /(^|\/)python3?$/.test(name)) return wrongFile(rest, root);
  if (/(^|\/)pip$/.test(name) || OTHERS[name] !== undefined) return null;
  return 'the program is not known: src/cli has it, package.json, or OTHERS with a reason';
}

/**
 * What is wrong with a piece of code within a text, such as `discern tune --over` or `--wide`; null where nothing is, or
 * where it is no command. Arguments may be missing, since the text speaks of the command.
 */
export function mentionError(code: string): string | null {
  const [first = '', ...rest] = code.split(/\s+/);
  const flags = (words: readonly string[]) => words.flatMap((word) => /^--[a-z][\w.-]*/i.exec(word) ?? []);
  program ??= idleProgram();
  if (first.startsWith('--')) {
    const known = new Set(['--version', '--help', ...FOREIGN, ...longOptions(program)]);
    return flags([first]).find((flag) => !known.has(flag)) ?? null;
  }
  if (first !== 'discern') return null;
  let [command, words] = [program, rest];
  while (command.commands.length > 0 && /^[a-z]+$/.test(words[0] ?? '')) {
    const next = command.commands.find((one) => one.name() === words[0]);
    if (next === undefined) return `"${command.name()}" has no command "${words[0]}"`;
    [command, words] = [next, words.slice(1)];
  }
  const known = new Set(['--help', ...longOptions(command)]);
  return flags(words).find((flag) => !known.has(flag)) ?? null;
}

const longOptions = (command: Command): string[] => [
  ...command.options.flatMap(({ long }) => long ?? []),
  ...command.commands.flatMap(longOptions),
];

/** Options of npm, of vLLM, of benches and of the training, which texts speak of. */
const FOREIGN: readonly string[] = [
  ...['--omit', '--legacy-peer-deps'],
  ...['--max-logprobs', '--logprobs-mode'],
  ...['--set', '--minutes'],
];

function wrongOptions(words: readonly string[]): string | null {
  try {
    program ??= idleProgram();
    program.parse(words, { from: 'user' });
    return null;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return code === 'commander.helpDisplayed' || code === 'commander.version' ? null : message;
  }
}

function wrongScript([command = '', name = '']: readonly string[], root: string): string | null {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const script = command === 'run' ? name : command === 'test' || command === 'start' ? command : null;
  if (script === null) return NPM.has(command) ? null : `npm ${command}`;
  return script in scripts ? null : `package.json has no script "${script}"`;
}

function wrongFile(words: readonly string[], root: string): string | null {
  const file = words.find((word) => /\.(ts|js|mjs|py)$/.test(word));
  return file === undefined || existsSync(join(root, file)) ? null : `there is no ${file}`;
}

/** Commands of shell text as words: joined lines, without comments, settings of variables and redirections. */
export function commandsIn(text: string): string[][] {
  const commands: string[][] = [[]];
  const redirection = /\d?[<>]{1,2}&?\s*[^\s|;&]+/;
  const comment = /(?<=^|\s)#.*/;
  const end = /(\n|&&|\|\||[|;&])/;
  const word = /((?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\|;&])+)/;
  const all = [/\\\n/, redirection, comment, end, word].map(({ source }) => source).join('|');
  for (const [, ends, found] of text.matchAll(new RegExp(all, 'g'))) {
    if (ends !== undefined) commands.push([]);
    else if (found !== undefined) commands.at(-1)!.push(unquoted(found));
  }
  return commands.map(withoutVariables).filter((words) => words.length > 0);
}

const unquoted = (word: string): string =>
  word.replaceAll(/'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g, (_, single, double, escaped) => single ?? double ?? escaped);

const withoutVariables = (words: readonly string[]): string[] => {
  const first = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word));
  return first < 0 ? [] : words.slice(first);
};

/** The shell text of a block: of a console only what was typed; null where the block is none. */
export function shellText(language: string, text: string): string | null {
  const typed = [...text.matchAll(/^\$ ((?:.*\\\n)*.*)$/gm)].map(([, line]) => line).join('\n');
  if (language === 'console') return typed;
  if (language === 'sh' || language === 'bash') return text;
  if (language !== '') return null;
  return /^\$ /m.test(text) ? typed : /^(npm|npx|node|discern) /.test(text) ? text : null;
}
