type NativeCheck = typeof import('../backends/native-check.ts');
type ShippedCheck = typeof import('../backends/shipped-critics.ts');
export type NativePackage = import('../backends/native-check.ts').NativePackage;
export type NativeState = import('../backends/native-check.ts').NativeState;

/** A package with native code, tried in a process of its own. */
export async function nativeState(...given: Parameters<NativeCheck['nativeState']>): Promise<NativeState> {
  const check = await import('../backends/native-check.ts');
  return check.nativeState(...given);
}

/** The critics and the estimate that the package ships. */
export async function shippedCritics(...given: Parameters<ShippedCheck['checkShipped']>) {
  const { checkShipped } = await import('../backends/shipped-critics.ts');
  return checkShipped(...given);
}
