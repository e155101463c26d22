export interface PackedFile {
  readonly path: string;
  readonly size: number;
}

export interface PackedContent {
  readonly files: readonly PackedFile[];
  readonly size: number;
  readonly manifest: { readonly exports: object; readonly scripts?: object };
  readonly read: (path: string) => string;
}

export const MAX_PACKED: number;
export const MAX_CODE: number;
export const MUST_HOLD: readonly string[];
export function contentFaults(content: PackedContent): string[];
