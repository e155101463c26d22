import { DiscernError, messageOf } from '../errors.ts';

/**
 * Why one source did not give a file; the store collects these into one error.
 * - `absent`: it does not have the file
 * - `unreachable`: nobody answers; asking again for another file is useless
 * - `wrong`: it gave other bytes than the manifest promises
 * - `no-tool`: the program that fetches from it is not installed
 * - `failed`: anything else; `retry` says whether another try may help
 */
export type FailureKind = 'absent' | 'unreachable' | 'wrong' | 'no-tool' | 'failed';

export class SourceFailure extends Error {
  readonly kind: FailureKind;
  readonly retry: boolean;

  constructor(kind: FailureKind, message: string, options: { retry?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'SourceFailure';
    this.kind = kind;
    this.retry = options.retry ?? false;
  }
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

/** A failure to write, as an error with a next step; anything else is returned as it is. */
export function writeError(error: unknown, dir: string): unknown {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new DiscernError('DISK_FULL', `no space left while writing to ${dir}`, {
      hint: 'free some space, or choose another folder with --models.dir; what was downloaded so far is kept and resumed',
      cause: error,
    });
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code))
    return new DiscernError('MODEL_UNAVAILABLE', `cannot write to the model folder ${dir}: ${messageOf(error)}`, {
      hint: 'make the folder writable, or choose another one with --models.dir',
      cause: error,
    });
  return error;
}

export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
export { codeOf };
