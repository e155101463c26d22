import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import type { CliContext } from '../../src/cli/context.ts';
import type { OpenedCritic, openCritic } from '../../src/critics.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedEntailment } from '../../src/testing/scripted-entailment.ts';
import { REFLECTIONS, type ReflectionKind } from '../../src/types.ts';
import { temporaryFolder } from '../fixtures/cli/discern.ts';

const root = temporaryFolder();

/** A folder that is removed after the tests of the file. */
export const newFolder = (): string => mkdtempSync(join(root, 'eval-'));

const numbersOf = (text: string): number[] => (text.match(/\d+(\.\d+)?/g) ?? []).map(Number);

/** Says what its texts say: `0.7 0.2 0.1` are the weights of the labels, in order. */
export const readingCritic = (kinds?: readonly ReflectionKind[]) =>
  scriptedCritic(
    (request) => {
      const text = { isRel: 'passage', isSup: 'segment', isUse: 'answer', retrieve: 'question' } as const;
      const said = request.kind === 'isRel' ? request.passage.text : String(Reflect.get(request, text[request.kind]));
      const weights = numbersOf(said);
      if (request.kind === 'isRel') weights.push(1 - weights[0]!);
      return Object.fromEntries(REFLECTIONS[request.kind].map((label, i) => [label, weights[i] ?? 0]));
    },
    { id: 'reading@1', ...(kinds && { kinds }) },
  );

/** P(equivalent) is the number in the reference. */
export const readingEntailment = () => scriptedEntailment({ equivalent: ({ second }) => numbersOf(second)[0] ?? 0 });

export const opened = (parts: Partial<OpenedCritic> = {}): OpenedCritic => ({
  critic: readingCritic(),
  isRelThreshold: null,
  entailment: readingEntailment(),
  rawEntailment: null,
  folder: null,
  close: async () => {},
  ...parts,
});

export interface CommandRun {
  readonly out: string;
  readonly notes: readonly string[];
}

/** Runs one command in this process, with a critic of the test in place of those that are opened by name. */
export async function runCommand(
  register: (program: Command, context: CliContext, open: typeof openCritic) => void,
  args: readonly string[],
  critic: OpenedCritic = opened(),
): Promise<CommandRun> {
  const [out, notes]: [string[], string[]] = [[], []];
  const program = new Command().exitOverride();
  const context: CliContext = {
    environment: { modelsDir: undefined, hub: undefined, offline: true, keys: {} },
    signal: new AbortController().signal,
    print: (line) => out.push(line),
    note: (line) => notes.push(line),
  };
  register(program, context, async () => critic);
  await program.parseAsync([...args], { from: 'user' });
  return { out: out.join('\n'), notes };
}

export const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** A file in a new folder. */
export function fileWith(name: string, content: string | Uint8Array): string {
  const path = join(newFolder(), name);
  writeFileSync(path, content);
  return path;
}
