export interface ProductionPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string | null;
  readonly optional: boolean;
}

export function productionPackages(lock: { readonly packages: object }): ProductionPackage[];
export function familyOf(name: string): string;
export function isAllowed(licence: string): boolean;
export function namesOf(page: string): string[];
export const EXPLAINED: Readonly<Record<string, string>>;
