import { SingleBar } from 'cli-progress';
import pc from 'picocolors';

/** Control characters that a text of a document must not send to a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text of a document or a model, safe to print: its control characters are shown, not obeyed. */
export const safe = (text: string): string =>
  text.replace(CONTROL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A file that could not be read, and why, naming it once. */
export const failureText = ({ key, message }: { readonly key: string; readonly message: string }): string =>
  safe(message.startsWith(`${key}: `) ? message : `${key}: ${message}`);

/** `1 file`, `2 files`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** One line, cut with an ellipsis. */
export function brief(text: string, length: number): string {
  const line = safe(text.replace(/\s+/g, ' ').trim());
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}

/** Columns padded to the same width; the last one is left as it is. Widths count the text without colours. */
export function columns(rows: readonly (readonly string[])[], indent = '  '): string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => plainLength(row[i] ?? '')))) ?? [];
  return rows.map(
    (row) =>
      indent +
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - plainLength(cell))))
        .join('  ')
        .trimEnd(),
  );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with an escape
const plainLength = (text: string): number => text.replace(/\u001b\[\d+m/g, '').length;

/** Colours for a terminal only: never into a pipe or a file, whatever else the environment says. */
export const style = pc.createColors(process.stdout.isTTY === true && pc.isColorSupported);

export interface Progress {
  update(title: string, done: number, total: number): void;
  end(): void;
}

/** One bar on standard error when it is a terminal; else a line whenever the title changes. */
export function progressBar(stream: NodeJS.WriteStream = process.stderr): Progress {
  let bar: SingleBar | null = null;
  let current = '';
  const end = () => {
    bar?.stop();
    bar = null;
    current = '';
  };
  return {
    end,
    update(title, done, total) {
      if (title !== current) {
        end();
        current = title;
        if (stream.isTTY) {
          bar = new SingleBar({
            format: `${title} {bar} {value}/{total} {eta_formatted}`,
            stream,
            hideCursor: true,
            barCompleteChar: '#',
            barIncompleteChar: '.',
          });
          bar.start(total, done);
        } else stream.write(`${title}: ${total}\n`);
      }
      bar?.setTotal(total);
      bar?.update(done);
    },
  };
}
