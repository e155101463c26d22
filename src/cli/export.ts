import type { Command } from 'commander';
import { DiscernError, throwIfAborted } from '../errors.ts';
import { cardPage, exportCard } from '../evaluate/export/card.ts';
import { type Collection, createCollection, KINDS } from '../evaluate/export/collect.ts';
import { exportContent } from '../evaluate/export/export.ts';
import { type ExportFormat, FORMATS } from '../evaluate/export/formats.ts';
import { createKnownTexts, readKnownTexts } from '../evaluate/export/leaks.ts';
import { isJsonl, readReview, reviewCsv, reviewJsonl, reviewRows } from '../evaluate/export/review.ts';
import { type ExportOptions, reviewable, selectRows } from '../evaluate/export/rows.ts';
import { SPLITS, type Split } from '../evaluate/export/split.ts';
import { checkTeacher, type Override } from '../evaluate/export/targets.ts';
import type { ReflectionKind } from '../types.ts';
import type { CliContext } from './context.ts';
import { wholeNumber } from './eval-rows.ts';
import { checkFolder, checkInputs, inputFile, readText, sourceNames, writeFolder, writeNew } from './export-files.ts';
import { exportLines } from './export-lines.ts';
import { readLines } from './lines.ts';
import { count, progressBar, safe } from './terminal.ts';
import { readTraces } from './traces.ts';

interface Flags {
  readonly format?: string;
  readonly out?: string;
  readonly kinds?: string;
  readonly minConfidence: string;
  readonly teacher: string;
  readonly review?: string;
  readonly makeReview?: string;
  readonly overrideWeight: string;
  readonly keepDegraded?: boolean;
  readonly split: string;
  readonly cut?: boolean;
  readonly exclude: readonly string[];
  readonly against: readonly string[];
  readonly lang: string;
  readonly seed: string;
  readonly json?: boolean;
}

/** Adds `discern export`: what critics said, as data to train critics with. */
export function registerExport(program: Command, context: CliContext): void {
  program
    .command('export')
    .description('make training data for critics from traces, or a review file for people; no model is asked')
    .argument('<traces...>', 'files with one trace a line, .gz or not')
    .option('--format <name>', `${FORMATS.join(', ')}; rows.jsonl with all that is known of each row comes with any`)
    .option('--out <dir>', 'folder to write: new, empty, or made by an earlier export')
    .option('--kinds <list>', `of ${KINDS.join(', ')} (default: all)`)
    .option('--teacher <id>', 'id of the critic to learn from, or mean: of all that answered', 'mean')
    .option('--min-confidence <number>', 'leave out rows whose likeliest label has less, 0..1', '0')
    .option('--make-review <file>', 'write a review file (CSV, or .jsonl), the requests with the most doubt first')
    .option('--review <file>', 'take labels that a person filled in there')
    .option('--override-weight <number>', "share of a person's label in the target, above 0, at most 1", '1')
    .option('--keep-degraded', 'also learn from what was said in place of a critic that failed')
    .option('--split <shares>', 'by document and question, as train=0.8,dev=0.1,test=0.1', 'train=1')
    .option('--cut', 'split each question with its main document, and leave out rows that join two sides')
    .option('--exclude <files...>', 'leave out what stands in these evaluation sets (JSONL, or JSON)', [])
    .option('--against <files...>', 'the same as --exclude', [])
    .option('--lang <code>', 'language of the rows, for the format pairs', 'en')
    .option('--seed <integer>', 'of the split', '0')
    .option('--json', 'print the card as JSON')
    .action((paths: string[], flags: Flags) => exportTraces(paths, flags, context));
}

async function exportTraces(paths: readonly string[], flags: Flags, context: CliContext): Promise<void> {
  const format = formatOf(flags);
  const settings = settingsOf(flags);
  const excluded = [...flags.exclude, ...flags.against];
  if (flags.out !== undefined) {
    await checkFolder(flags.out);
    const inputs = [...paths, ...excluded, flags.review, flags.makeReview].flatMap((path) => path ?? []);
    await checkInputs(flags.out, inputs);
  }
  const known = excluded.length === 0 ? null : createKnownTexts();
  for (const path of excluded) await readKnownTexts(known!, readLines(path), path);
  const { collection, files: traces } = await collect(paths, context);
  const teacher = flags.teacher === 'mean' ? null : flags.teacher;
  if (teacher !== null) checkTeacher(teacher, collection.asked.values(), settings.keepDegraded);
  const overrides =
    flags.review === undefined
      ? new Map<string, Override>()
      : await readReview(await readText(flags.review), flags.review, collection.asked);
  const { kinds, minConfidence, split, overrideWeight, keepDegraded } = settings;
  const options: ExportOptions = {
    ...{ kinds, minConfidence, split, known },
    target: { teacher, overrides, overrideWeight, keepDegraded },
  };
  if (flags.makeReview !== undefined) {
    const rows = reviewRows(reviewable(collection, options));
    await writeNew(flags.makeReview, isJsonl(flags.makeReview) ? reviewJsonl(rows) : reviewCsv(rows));
    context.note(`${count(rows.length, 'request')} to review in ${safe(flags.makeReview)}, the most doubtful first`);
  }
  if (format === null || flags.out === undefined) return;
  const selected = selectRows(collection, options);
  const content = exportContent(format, flags.lang, collection, selected, options);
  const review = flags.review === undefined ? null : await inputFile(flags.review);
  const inputs = { traces, review, excluded: await Promise.all(excluded.map((path) => inputFile(path))) };
  const card = await writeFolder(flags.out, content.files, (files) => {
    const made = exportCard({ ...content, format, lang: flags.lang, inputs, collection, options, selected, files });
    return { card: made, page: cardPage(made) };
  });
  if (flags.json) context.print(JSON.stringify(card, null, 2));
  else context.print(exportLines(card).join('\n'));
  if (card.rows === 0) context.note('no row is left; the card says why');
  const wanted = Math.max(...Object.values(card.options.split));
  if (!card.options.cut && card.groups.largest > wanted + 0.05)
    context.note(
      `${(100 * card.groups.largest).toFixed(0)}% of all hangs together by documents and questions, so that the split is not as asked; --cut parts them`,
    );
}

/** Reads the traces file by file. One that cannot be answered again is told and left out. */
async function collect(paths: readonly string[], { note, signal }: CliContext) {
  const collection: Collection = createCollection();
  const names = sourceNames(paths);
  const files = [];
  const bar = progressBar();
  try {
    for (const [i, path] of paths.entries()) {
      let [traces, notReplayed] = [0, 0];
      for await (const { trace, place } of readTraces(path)) {
        throwIfAborted(signal);
        traces += 1;
        try {
          await collection.add(trace, names[i]!, { signal });
        } catch (error) {
          if (!DiscernError.is(error, 'REPLAY_FACT_MISSING')) throw error;
          notReplayed += 1;
          note(`${safe(place)}: left out: ${safe(error.message)}`);
        }
      }
      if (traces === 0) throw new DiscernError('INPUT_INVALID', `${path} holds no traces`);
      files.push({ ...(await inputFile(path, names[i]!)), traces, notReplayed });
      bar.update('trace files', i + 1, paths.length);
    }
  } finally {
    bar.end();
  }
  return { collection, files };
}

/** Null where only a review file is asked for. */
function formatOf({ format, out, makeReview }: Flags): ExportFormat | null {
  if (format === undefined && out === undefined && makeReview !== undefined) return null;
  const known = FORMATS.find((one) => one === format);
  if (known !== undefined && out !== undefined) return known;
  throw new DiscernError(
    'INPUT_INVALID',
    format === undefined || known !== undefined
      ? 'nothing to write: both --format and --out are needed, or --make-review alone'
      : `there is no format "${format}"; there are ${FORMATS.join(', ')}`,
    { hint: 'such as: discern export traces.jsonl --format pairs --out data' },
  );
}

interface Settings {
  readonly kinds: readonly ReflectionKind[];
  readonly minConfidence: number;
  readonly overrideWeight: number;
  readonly keepDegraded: boolean;
  readonly split: ExportOptions['split'];
}

function settingsOf(flags: Flags): Settings {
  const minConfidence = share('min-confidence', flags.minConfidence);
  const overrideWeight = share('override-weight', flags.overrideWeight);
  if (overrideWeight === 0) throw new DiscernError('INPUT_INVALID', '--override-weight is above 0, got 0');
  const shares = sharesOf(flags.split);
  return {
    ...{ kinds: kindsOf(flags.kinds), minConfidence, overrideWeight, keepDegraded: flags.keepDegraded === true },
    split: { shares, seed: wholeNumber('seed', flags.seed), cut: flags.cut === true },
  };
}

function kindsOf(text: string | undefined): ReflectionKind[] {
  const names = text?.split(',').map((name) => name.trim());
  const wrong = names?.find((name) => !KINDS.some((kind) => kind === name));
  if (wrong !== undefined) throw new DiscernError('INPUT_INVALID', `--kinds takes ${KINDS.join(', ')}, got "${wrong}"`);
  return KINDS.filter((kind) => names?.includes(kind) ?? true);
}

function share(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new DiscernError('INPUT_INVALID', `--${flag} takes a number from 0 to 1, got "${text}"`);
}

function sharesOf(text: string): Partial<Record<Split, number>> {
  const invalid = (why: string) =>
    new DiscernError('INPUT_INVALID', `--split ${text}: ${why}`, { hint: 'such as train=0.8,dev=0.1,test=0.1' });
  const shares: Partial<Record<Split, number>> = {};
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split('=').map((side) => side.trim());
    const split = SPLITS.find((one) => one === name);
    if (split === undefined) throw invalid(`"${name}" is none of ${SPLITS.join(', ')}`);
    if (shares[split] !== undefined) throw invalid(`${split} stands there twice`);
    if (value === '' || !(Number(value) > 0)) throw invalid(`the share of ${split} is above 0, got "${value}"`);
    shares[split] = Number(value);
  }
  const sum = Object.values(shares).reduce((total, one) => total + one, 0);
  if (Math.abs(sum - 1) > 1e-6) throw invalid(`the shares sum to ${Number(sum.toFixed(6))}, not to 1`);
  return shares;
}
