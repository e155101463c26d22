import { DiscernError } from '../errors.ts';
import { parseTrace } from '../trace.ts';
import type { Trace } from '../types.ts';
import { readLines } from './lines.ts';

export interface ReadTrace {
  readonly trace: Trace;
  /** File and line, for messages. */
  readonly place: string;
}

/** The traces of a file, one a line. Throws TRACE_INVALID that names the line. */
export async function* readTraces(path: string): AsyncGenerator<ReadTrace> {
  let number = 0;
  for await (const line of readLines(path)) {
    number += 1;
    const place = `${path}, line ${number}`;
    if (line.trim() !== '') yield { trace: traceOf(line, place), place };
  }
}

function traceOf(line: string, place: string): Trace {
  try {
    return parseTrace(line);
  } catch (error) {
    if (!DiscernError.is(error, 'TRACE_INVALID')) throw error;
    throw new DiscernError('TRACE_INVALID', `${place}: ${error.message}`, { cause: error });
  }
}
