import type { Capabilities } from '../contracts.ts';
import { DiscernError, messageOf, throwIfAborted } from '../errors.ts';

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  /** `warning`: it works, but not as well as it could, or not yet. */
  readonly state: 'ok' | 'warning' | 'failed';
  readonly found: string;
  /** What to do; null where nothing is to be done. */
  readonly advice: string | null;
  /** Of a critic or generator that was asked what it gives. */
  readonly capabilities?: Capabilities;
}

export type Finding = Omit<Check, 'name'>;

export const ok = (found: string): Finding => ({ state: 'ok', found, advice: null });
export const warning = (found: string, advice: string | null): Finding => ({ state: 'warning', found, advice });
export const failed = (found: string, advice: string | null): Finding => ({ state: 'failed', found, advice });

/** What a failure comes to, in its own words. */
export const failure = (error: unknown): Finding =>
  DiscernError.is(error) ? failed(error.message, error.hint) : failed(messageOf(error), null);

/** Looks at one thing. What it throws is what was found, and so is that it takes too long; only an abort is passed on. */
export type Look = (name: string, timeoutMs: number, work: (signal: AbortSignal) => Promise<Finding>) => Promise<Check>;

const LATE = 'see whether it runs and can be reached, and whether something else keeps it busy';

/** `secrets` are taken out of everything that is said. */
export function looker(secrets: readonly string[], signal: AbortSignal | undefined): Look {
  const clean = (text: string) => secrets.reduce((said, secret) => said.replaceAll(secret, '***'), text);
  const cleaned = ({ state, found, advice, capabilities }: Finding): Finding => ({
    state,
    found: clean(found),
    advice: advice && clean(advice),
    ...(capabilities && { capabilities: { ...capabilities, notes: capabilities.notes.map(clean) } }),
  });
  return async (name, timeoutMs, work) => {
    throwIfAborted(signal);
    const late = AbortSignal.timeout(timeoutMs);
    const both = AbortSignal.any([late, ...(signal ? [signal] : [])]);
    let giveUp = () => {};
    const stopped = new Promise<never>((_, reject) => {
      giveUp = () => reject(both.reason);
      both.addEventListener('abort', giveUp, { once: true });
    });
    try {
      return { name, ...cleaned(await Promise.race([work(both), stopped])) };
    } catch (error) {
      throwIfAborted(signal);
      const seconds = `${timeoutMs / 1000} s`;
      return { name, ...cleaned(late.aborted ? failed(`took longer than ${seconds}`, LATE) : failure(error)) };
    } finally {
      both.removeEventListener('abort', giveUp);
    }
  };
}
