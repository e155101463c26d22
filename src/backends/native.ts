/**
 * Why a package with native code cannot serve here, as words after its name: it is not installed, its code was not
 * built, or it was built for another system. Null for any other error, which nothing may hide.
 */
export function absence(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ERR_MODULE_NOT_FOUND':
      return 'is not installed';
    case 'MODULE_NOT_FOUND':
      return 'has no native code for this system';
    case 'ERR_DLOPEN_FAILED':
      return `cannot be loaded (${error.message.split('\n')[0]})`;
  }
  // The package `bindings`, which gives no code.
  return error.message.startsWith('Could not locate the bindings file') ? 'was installed without being compiled' : null;
}
