type NativeCheck = typeof import('../backends/native-check.ts');
type ShippedCheck = typeof import('../backends/shipped-critics.ts');

/** Packages with native code, each tried in a process of its own. */
export async function nativeStates(options?: Parameters<NativeCheck['nativeState']>[1]) {
  const { NATIVE_PACKAGES, nativeState } = await import('../backends/native-check.ts');
  return Promise.all(NATIVE_PACKAGES.map(async (name) => ({ name, ...(await nativeState(name, options)) })));
}

/** The critics and the estimate that the package ships. */
export async function shippedCritics(options?: Parameters<ShippedCheck['checkShipped']>[0]) {
  const { checkShipped } = await import('../backends/shipped-critics.ts');
  return checkShipped(options);
}
