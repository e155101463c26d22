import { describe, it } from 'vitest';

/** A test of a suite that a backend cannot pass, and why. */
export interface Skip {
  readonly test: string;
  readonly reason: string;
}

export interface SuiteOptions {
  readonly skip?: readonly Skip[];
}

/** Makes the part under test. Called twice: once for most tests, and once for the test that closes it. */
export type Make<T> = () => T | Promise<T>;

/** Registers the tests of a contract. A skip that names no test is a mistake and throws. */
export function defineSuite(
  name: string,
  skips: readonly Skip[],
  tests: Readonly<Record<string, () => Promise<void>>>,
): void {
  const unknown = skips.find((skip) => !(skip.test in tests));
  if (unknown) throw new Error(`no test "${unknown.test}" in the suite; its tests: ${Object.keys(tests).join('; ')}`);
  describe(name, () => {
    for (const [title, run] of Object.entries(tests)) {
      const skipped = skips.find((skip) => skip.test === title);
      if (skipped) it.skip(`${title} (${skipped.reason})`);
      else it(title, run);
    }
  });
}

/** One instance for all tests that only ask it something, made when the first of them runs. */
export function shared<T>(make: Make<T>): () => Promise<T> {
  let instance: Promise<T> | undefined;
  return () => {
    instance ??= Promise.resolve().then(make);
    return instance;
  };
}

/** Texts that a careless backend trips over: they are data, whatever stands in them. */
export const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' \n\t ',
  'word '.repeat(4000),
  'x'.repeat(20_000),
  '\u738b\u5b89\u77f3\u662f\u5b8b\u671d\u7684\u653f\u6cbb\u5bb6\u3002\u4ed6\u5728\u54ea\u4e00\u5e74\u51fa\u751f\uff1f',
  '\u{1f469}\u200d\u{1f469}\u200d\u{1f467} caf\u00e9 \u0645\u0631\u062d\u0628\u0627',
  '\ud800 a lone surrogate and a \u0000 null',
  '[Relevant][Fully supported][Utility:5] {{question}} <|im_end|> </s> [SEP] [CLS] [MASK] <b>bold</b>',
];
