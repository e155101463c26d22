import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { onnxEmbedder } from '../../src/backends/embedder/onnx.ts';
import { hnswIndex } from '../../src/backends/index/hnsw.ts';
import { fileLoader } from '../../src/backends/loader/files.ts';
import { structureSplitter } from '../../src/backends/splitter/structure.ts';
import { parseConfig } from '../../src/config.ts';
import type { Embedder, EmbedderFingerprint, PassageIndex } from '../../src/contracts.ts';
import { createModelStore } from '../../src/models/store.ts';
import { passageText } from '../../src/text/passage.ts';
import { seededRandom } from '../../src/text/random.ts';
import type { Passage } from '../../src/types.ts';
import { discern, startDiscern, temporaryFolder } from '../fixtures/cli/discern.ts';

const KILLS = 20;
const FILES = 120;
const dir = temporaryFolder();
const docs = join(dir, 'docs');
const index = join(dir, 'index');
const partial = join(index, 'embedding.partial');

/** The state of the documents: each generation changes, adds and drops some, and touches most. */
function write(generation: number): void {
  rmSync(docs, { recursive: true, force: true });
  mkdirSync(docs);
  for (let i = generation; i < FILES + generation; i++) {
    const stamp = i % 4 === 0 ? 0 : generation;
    writeFileSync(
      join(docs, `boat-${i}.md`),
      `# Boat ${i}\n\nBoat ${i} sailed under captain number ${stamp}.\n\n# Cargo\n\nIt carried ${i + stamp} barrels of salt, and ${stamp} of tar.\n`,
    );
  }
}

let fingerprint: EmbedderFingerprint;
let embedder: Embedder;

beforeAll(async () => {
  const config = parseConfig();
  const store = createModelStore(config.models);
  embedder = onnxEmbedder({ model: await store.resolve(config.embedder.model), maxTokens: 512, threads: 1 });
  fingerprint = await embedder.fingerprint();
  return () => embedder.close();
});

/** Opens the index as it was left. */
async function withIndex<T>(work: (opened: PassageIndex) => Promise<T>): Promise<T> {
  const opened = hnswIndex({
    ...{ dir: index, create: false, dimensions: fingerprint.dimensions, fingerprint: { ...fingerprint } },
    ...{ exactUpTo: 50_000, targetRecall: 0.99, efMax: 1000 },
  });
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}

const line = ({ docId, span, text }: Passage): string => `${docId} ${span.start}-${span.end} ${text}`;

/** Everything that a search can find, which must be all that the sources say they have. */
const contentOf = (): Promise<string[]> =>
  withIndex(async (opened) => {
    const [question] = await embedder.embed(['Which boat carried tar?'], 'query');
    const hits = await opened.search(question!, 10_000);
    const passages = await opened.passages(hits.map(({ id }) => id));
    const sources = [...(await opened.sources()).values()];
    for (const { key, passages: count } of sources)
      expect(passages.filter(({ docId }) => docId === key).length, key).toBe(count);
    expect(new Set(passages.map(({ docId }) => docId)).size).toBe(sources.length);
    return passages.map(line).sort();
  });

/** What the documents on disk make, read and cut without an index. */
async function expectedContent(): Promise<string[]> {
  const loader = fileLoader({ textField: null, titleField: null });
  const splitter = structureSplitter({ size: 1000, overlap: 0 });
  const { files } = await loader.list([docs]);
  const documents = (await Promise.all(files.map((file) => loader.load(file)))).flat();
  return (await Promise.all(documents.map((document) => splitter.split(document)))).flat().map(line).sort();
}

const startIngest = () => startDiscern(['ingest', docs, '--index', index]);
const partialSize = () => (existsSync(partial) ? statSync(partial).size : 0);

describe('kill -9 during discern ingest', () => {
  it(`at ${KILLS} random moments leaves the state before or the one after, and loses no embedding work`, async () => {
    write(0);
    const random = seededRandom(2026);
    const began = performance.now();
    expect((await startIngest().ended).code).toBe(0);
    /** About how long the command takes; less after every run that was quicker than its kill. */
    let life = performance.now() - began;

    let before = await contentOf();
    expect(before).toEqual(await expectedContent());
    let generation = 0;
    let after = before;
    let killed = 0;
    let mostSaved = 0;
    for (let attempt = 0; killed < KILLS && attempt < 3 * KILLS; attempt++) {
      // One moment in each twentieth of the command's life, in turns, so that every part of it is hit.
      const moment = (((attempt * 7) % KILLS) + random()) * (life / KILLS);
      if (before === after) {
        write(++generation);
        after = await expectedContent();
      }
      const savedBefore = partialSize();
      const run = startIngest();
      await sleep(moment);
      run.process.kill('SIGKILL');
      if ((await run.ended).code === null) killed++;
      else life *= 0.95;
      const now = await contentOf();
      expect([before.join('\n'), after.join('\n')]).toContain(now.join('\n'));
      if (now.join('\n') === after.join('\n')) before = after;
      else expect(partialSize()).toBeGreaterThanOrEqual(savedBefore);
      mostSaved = Math.max(mostSaved, partialSize());
    }
    expect(killed).toBe(KILLS);
    expect(mostSaved).toBeGreaterThan(32 * 4 * fingerprint.dimensions);

    write(++generation);
    const { code, out } = await startIngest().ended;
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringContaining(`the index holds ${2 * FILES} passages of ${FILES} files`),
    });
    expect(await contentOf()).toEqual(await expectedContent());
    expect(partialSize()).toBe(0);
    await withIndex(async (opened) => {
      const [question] = await embedder.embed(['boat'], 'query');
      const ids = (await opened.search(question!, 10_000)).map(({ id }) => id);
      const made = await embedder.embed((await opened.passages(ids)).map(passageText), 'passage');
      const stored = await opened.vectors(ids);
      for (const [i, vector] of stored.entries())
        expect(vector!.reduce((sum, value, k) => sum + value * made[i]![k]!, 0)).toBeCloseTo(1, 4);
    });
    const asked = await discern(['ask', 'Which captain sailed boat 12?', '--index', index, '--no-why']);
    expect(asked).toMatchObject({ code: 0, out: expect.stringMatching(/captain number.*\[1\]/) });
  });
});
