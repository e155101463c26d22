import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConfigInput, listOptions, parseTrace, prepareReplay, replay } from '../../src/browser.ts';
import { answerQuestion } from '../../src/pipeline.ts';
import { scriptedCritic } from '../../src/testing/scripted-critic.ts';
import { scriptedGenerator } from '../../src/testing/scripted-generator.ts';
import { sha256Hex } from '../../src/text/hash.ts';
import { configOf, partsOf, passageOf } from '../unit/parts.ts';

/** What a page does with a trace; it leaves its results where the test can ask for them. */
const PAGE = `
import { DiscernError, listOptions, parseConfig, parseTrace, prepareReplay, replay } from 'discern-rag/browser';

const failed = (error) => ({ code: DiscernError.is(error) ? error.code : String(error) });
const attempt = (make) => Promise.resolve().then(make).catch(failed);

window.discern = {
  replay: (line, change) => attempt(() => replay(parseTrace(line), change)),
  prepared: (line, changes) => attempt(async () => {
    const replayer = prepareReplay(parseTrace(line));
    const answers = [];
    for (const change of changes) answers.push(await replayer.answer(change).catch(failed));
    return answers;
  }),
  options: () => listOptions(),
  config: (input) => attempt(() => parseConfig(input)),
};
`;

const ORIGIN = 'http://discern.test';
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };
const CHANGES: ConfigInput[] = [
  {},
  { isRel: { threshold: 0.95 } },
  { weights: { isSup: 0, isUse: 2 } },
  { recall: { topK: 1 } },
  { isRel: { threshold: 0.01 } },
];

const folder = mkdtempSync(join(tmpdir(), 'discern-replay-'));
const warnings: string[] = [];
let browser: Browser;
let page: Page;
let line: string;
const said: string[] = [];

/** A question answered by parts that hash what they read, so that every number is odd. */
async function record(): Promise<string> {
  const share = (text: string) => (Number.parseInt(sha256Hex(text).slice(0, 6), 16) / 0xffffff) * 0.4 + 0.5;
  const critic = scriptedCritic((request): Record<string, number> => {
    if (request.kind === 'retrieve') return { yes: 0.7, no: 0.3 };
    if (request.kind === 'isUse') return { '5': share(request.answer), '1': 1 - share(request.answer) };
    const p = share(request.kind === 'isRel' ? request.passage.text : request.segment);
    if (request.kind === 'isRel') return { relevant: p, irrelevant: 1 - p };
    return { fully: p, partially: (1 - p) / 3, none: ((1 - p) * 2) / 3 };
  });
  const texts = [
    'The tower was built in 1902. It is 31 metres high.',
    'Der Turm ist 31 Meter hoch – 塔高31米。',
    'The mill grinds rye.',
  ];
  const passages = texts.map((text, i) => passageOf(`p${i}`, text));
  const critics = { retrieve: critic, isRel: critic, isSup: critic, isUse: critic };
  const parts = partsOf({
    passages,
    critics,
    withContext: scriptedGenerator(),
    closedBook: scriptedGenerator(() => ['1900.']),
  });
  const config = configOf({ retrieve: { mode: 'adaptive' } });
  return JSON.stringify((await answerQuestion('How high is the tower?', parts, config, { id: 'q1' })).trace);
}

async function bundle(): Promise<void> {
  mkdirSync(join(folder, 'page'));
  writeFileSync(
    join(folder, 'page', 'index.html'),
    '<!doctype html><title>Replay</title><script type="module" src="./page.js"></script>',
  );
  writeFileSync(join(folder, 'page', 'page.js'), PAGE);
  const listen = (text: string) => void warnings.push(text);
  await build({
    root: join(folder, 'page'),
    configFile: false,
    logLevel: 'warn',
    customLogger: {
      info() {},
      warn: listen,
      warnOnce: listen,
      error: listen,
      clearScreen() {},
      hasErrorLogged: () => false,
      hasWarned: false,
    },
    resolve: { alias: { 'discern-rag/browser': fileURLToPath(new URL('../../src/browser.ts', import.meta.url)) } },
    build: { outDir: join(folder, 'out'), emptyOutDir: true, modulePreload: false },
  });
}

const script = () => {
  const assets = join(folder, 'out', 'assets');
  return readdirSync(assets)
    .map((name) => readFileSync(join(assets, name), 'utf8'))
    .join('\n');
};

beforeAll(async () => {
  const executablePath = process.env.DISCERN_CHROMIUM;
  if (!executablePath) throw new Error('these tests need a browser: run them with npm run test:browser');
  [line] = await Promise.all([record(), bundle()]);
  browser = await chromium.launch({ executablePath });
  page = await browser.newPage();
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`error: ${error.message}`));
  await page.route('**/*', (route) => {
    const { origin, pathname } = new URL(route.request().url());
    if (origin !== ORIGIN || pathname === '/favicon.ico') return route.fulfill({ status: 204 });
    const path = pathname === '/' ? '/index.html' : pathname;
    return route.fulfill({ contentType: TYPES[extname(path)]!, body: readFileSync(join(folder, 'out', path), 'utf8') });
  });
  await page.goto(`${ORIGIN}/`);
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const inPage = <T>(name: string, ...args: unknown[]): Promise<T> =>
  page.evaluate(`window.discern[${JSON.stringify(name)}](...${JSON.stringify(args)})`);

describe('discern-rag/browser, bundled by Vite', () => {
  it('has nothing of Node in it, and Vite warns of nothing', () => {
    expect(warnings).toEqual([]);
    expect(script().match(/["'`]node:[\w/]+["'`]|__vite-browser-external|\bprocess\.|\bBuffer\b/g)).toBeNull();
  });

  it('is small', () => {
    expect(script().length).toBeGreaterThan(20_000);
    expect(gzipSync(script()).length).toBeLessThan(56_000);
  });

  it.each(CHANGES)('replays in the page as in Node: %j', async (change) => {
    const here = await replay(parseTrace(line), change).catch(({ code }) => ({ code }));
    expect(await inPage('replay', line, change)).toEqual(JSON.parse(JSON.stringify(here)));
  });

  it('replays one trace many times', async () => {
    const replayer = prepareReplay(parseTrace(line));
    const here = [];
    for (const change of CHANGES) here.push(await replayer.answer(change).catch(({ code }) => ({ code })));
    expect(new Set(here.map((one) => JSON.stringify(one))).size).toBeGreaterThan(2);
    expect(await inPage('prepared', line, CHANGES)).toEqual(JSON.parse(JSON.stringify(here)));
  });

  it('never estimates what was not recorded, and refuses what is no trace', async () => {
    expect(await inPage('replay', line, { retrieve: { mode: 'never' } })).toEqual({ code: 'REPLAY_FACT_MISSING' });
    expect(await inPage('replay', '{', {})).toEqual({ code: 'TRACE_INVALID' });
    expect(await inPage('config', { isRel: { treshold: 1 } })).toEqual({ code: 'CONFIG_INVALID' });
  });

  it('lists the options with their bounds', async () => {
    expect(await inPage('options')).toEqual(JSON.parse(JSON.stringify(listOptions())));
  });

  it('the page has said nothing', () => {
    expect(said).toEqual([]);
  });
});
