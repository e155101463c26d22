const SECRET_NAME = /api[-_]?key|secret|passw|credential|authorization|(access|auth|bearer)[-_]?token|^(key|token)$/i;

/** The forms of keys that servers repeat in their messages: of a provider, in a header, in an address. */
const SECRET_FORMS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:(?:sk|pk|rk|gsk|xai|hf|pplx)[-_]|AIza)[A-Za-z0-9_-]{12,}/g, '***'],
  [/\b(Bearer|Basic)\s+[^\s"',;]+/gi, '$1 ***'],
  [/(:\/\/)[^\s/@:]*:[^\s/@]+@/g, '$1***@'],
  [/([?&](?:api[-_]?key|key|token|access_token|sig|signature)=)[^\s&"']+/gi, '$1***'],
];

const SHORTEST = 6;
const DEEPEST = 4;
const MOST = 2000;

/**
 * The texts that a part of LangChain holds under names of secrets. A client may be large, so only so much of it is
 * looked at; getters are not called.
 */
export function secretsOf(part: object): readonly string[] {
  const found = new Set<string>();
  const seen = new Set<object>();
  let left = MOST;
  const visit = (value: object, depth: number): void => {
    if (seen.has(value) || depth > DEEPEST) return;
    seen.add(value);
    for (const [name, { value: inner }] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      if (left-- <= 0) return;
      if (typeof inner === 'string' && inner.length >= SHORTEST && SECRET_NAME.test(name)) found.add(inner);
      else if (typeof inner === 'object' && inner !== null && !ArrayBuffer.isView(inner)) visit(inner, depth + 1);
    }
  };
  visit(part, 0);
  // The longest first, so that none is cut by another that it contains.
  return [...found].sort((a, b) => b.length - a.length);
}

export const withoutSecrets = (text: string, secrets: readonly string[]): string =>
  SECRET_FORMS.reduce(
    (cleaned, [form, instead]) => cleaned.replace(form, instead),
    secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, '***'), text),
  );
