/**
 * Address of a worker's program beside the calling module. Node cannot run TypeScript in a worker, so from the
 * sources (in tests) the built file is named: build first.
 */
export function workerUrl(relative: string, base: string): URL {
  const url = new URL(relative, base);
  return url.pathname.endsWith('.ts') ? new URL(url.href.replace('/src/', '/dist/').replace(/\.ts$/, '.js')) : url;
}
