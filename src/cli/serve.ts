import { readFileSync } from 'node:fs';
import { type Command, Option as Flag } from 'commander';
import { z } from 'zod';
import { DiscernError, messageOf } from '../errors.ts';
import { createRag } from '../rag.ts';
import { type Limits, LimitsSchema, type Token, TokensSchema } from '../server/options.ts';
import type { Logger } from '../telemetry.ts';
import { type CliContext, checkDocuments, configOf, ragOptions } from './context.ts';
import { wholeNumber } from './eval-rows.ts';
import { ANSWER_GROUPS, addConfigFlags } from './options.ts';
import { failureText } from './terminal.ts';

interface ServeFlags {
  readonly index?: string;
  readonly docs?: readonly string[];
  readonly host: string;
  readonly port: string;
  readonly tokens?: string;
  readonly traces?: string;
  readonly tracesKeep: string;
  readonly name: string;
  readonly [limit: string]: unknown;
}

const LIMITS = Object.entries(z.toJSONSchema(LimitsSchema, { io: 'input' }).properties ?? {}) as [
  keyof Limits,
  { description: string; default: number | null },
][];

export function registerServe(program: Command, context: CliContext, version: string): void {
  const command = program
    .command('serve')
    .description('answer over HTTP: /v1/ask, /v1/chat/completions (as OpenAI), /v1/rerank; /openapi.json has the rest')
    .option('--index <dir>', 'folder of an index made by `discern ingest`')
    .option('--docs <path...>', 'files or folders to read now, instead of an index')
    .option('--host <address>', 'address to listen on; another one than this machine needs --tokens', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 takes any that is free', '8000')
    .option('--tokens <file>', 'JSON: [{ "name": …, "token": …, "scopes": ["ask", "ingest" or "admin"] }]')
    .option(
      '--traces <dir>',
      'folder that keeps the trace of every answer, with all texts; then /v1/traces replays them',
    )
    .option('--traces-keep <number>', 'traces that are kept at most; the oldest go', '10000')
    .option('--name <model>', 'what clients call the model', 'discern');
  command.optionsGroup('Limits:');
  for (const [name, { description, default: value }] of LIMITS)
    command.addOption(new Flag(`--limits.${name} <number>`, `${description} (default ${value ?? 'none'})`));
  addConfigFlags(command, [...ANSWER_GROUPS, 'ingest', 'embedder', 'index', 'models']);
  command.action(async (flags: ServeFlags, self: Command) => {
    const config = configOf(self, context);
    checkDocuments(config, flags);
    const tokens = flags.tokens === undefined ? [] : readTokens(flags.tokens);
    const limits = limitsOf(flags);
    const keep = wholeNumber('--traces-keep', flags.tracesKeep, 1);
    const port = wholeNumber('--port', flags.port, 0);
    // Every other command starts without them.
    const [{ listen, openTraceStore }, { default: pino }] = await Promise.all([
      import('../server/server.ts'),
      import('pino'),
    ]);
    const traces = flags.traces === undefined ? undefined : await openTraceStore(flags.traces, keep);
    const { endProgress, ...options } = ragOptions(config, context);
    const log = pino({ level: 'info' }, pino.destination({ dest: 2, sync: true }));
    const logger: Logger = {
      debug: (message, fields) => log.debug(fields ?? {}, message),
      info: (message, fields) => log.info(fields ?? {}, message),
      warn: (message, fields) => log.warn(fields ?? {}, message),
      error: (message, fields) => log.error(fields ?? {}, message),
    };
    const rag = await createRag({
      ...options,
      logger,
      ...(flags.index !== undefined && { index: flags.index }),
      ...(flags.docs !== undefined && { documents: flags.docs }),
    }).finally(endProgress);
    try {
      for (const failure of rag.ingested?.failed ?? []) context.note(`not read: ${failureText(failure)}`);
      const { passages } = await rag.info();
      const server = await listen({
        ...{ rag, version, tokens, limits, logger, traces, model: flags.name, host: flags.host },
        port,
      });
      context.print(`listening on ${server.url}, ${passages} passages; stop it with Ctrl+C`);
      await new Promise<void>((resolve) => {
        if (context.signal.aborted) resolve();
        context.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await server.close();
    } finally {
      await rag.close();
    }
  });
}

function limitsOf(flags: ServeFlags): Limits {
  const given = LIMITS.flatMap(([name]) => {
    const text = flags[`limits.${name}`];
    return typeof text === 'string' ? [[name, text === 'none' ? null : Number(text)] as const] : [];
  });
  const parsed = LimitsSchema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const list = parsed.error.issues.map(({ path, message }) => `limits.${path.join('.')}: ${message}`);
  throw new DiscernError('CONFIG_INVALID', list.join('; '), { hint: 'discern serve --help lists the limits' });
}

/** What is wrong is told by its place: a token is never printed. */
function readTokens(path: string): Token[] {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === undefined ? 'it is no JSON' : messageOf(error);
    throw new DiscernError('INPUT_INVALID', `the tokens in ${path} cannot be read: ${why}`);
  }
  const parsed = TokensSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const list = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`);
  throw new DiscernError('INPUT_INVALID', `${path}: ${list.slice(0, 5).join('; ')}`, {
    hint: 'a list of { "name": …, "token": …, "scopes": ["ask"] }',
  });
}
