import type { Command } from 'commander';
import { DiscernError } from '../errors.ts';
import { DATASET_TYPES, type DatasetSource, openDatasets } from '../evaluate/data/open.ts';
import { writeDataset } from '../evaluate/data/write.ts';
import type { CliContext } from './context.ts';
import { wholeNumber } from './eval-rows.ts';
import { count, safe } from './terminal.ts';

interface Flags {
  readonly type: string;
  readonly out: string;
  readonly limit?: string;
  readonly seed: string;
  readonly exclude?: readonly string[];
  readonly documents?: string;
  readonly split?: string;
  readonly json?: boolean;
}

/** Adds `discern eval dataset`: any of the known formats as files that `discern ingest` and `discern run` read. */
export function registerEvalDataset(group: Command, context: CliContext): void {
  group
    .command('dataset')
    .description('write a dataset as questions.jsonl and corpus.jsonl, for `discern run` and `discern ingest`')
    .argument('<files...>', 'files, .gz or not, or folders of BEIR sets; several become one dataset')
    .requiredOption(
      '--type <name>',
      `one of ${DATASET_TYPES.join(', ')}: own questions; rows of question, passage and answers; the JSON of SQuAD; BEIR folders`,
    )
    .requiredOption('--out <dir>', 'folder that is made')
    .option('--limit <integer>', 'so many questions of each file at most, drawn by the seed; documents stay all')
    .option('--seed <integer>', 'of the drawing', '0')
    .option('--exclude <file...>', 'JSONL: leave out questions that are a "question" of it, such as train rows')
    .option('--documents <file>', 'documents as JSONL (id, title, text) that are searched in place of the passages')
    .option('--split <name>', 'beir: the file of judgements, such as dev (default: test)')
    .option('--json', 'print the counts as JSON')
    .action(async (files: string[], flags: Flags) => {
      const type = DATASET_TYPES.find((name) => name === flags.type);
      if (type === undefined)
        throw new DiscernError('INPUT_INVALID', `--type takes one of ${DATASET_TYPES.join(', ')}, got "${flags.type}"`);
      if (flags.documents !== undefined && files.length > 1)
        throw new DiscernError('INPUT_INVALID', '--documents belongs to a single file', {
          hint: 'write one dataset for each file',
        });
      const { exclude = [], documents, split } = flags;
      const limit = flags.limit === undefined ? undefined : wholeNumber('limit', flags.limit);
      const seed = wholeNumber('seed', flags.seed);
      const dataset = await openDatasets(
        files.map((path): DatasetSource => ({ type, path, limit, seed, exclude: [...exclude], documents, split })),
      );
      const written = await writeDataset(dataset, flags.out);
      const counts = {
        ...{ name: dataset.name, sha256: dataset.sha256, questions: dataset.questions.length },
        ...{ documents: dataset.documents?.length ?? null, ...dataset.counts },
        ...{ unanswerable: dataset.questions.filter(({ answers }) => answers?.length === 0).length },
        ...{ withoutAnswers: dataset.questions.filter(({ answers }) => answers === null).length, files: written },
      };
      context.print(flags.json ? JSON.stringify(counts, null, 2) : datasetLines(counts).join('\n'));
    });
}

interface Counts {
  readonly questions: number;
  readonly documents: number | null;
  readonly read: number;
  readonly excluded: number;
  readonly notDrawn: number;
  readonly withoutDocument: number;
  readonly unanswerable: number;
  readonly withoutAnswers: number;
  readonly files: { readonly questions: string; readonly corpus: string | null };
}

function datasetLines(counts: Counts): string[] {
  const { questions, documents, read, files } = counts;
  const details = [
    `${read} read`,
    `${counts.excluded} excluded by overlap`,
    ...(counts.notDrawn > 0 ? [`${counts.notDrawn} not drawn`] : []),
    ...(counts.unanswerable > 0 ? [`${counts.unanswerable} without an answer in the documents`] : []),
    ...(counts.withoutAnswers > 0 ? [`${counts.withoutAnswers} with unknown answers`] : []),
    ...(counts.withoutDocument > 0 ? [`${counts.withoutDocument} whose passage is none of the documents`] : []),
  ];
  return [
    `${count(questions, 'question')} in ${safe(files.questions)} (${details.join(', ')})`,
    files.corpus === null
      ? 'no documents: ingest your own'
      : `${count(documents ?? 0, 'document')} in ${safe(files.corpus)}`,
  ];
}
