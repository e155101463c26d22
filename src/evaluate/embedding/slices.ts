/** What an item belongs to; null where nobody said. */
export interface Tagged {
  /** BCP 47, such as `en` or `zh`. */
  readonly lang: string | null;
  readonly domain: string | null;
}

/** A figure of all items, and of those of each language and of each domain. */
export interface Slices<T> {
  readonly overall: T;
  readonly byLang: Readonly<Record<string, T>>;
  readonly byDomain: Readonly<Record<string, T>>;
}

/** Measures all items, then those of each language and domain. Items without one count in the overall figure alone. */
export function sliced<I extends Tagged, T>(items: readonly I[], measure: (items: readonly I[]) => T): Slices<T> {
  const overall = measure(items);
  const by = (tag: keyof Tagged): Record<string, T> => {
    const tagged = items.filter((item) => item[tag] !== null);
    return Object.fromEntries(
      [...grouped(tagged, (item) => item[tag]!)].map(([value, own]) => [
        value,
        own.length === items.length ? overall : measure(own),
      ]),
    );
  };
  return { overall, byLang: by('lang'), byDomain: by('domain') };
}

/** Items by their key, in the order of their coming. */
export function grouped<I, K>(items: readonly I[], keyOf: (item: I) => K): Map<K, I[]> {
  const groups = new Map<K, I[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
