import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { DiscernError } from '../errors.ts';
import { checkConformance, formatOf, isKnownFormat } from '../evaluate/conformance.ts';
import type { CliContext } from './context.ts';

const SHOWN = 5;

export function registerConformance(program: Command, { print, note }: CliContext): void {
  program
    .command('conformance')
    .description('run the functions of this package on golden files and compare')
    .argument('<dir>', 'folder with golden JSON files')
    .option('--only <prefix>', 'only files whose name begins so')
    .option('--json', 'print the counts as JSON')
    .action((dir: string, flags: { only?: string; json?: boolean }) => {
      const files: Record<string, { passed: number; failed: number }> = {};
      for (const name of list(dir, flags.only ?? '')) {
        const golden = readJson(join(dir, name));
        if (!isKnownFormat(formatOf(golden))) {
          note(`${name}: format "${formatOf(golden)}" is not computed by this version`);
          continue;
        }
        const { passed, failed, differences } = checkConformance(golden);
        files[name] = { passed, failed };
        if (flags.json) continue;
        print(`${name}: ${passed} passed, ${failed} failed`);
        for (const { id, path, expected, actual } of differences.slice(0, SHOWN))
          print(`  ${id} ${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
        if (differences.length > SHOWN) print(`  and ${differences.length - SHOWN} more`);
      }
      const counts = Object.values(files);
      if (counts.length === 0)
        throw new DiscernError(
          'INPUT_INVALID',
          `no golden file of a known format in ${dir}${flags.only ? ` begins with "${flags.only}"` : ''}`,
        );
      const failed = counts.reduce((sum, count) => sum + count.failed, 0);
      if (flags.json) print(JSON.stringify({ files }));
      else print(`${counts.reduce((sum, count) => sum + count.passed, 0)} passed, ${failed} failed`);
      if (failed > 0) process.exitCode = 1;
    });
}

function list(dir: string, prefix: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => name.endsWith('.json') && name.startsWith(prefix))
      .sort();
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `the folder ${dir} cannot be read`, { cause });
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `${path} is not JSON`, { cause });
  }
}
