import { type ConfigInput, ConfigSchema, parseConfig } from '../../src/config.ts';
import { parseEvalRow } from '../../src/evaluate/critics/rows.ts';
import { questionsDataset } from '../../src/evaluate/data/questions.ts';
import { parseExperiment } from '../../src/evaluate/experiment/schema.ts';
import { TokensSchema } from '../../src/server/options.ts';
import { TraceSchema } from '../../src/trace.ts';

type Json = Readonly<Record<string, unknown>>;

interface Form {
  readonly name: string;
  readonly isOf: (value: Json) => boolean;
  /** Throws where the value is no such thing. */
  readonly check: (value: Json) => unknown;
}

const groups = new Set(Object.keys(ConfigSchema.shape));

/** What a block of JSON may be. The first that it looks like must take it. */
const FORMS: readonly Form[] = [
  { name: 'tokens of the server', isOf: Array.isArray, check: (value) => TokensSchema.parse(value) },
  {
    name: 'experiment',
    isOf: (value) => 'configs' in value,
    check: (value) => parseExperiment(value, { file: 'experiment.json' }),
  },
  {
    name: 'trace',
    isOf: (value) => 'facts' in value,
    // Pages show a part of a trace: what is left out there is filled in.
    check: ({ config, ...trace }) =>
      TraceSchema.parse({ abilities: {}, prompts: {}, ...trace, config: parseConfig(config as ConfigInput) }),
  },
  { name: 'event of a trace', isOf: ({ type }) => typeof type === 'string', check: checkEvent },
  {
    name: 'labelled row',
    isOf: (value) => 'task' in value,
    check: (value) => parseEvalRow(JSON.stringify(value), 'row'),
  },
  {
    name: 'question',
    isOf: (value) => 'question' in value,
    check: (value) => questionsDataset([JSON.stringify(value)], 'questions.jsonl'),
  },
  {
    name: 'request to a decision model',
    isOf: (value) => 'state' in value && 'questions' in value,
    check: checkDecision,
  },
  {
    name: 'config',
    isOf: (value) => Object.keys(value).some((key) => groups.has(key)),
    check: ({ provenance: _, ...value }) => parseConfig(value as ConfigInput),
  },
];

function checkEvent({ type }: Json): void {
  const known = [
    'retrieve-decided',
    'recall-end',
    'rerank-end',
    'relevance-decided',
    'gate-decided',
    'segment-scored',
    'beam-pruned',
    'segment-committed',
  ];
  if (!known.includes(String(type))) throw new Error(`no trace has an event "${type}"`);
}

function checkDecision({ questions, answers = {} }: Json): void {
  for (const key of Object.keys(answers as Json))
    if (!(key in (questions as Json))) throw new Error(`"${key}" is answered and not asked`);
}

/** What is wrong with a block of JSON, or of JSON lines; null where nothing is. */
export async function jsonError(text: string): Promise<string | null> {
  try {
    const value = JSON.parse(text) as Json;
    const form = FORMS.find(({ isOf }) => isOf(value));
    if (form === undefined) return 'it is none of the forms of docs-json.ts';
    await form.check(value);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
