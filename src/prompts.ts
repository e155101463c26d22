import { DiscernError } from './errors.ts';
import { PROMPT_FILES } from './prompts.generated.ts';

const ROLES = ['system', 'user', 'assistant'] as const;
export type PromptRole = (typeof ROLES)[number];

/** What is said to a model. The texts hold `{{name}}` for each variable, and nothing else is special in them. */
export interface Prompt {
  /** `is-rel@1`: a released text is never edited, only copied to the next version. */
  readonly id: string;
  /** The id with the hash of the file: what a trace carries. */
  readonly hash: string;
  readonly for: string;
  readonly variables: readonly string[];
  /** The words that answer it, each with the label that it stands for; empty where the answer is free text. */
  readonly labels: Readonly<Record<string, string>>;
  /** `completion`: one text for the model to go on with; a chat model gets it as the user's message. */
  readonly style: 'chat' | 'completion';
  /** In order; an assistant message comes last and is how the answer begins. */
  readonly messages: readonly { readonly role: PromptRole; readonly text: string }[];
}

/** Template text is ours; a value comes from a user or a document and must never become a control token. */
export type PromptPart = { readonly trusted: string } | { readonly value: string; readonly variable: string };

const invalid = (message: string, hint?: string) => new DiscernError('PROMPT_INVALID', message, { hint });
const list = (names: Iterable<string>) => [...names].join(', ') || 'nothing';
const PLACEHOLDER = /\{\{(\w+)\}\}/;

function parseHeader(name: string, lines: readonly string[]): Record<string, string> {
  const header: Record<string, string> = {};
  for (const line of lines.filter((text) => text.trim() !== '')) {
    const at = line.indexOf(':');
    if (at < 1) throw invalid(`prompt "${name}": "${line}" is not a line of the form "key: value"`);
    header[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  for (const key of ['id', 'version', 'variables', 'for'])
    if (header[key] === undefined) throw invalid(`prompt "${name}" has no ${key} in its header`);
  return header;
}

function parseLabels(name: string, text: string | undefined): Record<string, string> {
  const pairs = (text ?? '').split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [word, label, ...more] = pair.split('=').map((side) => side.trim());
      if (!word || !label || more.length > 0) throw invalid(`prompt "${name}": "${pair.trim()}" is not "word = label"`);
      return [word, label];
    }),
  );
}

/** Reads a prompt file: a header of `key: value` lines, then a message after each line `--- role`, or one after `--- text`. */
export function parsePrompt(text: string, sha256 = '', name = 'unnamed'): Prompt {
  const [head = '', ...rest] = text.replaceAll('\r\n', '\n').split(/^--- (.*)\n/m);
  const header = parseHeader(name, head.split('\n'));
  const messages: { role: PromptRole; text: string }[] = [];
  const completion = rest.length === 2 && rest[0]!.trim() === 'text';
  if (completion) messages.push({ role: 'user', text: rest[1]!.trim() });
  else
    for (let i = 0; i < rest.length; i += 2) {
      const role = ROLES.find((known) => known === rest[i]!.trim());
      if (!role)
        throw invalid(`prompt "${name}": "--- ${rest[i]}" is none of ${list(ROLES)}, and text stands only by itself`);
      messages.push({ role, text: rest[i + 1]!.trim() });
    }
  if (!messages.some(({ role }) => role === 'user')) throw invalid(`prompt "${name}" has no "--- user" message`);
  if (messages.slice(0, -1).some(({ role }) => role === 'assistant'))
    throw invalid(`prompt "${name}": only the last message can be the assistant's`);

  const declared = header.variables!.split(',').flatMap((variable) => variable.trim() || []);
  const used = new Set(
    messages.flatMap((message) => [...message.text.matchAll(/\{\{(\w+)\}\}/g)].map((hit) => hit[1]!)),
  );
  if (declared.length !== used.size || declared.some((variable) => !used.has(variable)))
    throw invalid(`prompt "${name}" declares ${list(declared)} and uses ${list(used)}`);
  return {
    id: header.id!,
    hash: `${header.id}#${sha256.slice(0, 12)}`,
    for: header.for!,
    variables: declared,
    labels: parseLabels(name, header.labels),
    style: completion ? 'completion' : 'chat',
    messages,
  };
}

/** A prompt of this package by its id, such as `is-rel@1`. */
export function getPrompt(id: string): Prompt {
  const file = PROMPT_FILES[id];
  if (!file)
    throw invalid(
      `there is no prompt "${id}"; there are ${list(Object.keys(PROMPT_FILES))}`,
      'use one of the listed ids',
    );
  return parsePrompt(file.text, file.sha256, id);
}

/** The messages with the values in place, each value apart from the text around it. Values are inserted once, as they are. */
export function renderParts(
  prompt: Prompt,
  variables: Readonly<Record<string, string>>,
): { role: PromptRole; parts: PromptPart[] }[] {
  const passed = Object.keys(variables);
  if (passed.length !== prompt.variables.length || prompt.variables.some((name) => !(name in variables)))
    throw invalid(`prompt "${prompt.id}" needs ${list(prompt.variables)}, got ${list(passed)}`);
  return prompt.messages.map(({ role, text }) => ({
    role,
    parts: text
      .split(PLACEHOLDER)
      .map((piece, i) => (i % 2 === 0 ? { trusted: piece } : { value: variables[piece]!, variable: piece }))
      .filter((part) => !('trusted' in part) || part.trusted !== ''),
  }));
}

/** The messages as plain texts, for servers that keep roles apart themselves. */
export function renderPrompt(
  prompt: Prompt,
  variables: Readonly<Record<string, string>>,
): { role: PromptRole; content: string }[] {
  return renderParts(prompt, variables).map(({ role, parts }) => ({
    role,
    content: parts.map((part) => ('trusted' in part ? part.trusted : part.value)).join(''),
  }));
}
