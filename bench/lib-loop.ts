/** Watches how long the event loop is held up, and what held it up. */
import { closeSync, openSync, readSync } from 'node:fs';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { percentile } from './lib-stats.ts';

/** The timers of both watches fire every millisecond: what they measure beyond that is delay. */
const RESOLUTION = 1;
const NOTICED_MS = 3;

export interface Stall {
  readonly ms: number;
  /** Time of garbage collection inside it. */
  readonly gcMs: number;
  /** What the thread itself computed, and what it waited for a core while it was ready to run; null where the system does not say. */
  readonly cpuMs: number | null;
  readonly waitedMs: number | null;
  /** The question, and the events of the pipeline that fell into it; none = between two of them. */
  readonly question: number;
  readonly events: readonly string[];
  /** The last event before it. */
  readonly after: string;
}

export interface LoopFigures {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly samples: number;
  /** The same without the time that the thread waited for a core: what the program itself held the loop up. Null where unknown. */
  readonly computing: { readonly p99: number; readonly max: number } | null;
  /** The longest stalls, longest first. */
  readonly stalls: readonly Stall[];
  /** Of all that were noticed, the one that computed longest. */
  readonly busiest: Stall | null;
}

export interface LoopWatch {
  mark(question: number, event: string): void;
  stop(): Promise<LoopFigures>;
}

export function watchLoop(): LoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
  const scheduler = schedulerClock();
  const collections: { start: number; end: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      collections.push({ start: startTime, end: startTime + duration });
  });
  const computed: number[] = [];
  const noticed: (Omit<Stall, 'gcMs'> & { start: number; end: number })[] = [];
  let last = performance.now();
  let before = scheduler.read();
  let question = 0;
  let after = 'start';
  let events: string[] = [];

  const tick = () => {
    const now = performance.now();
    const used = scheduler.read();
    const ms = now - last - RESOLUTION;
    if (used && before) computed.push((used.ran - before.ran) / 1e6);
    if (ms >= NOTICED_MS)
      noticed.push({
        ms,
        start: last,
        end: now,
        question,
        events,
        after,
        cpuMs: used && before && (used.ran - before.ran) / 1e6,
        waitedMs: used && before && (used.waited - before.waited) / 1e6,
      });
    after = events.at(-1) ?? after;
    events = [];
    before = used;
    last = performance.now();
    timer = setTimeout(tick, RESOLUTION);
  };
  observer.observe({ entryTypes: ['gc'] });
  histogram.enable();
  let timer = setTimeout(tick, RESOLUTION);

  return {
    mark(number, event) {
      question = number;
      events.push(event);
    },
    async stop() {
      histogram.disable();
      clearTimeout(timer);
      await new Promise((resolve) => setTimeout(resolve, 50)); // entries of collections come late
      observer.disconnect();
      scheduler.close();
      const delay = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION);
      const inside = (from: number, to: number) =>
        collections.reduce((sum, { start, end }) => sum + Math.max(0, Math.min(to, end) - Math.max(from, start)), 0);
      const stalls = noticed
        .map(({ start, end, ...stall }): Stall => ({ ...stall, gcMs: inside(start, end) }))
        .sort((a, b) => b.ms - a.ms);
      const computing = ({ cpuMs, ms }: Stall) => cpuMs ?? ms;
      return {
        p50: delay(histogram.percentile(50)),
        p99: delay(histogram.percentile(99)),
        max: delay(histogram.max),
        samples: histogram.count,
        computing: computed.length === 0 ? null : { p99: percentile(computed, 0.99), max: percentile(computed, 1) },
        stalls: stalls.slice(0, 10),
        busiest: stalls.reduce<Stall | null>(
          (most, stall) => (most === null || computing(stall) > computing(most) ? stall : most),
          null,
        ),
      };
    },
  };
}

/** Nanoseconds that the main thread ran, and that it waited for a core: Linux tells both. */
function schedulerClock(): { read(): { ran: number; waited: number } | null; close(): void } {
  let file: number;
  try {
    file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  } catch {
    return { read: () => null, close: () => {} };
  }
  const buffer = Buffer.alloc(128);
  return {
    read() {
      const [ran, waited] = buffer
        .toString('latin1', 0, readSync(file, buffer, 0, 128, 0))
        .split(' ')
        .map(Number);
      return ran === undefined || waited === undefined ? null : { ran, waited };
    },
    close: () => closeSync(file),
  };
}
