type Write = (message: string, fields?: Record<string, unknown>) => void;

/** Where the library tells what it does: `console` fits, and so does a line of adapter around pino. */
export interface Logger {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}

/** A logger that fails, at once or later, fails nobody else. Without one, nothing is written. */
export function safeLogger(logger: Logger | undefined): Logger {
  const safe =
    (level: keyof Logger): Write =>
    (message, fields) => {
      try {
        const written: unknown = fields === undefined ? logger?.[level](message) : logger?.[level](message, fields);
        if (written instanceof Promise) written.catch(() => {});
      } catch {
        // There is no other place to say it.
      }
    };
  return { debug: safe('debug'), info: safe('info'), warn: safe('warn'), error: safe('error') };
}
