import { readFileSync } from 'node:fs';
import { type Command, Option as Flag } from 'commander';
import { z } from 'zod';
import { type Config, type ConfigInput, parseConfig } from '../config.ts';
import { DiscernError, messageOf } from '../errors.ts';
import { listOptions, type Option } from '../options.ts';
import { mergeConfig } from '../replay.ts';
import type { Environment } from './environment.ts';

type Group = keyof Config;

const shown = (value: unknown): string =>
  value === null ? 'none' : Array.isArray(value) ? value.join(',') : String(value);

function describe(option: Option): string {
  const bounds =
    option.minimum !== null || option.maximum !== null ? `${option.minimum ?? ''}..${option.maximum ?? ''}; ` : '';
  const choices = option.choices === null ? '' : `${option.choices.join(', ')}; `;
  return `${option.description} (${choices}${bounds}default ${shown(option.default)})`;
}

/** The options that shape an answer. */
export const ANSWER_GROUPS: readonly Group[] = [
  'retrieve',
  'recall',
  'rerank',
  'critics',
  'isRel',
  'gate',
  'generate',
  'weights',
  'beam',
  'budget',
];

/** Adds a flag for each option of these groups, named by its dotted path. */
export function addConfigFlags(command: Command, groups: readonly Group[]): Command {
  command.option('--config <file>', 'JSON file with options, as { "retrieve": { "mode": "never" } }');
  for (const group of groups) {
    command.optionsGroup(`Options of ${group}:`);
    for (const option of listOptions().filter(({ path }) => path.startsWith(`${group}.`)))
      command.addOption(
        new Flag(`--${option.path} <${option.type === 'array' ? 'list' : option.type}>`, describe(option)),
      );
  }
  return command.optionsGroup('Options:');
}

function parseFlag(option: Option, text: string): unknown {
  if (option.nullable && text === 'none') return null;
  if (option.type === 'number' || option.type === 'integer') {
    const value = Number(text);
    if (text.trim() === '' || Number.isNaN(value))
      throw new DiscernError('CONFIG_INVALID', `--${option.path} takes a number, got "${text}"`);
    if (option.type === 'integer' && !Number.isInteger(value))
      throw new DiscernError('CONFIG_INVALID', `--${option.path} takes a whole number, got "${text}"`);
    return value;
  }
  if (option.type === 'boolean') {
    if (text !== 'true' && text !== 'false')
      throw new DiscernError('CONFIG_INVALID', `--${option.path} takes true or false, got "${text}"`);
    return text === 'true';
  }
  return option.type === 'array' ? text.split(',').map((item) => item.trim()) : text;
}

function readConfigFile(path: string): ConfigInput {
  try {
    const file = z.record(z.string(), z.record(z.string(), z.unknown())).parse(JSON.parse(readFileSync(path, 'utf8')));
    // Where the options come from, as `discern tune` writes it, is no option.
    const { provenance: _, ...groups } = file;
    return groups;
  } catch (cause) {
    throw new DiscernError('CONFIG_INVALID', `the config file ${path} cannot be read: ${reasonOf(cause)}`, {
      cause,
      hint: 'give a JSON file with groups of options, as { "retrieve": { "mode": "never" } }',
    });
  }
}

const reasonOf = (cause: unknown): string =>
  cause instanceof z.ZodError ? 'it holds no groups of options' : messageOf(cause);

/** The options that flags and `--config` set, and no others. */
export function changedOptions(flags: Readonly<Record<string, unknown>>): ConfigInput {
  const fromFlags: Record<string, Record<string, unknown>> = {};
  for (const option of listOptions()) {
    const text = flags[option.path];
    if (typeof text !== 'string') continue;
    const [group, ...rest] = option.path.split('.');
    fromFlags[group!] = { ...fromFlags[group!], [rest.join('.')]: parseFlag(option, text) };
  }
  return mergeConfig(typeof flags.config === 'string' ? readConfigFile(flags.config) : {}, fromFlags as ConfigInput);
}

/** Defaults < environment < config file < flags. */
export function configFrom(flags: Readonly<Record<string, unknown>>, { modelsDir, hub, offline }: Environment): Config {
  const models = { ...(modelsDir && { dir: modelsDir }), ...(hub && { hub }), ...(offline && { offline }) };
  return parseConfig(mergeConfig({ models }, changedOptions(flags)));
}

/** The page of all options, as docs/options.md holds it. */
export function optionsPage(): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const values = ({ choices, minimum, maximum, type }: Option) =>
    choices?.join(', ') ?? (minimum === null && maximum === null ? type : `${minimum ?? ''}..${maximum ?? ''}`);
  const rows = listOptions().map(
    (option) =>
      `| \`${option.path}\` | ${cell(shown(option.default))} | ${cell(values(option))} | ${cell(option.description)} |`,
  );
  return [
    '<!-- Written by `npm run gen` from src/config.ts. Do not edit. -->',
    '# Options',
    '',
    'The dotted name is the same everywhere: in a config file (`{ "retrieve": { "mode": "never" } }`), as a flag',
    '(`--retrieve.mode never`), in `createRag({ config })` and in a trace. `none` stands for null.',
    'Later ones win: defaults, environment, config file, flags, the call.',
    '',
    '| option | default | values | what it does |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}
