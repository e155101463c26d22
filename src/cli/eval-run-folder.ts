import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DiscernError, messageOf } from '../errors.ts';
import { tracesOf } from '../evaluate/experiment/report.ts';
import { continuedRecord, type ExperimentRecord, parseExperimentRecord } from '../evaluate/experiment/resume.ts';
import type { TraceStore } from '../evaluate/experiment/run.ts';
import { parseTrace } from '../trace.ts';
import { finishedTraces, orderTraces, type TraceSpot, type TraceWriter, traceLine, traceWriter } from './trace-file.ts';

const RECORD = 'experiment.json';
const REPORT = { json: 'report.json', html: 'report.html' };

/** The folder of an experiment: its record, its traces and its report. */
export interface ExperimentFolder {
  readonly traces: TraceStore;
  /** Throws where the traces that stand here were not made like this. */
  check(now: ExperimentRecord): void;
  /** Checks, and keeps it for the next run. */
  keep(now: ExperimentRecord): Promise<void>;
  /** Returns the paths. */
  /** The figures first: a page that cannot be made loses none of them. */
  writeReport(report: { readonly json: string; html(): Promise<string> }): Promise<{ json: string; html: string }>;
  close(): Promise<void>;
}

/** `fresh`: what earlier runs left of these configs is deleted; indexes stay, since they are named by what is in them. */
export async function openExperimentFolder(
  out: string,
  systems: readonly string[],
  fresh: boolean,
): Promise<ExperimentFolder> {
  await touching(out, () => mkdir(join(out, 'traces'), { recursive: true }));
  if (fresh) await clear(out, systems);
  const before = await readRecord(out);
  const spots = new Map<string, Map<string, TraceSpot>>();
  for (const system of systems) spots.set(system, await finishedTraces(join(out, tracesOf(system))));
  const stray = systems.find((system) => spots.get(system)!.size > 0);
  if (before === null && stray !== undefined)
    throw new DiscernError(
      'INPUT_INVALID',
      `${join(out, tracesOf(stray))} is there, and nothing tells how it was made`,
      {
        hint: 'give another folder with --out, or delete it with --fresh',
      },
    );
  const writers = new Map<string, TraceWriter>();
  const close = async () => {
    const open = [...writers.values()];
    writers.clear();
    for (const writer of open) await writer.close();
  };
  const continued = (now: ExperimentRecord) => (before === null ? now : continuedRecord(before, now));
  return {
    traces: {
      async read(system, id) {
        const spot = spots.get(system)?.get(id);
        if (spot === undefined) return null;
        const file = join(out, tracesOf(system));
        return placedTrace(await traceLine(file, spot), `${file}, line ${spot.line}`);
      },
      async append(system, trace) {
        const writer = writers.get(system) ?? traceWriter(join(out, tracesOf(system)));
        writers.set(system, writer);
        await writer.append(trace);
      },
      async finish(system, ids) {
        await close();
        const lines = await orderTraces(join(out, tracesOf(system)), ids);
        return new Map([...lines].map(([id, line]) => [id, { file: tracesOf(system), line }]));
      },
    },
    check: (now) => void continued(now),
    async keep(now) {
      const text = `${JSON.stringify(continued(now), null, 2)}\n`;
      await touching(out, () => writeFile(join(out, RECORD), text));
    },
    async writeReport({ json, html }) {
      const paths = { json: join(out, REPORT.json), html: join(out, REPORT.html) };
      await touching(out, async () => {
        await writeFile(paths.json, json);
      });
      const page = await html();
      await touching(out, () => writeFile(paths.html, page));
      return paths;
    },
    close,
  };
}

async function readRecord(out: string): Promise<ExperimentRecord | null> {
  const file = join(out, RECORD);
  const found = await stat(file).catch(() => null);
  return found === null ? null : parseExperimentRecord(await touching(out, () => readFile(file, 'utf8')), file);
}

async function clear(out: string, systems: readonly string[]): Promise<void> {
  const before = await readRecord(out).catch(() => null);
  const names = new Set([...systems, ...Object.keys(before?.configs ?? {})]);
  const files = [RECORD, REPORT.json, REPORT.html, ...[...names].map(tracesOf)];
  await touching(out, () => Promise.all(files.map((file) => rm(join(out, file), { force: true }))));
}

function placedTrace(line: string, place: string) {
  try {
    return parseTrace(line);
  } catch (error) {
    if (!DiscernError.is(error, 'TRACE_INVALID')) throw error;
    throw new DiscernError('TRACE_INVALID', `${place}: ${error.message}`, { cause: error });
  }
}

async function touching<T>(out: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new DiscernError('INPUT_INVALID', `the folder ${out} cannot be used: ${messageOf(cause)}`, {
      cause,
      hint: 'give another one with --out',
    });
  }
}
