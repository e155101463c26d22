/** Who has to act: `user` (input, options), `environment` (files, network, packages) or `internal` (ours). */
type Blame = 'user' | 'environment' | 'internal';

/** Every error that the package throws: its hint says what to do next, its status is what a server answers. */
export const ERRORS = {
  ABORTED: { hint: 'the call was cancelled by its signal', status: 499, blame: 'user' },
  BACKEND_CLOSED: { hint: 'create a new instance; a closed one is not reopened', status: 503, blame: 'user' },
  BACKEND_FAILED: { hint: 'the cause tells what the backend said', status: 502, blame: 'environment' },
  BACKEND_TIMEOUT: {
    hint: 'give it more time (timeoutMs), fewer requests at once, or a faster model',
    status: 504,
    blame: 'environment',
  },
  BACKEND_UNAVAILABLE: {
    hint: 'start the server or check its address; requests go through again once it answers',
    status: 503,
    blame: 'environment',
  },
  BACKEND_UNKNOWN: { hint: 'choose one of the names listed in the message', status: 400, blame: 'user' },
  CONFIG_INVALID: {
    hint: 'run `discern ask --help` for every option with its default and bounds',
    status: 400,
    blame: 'user',
  },
  CRITIC_INVALID: {
    hint: 'the critic returned something that breaks its contract; run the suite describeCritic on it',
    status: 502,
    blame: 'internal',
  },
  CRITIC_KIND_UNSUPPORTED: {
    hint: 'map this reflection token to a critic that declares it, or to none',
    status: 400,
    blame: 'user',
  },
  DISK_FULL: {
    hint: 'free some space, or choose another folder with --models.dir or --index',
    status: 507,
    blame: 'environment',
  },
  DOCUMENT_UNREADABLE: { hint: 'repair the file or leave it out', status: 422, blame: 'user' },
  INDEX_CORRUPT: { hint: 'ingest the documents again into an empty folder', status: 500, blame: 'environment' },
  INDEX_EMPTY: {
    hint: 'ingest documents first: discern ingest <files or folders> --index DIR',
    status: 409,
    blame: 'user',
  },
  INDEX_FINGERPRINT: {
    hint: 'use the embedder that the index was made with, or ingest into another folder',
    status: 409,
    blame: 'user',
  },
  INDEX_LOCKED: { hint: 'another process writes to this index; wait for it to end', status: 409, blame: 'environment' },
  INDEX_MISSING: { hint: 'make it first: discern ingest <files or folders> --index DIR', status: 404, blame: 'user' },
  INPUT_INVALID: { hint: 'correct the input named in the message', status: 400, blame: 'user' },
  LABELS_NOT_SINGLE_TOKENS: {
    hint: 'choose labels that are one token each for this model, or another model',
    status: 400,
    blame: 'user',
  },
  MODEL_CHECKSUM: {
    hint: 'the file was discarded; pull it again, or check the mirror that served it',
    status: 502,
    blame: 'environment',
  },
  MODEL_UNAVAILABLE: {
    hint: 'see the message for each source that was tried and what would make it work',
    status: 503,
    blame: 'environment',
  },
  MODEL_UNKNOWN: { hint: 'run `discern models list`, or give the path of a model file', status: 400, blame: 'user' },
  PACKAGE_MISSING: { hint: 'install the package named in the message', status: 503, blame: 'environment' },
  PROMPT_INVALID: {
    hint: 'pass exactly the variables that the header of the prompt lists',
    status: 500,
    blame: 'internal',
  },
  REPLAY_FACT_MISSING: {
    hint: 'the trace holds no such fact: record it again with these settings, or wider',
    status: 409,
    blame: 'user',
  },
  TRACE_INVALID: {
    hint: 'traces are JSON lines written by this package; check the file and its version',
    status: 400,
    blame: 'user',
  },
} as const satisfies Record<string, { hint: string; status: number; blame: Blame }>;

export type ErrorCode = keyof typeof ERRORS;

const BRAND = Symbol.for('discern-rag.error');

export interface ErrorOptions {
  /** Replaces the table's hint where the place of the error knows better. */
  hint?: string;
  details?: Readonly<Record<string, unknown>>;
  cause?: unknown;
}

/** The one error class. Recognise it with `DiscernError.is(error, code)`, which also works across duplicate installs. */
export class DiscernError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DiscernError';
    this.code = code;
    this.hint = options.hint ?? ERRORS[code].hint;
    this.details = options.details ?? {};
    Object.defineProperty(this, BRAND, { value: true, enumerable: false });
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get blame(): Blame {
    return ERRORS[this.code].blame;
  }

  static is(error: unknown, code?: ErrorCode): error is DiscernError {
    if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
    return code === undefined || (error as unknown as DiscernError).code === code;
  }
}

/** Throws ABORTED once the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new DiscernError('ABORTED', 'the call was aborted', { cause: signal.reason });
}

/** The text of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
