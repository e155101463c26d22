import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { seededRandom } from '../../src/text/random.ts';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'discern-kill-serve-'));
const index = join(folder, 'index');
const KILLS = 20;
const next = seededRandom(8);
let server: ChildProcess | null = null;
afterAll(() => {
  server?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the server over the index, and gives its address. */
async function start(): Promise<string> {
  const child = spawn('node', [cli, 'serve', '--index', index, '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  server = child;
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url] = /^listening on (\S+),/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error(`the server ended: ${said}`);
}

async function kill(): Promise<void> {
  const child = server!;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** Two passages each: half a document would show. */
const textOf = (id: number) =>
  `# One\n\nDocument ${id} tells of ${'cats '.repeat(120)}.\n\n# Two\n\nAnd of ${'dogs '.repeat(120)}.`;

it(`killed ${KILLS} times while documents come and questions are asked, it has every acknowledged document, and none half`, async () => {
  writeFileSync(join(folder, 'first.md'), '# Tower\n\nThe tower was built in 1902.\n');
  const made = spawn('node', [cli, 'ingest', join(folder, 'first.md'), '--index', index], { stdio: 'ignore' });
  expect(await new Promise((resolve) => made.once('exit', resolve))).toBe(0);

  const acknowledged = new Set<string>();
  let sent = 0;
  let answered = 0;
  for (let round = 0; round < KILLS; round++) {
    const url = await start();
    const { documents } = (await (await fetch(`${url}/v1/documents?limit=10000`)).json()) as {
      documents: { id: string; passages: number }[];
    };
    const found = new Map(documents.map(({ id, passages }) => [id, passages]));
    expect([...acknowledged].filter((id) => !found.has(id))).toEqual([]);
    expect(documents.filter(({ id, passages }) => id.startsWith('doc-') && passages !== 2)).toEqual([]);

    let running = true;
    const before = acknowledged.size;
    const post = (path: string, body: object) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const bring = async () => {
      while (running) {
        const id = `doc-${sent++}`;
        const response = await post('/v1/documents', { documents: [{ id, text: textOf(sent) }] });
        if (response.ok) acknowledged.add(id);
      }
    };
    const ask = async () => {
      while (running) if ((await post('/v1/ask', { question: 'When was the tower built?' })).ok) answered++;
    };
    const work = [bring(), bring(), ask()].map((one) => one.catch(() => {}));
    // Every third kill may come before the models are loaded; the others when documents go in.
    if (round % 3 > 0) await expect.poll(() => acknowledged.size, { timeout: 60_000 }).toBeGreaterThan(before);
    await new Promise((resolve) => setTimeout(resolve, 1000 * next()));
    running = false;
    await kill();
    await Promise.all(work);
  }
  expect(acknowledged.size).toBeGreaterThan(KILLS / 2);
  expect(answered).toBeGreaterThan(0);
}, 600_000);
