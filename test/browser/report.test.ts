import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bars, forest, lineBand, scatter } from '../../src/evaluate/report/charts.ts';
import { type Chapter, html } from '../../src/evaluate/report/html.ts';
import { experimentPage } from '../../src/evaluate/report/page.ts';
import { dataTable, details, figure, figures, foreign } from '../../src/evaluate/report/parts.ts';
import { HOSTILE, sampleReport } from '../unit/report-fixtures.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const SIZES = [
  ['1,280 px, light', 1280, 'light'],
  ['1,280 px, dark', 1280, 'dark'],
  ['390 px, light', 390, 'light'],
  ['390 px, dark', 390, 'dark'],
] as const;

/** One of each part that chapters are made of, with texts that nobody has looked at. */
async function chapter(text: string): Promise<Chapter> {
  const points = [0, 0.5, 1].flatMap((x) =>
    ['isRel', text].map((series) => ({ x, y: x, low: x - 0.1, high: x + 0.1, series })),
  );
  const line = { title: text, x: text, y: 'f1', points, marks: [{ x: 0.2, label: text }] };
  const front = points.map(({ x, y, series }) => ({ x, y: y + 0.1, series, label: series, front: true }));
  const rows = [{ label: text, mean: 0.1, low: -0.1, high: 0.3, full: false }];
  const table = dataTable(
    `Table of ${text}`,
    ['name', foreign(text), 'n'],
    [
      [foreign(text), text, 12],
      ['b', null, 1200],
    ],
  );
  return {
    ...{ id: 'parts', title: text },
    body: html`<h3>${foreign(text)}</h3><p>${foreign(text)}</p>${figures(
      figure(text, await lineBand(line)),
      figure('Front', await scatter({ title: 'Front', x: 'calls', y: 'f1', points: front })),
      figure('Forest', await forest({ title: 'Forest', x: 'difference', rows })),
      figure('Bars', await bars({ title: 'Bars', x: 'questions', bars: [{ label: text, value: 4 }] })),
    )}${table}${details(text, html`<p>${text}</p>${table}`)}`,
  };
}

const folder = mkdtempSync(join(tmpdir(), 'discern-browser-'));
const shots = process.env.DISCERN_TEST_SHOTS;
const given = (process.env.DISCERN_TEST_PAGES ?? '').split('\n').filter((path) => path.trim() !== '');
const pages: Record<string, string> = {
  plain: join(folder, 'plain.html'),
  hostile: join(folder, 'hostile.html'),
  ...Object.fromEntries(given.map((path) => [basename(path, '.html'), path])),
};

const OWN = ['plain', 'hostile'];

let browser: Browser;

beforeAll(async () => {
  const executablePath = process.env.DISCERN_CHROMIUM;
  if (!executablePath) throw new Error('these tests need a browser: run them with npm run test:browser');
  browser = await chromium.launch({ executablePath });
  writeFileSync(
    pages.plain!,
    await experimentPage(sampleReport({ count: 60 }), [await chapter('Sensitivity of a threshold')]),
  );
  const hostile = [HOSTILE.handler, HOSTILE.longWord, HOSTILE.rightToLeft].map(async (text, i) => ({
    ...(await chapter(text)),
    id: `parts-${i}`,
  }));
  writeFileSync(
    pages.hostile!,
    await experimentPage(sampleReport({ hostile: true, count: 24 }), await Promise.all(hostile)),
  );
  if (shots) mkdirSync(shots, { recursive: true });
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

let context: BrowserContext;
afterEach(() => context?.close());

interface Opened {
  readonly page: Page;
  /** What the browser said, and what it asked for beside the page. */
  readonly said: string[];
}

async function open(path: string, width: number, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
  context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' });
  await context.setOffline(true);
  const page = await context.newPage();
  const url = pathToFileURL(path).href;
  const said: string[] = [];
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`error: ${error.message}`));
  page.on('request', (request) => request.url() !== url && said.push(`request: ${request.url()}`));
  page.on('requestfailed', (request) => said.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on('dialog', (dialog) => said.push(`dialog: ${dialog.message()}`));
  await page.goto(url);
  return { page, said };
}

const openDetails = (page: Page) =>
  page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");

/** Pictures of the page from top to bottom, none taller than a viewer shows. */
async function takePictures(page: Page, path: string, width: number): Promise<void> {
  const tall = await page.evaluate<number>('document.documentElement.scrollHeight');
  for (let y = 0, i = 1; y < tall; y += 2400, i++) {
    const clip = { x: 0, y, width, height: Math.min(2400, tall - y) };
    await page.screenshot({ path: `${path}-${String(i).padStart(2, '0')}.png`, fullPage: true, clip });
  }
}

/** How far the page can be moved sideways, in pixels, and what sticks out of it. */
const sideways = (page: Page) =>
  page.evaluate<{ moved: number; out: string[] }>(`(() => {
    const out = [...document.querySelectorAll('body *')]
      .filter((one) => {
        const { left, right } = one.getBoundingClientRect();
        const svg = one.closest('svg')?.getBoundingClientRect();
        // What is wider than its picture is cut off by it; groups have no edge that can be seen.
        if (svg) return one.tagName === 'text' && (left < svg.left - 1 || right > svg.right + 1);
        return !one.closest('.scroll') && right > innerWidth + 1;
      })
      .map((one) => one.tagName + ' ' + one.textContent.slice(0, 60));
    scrollTo(10000, scrollY);
    const moved = scrollX;
    scrollTo(0, 0);
    return { moved, out };
  })()`);

const ground = (page: Page) =>
  page.evaluate<number[]>('getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number)');

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations: found } = await page.evaluate<axe.AxeResults>(
    "axe.run(document, { resultTypes: ['violations'] })",
  );
  return found.map(
    ({ id, impact, nodes }) =>
      `${impact} ${id}: ${nodes
        .slice(0, 3)
        .map(({ html: own }) => own.slice(0, 200))
        .join(' | ')}`,
  );
}

describe.each(Object.keys(pages))('report %s', (name) => {
  const path = pages[name]!;

  it.each(SIZES)('at %s: nothing is loaded, run or said, and it does not move sideways', async (_, width, scheme) => {
    const { page, said } = await open(path, width, scheme);
    expect(await sideways(page)).toEqual({ moved: 0, out: [] });
    if (shots) await takePictures(page, join(shots, `${name}-${width}-${scheme}`), width);
    await openDetails(page);
    expect(await sideways(page)).toEqual({ moved: 0, out: [] });
    expect(await page.evaluate('window.pwned')).toBeUndefined();
    expect(await page.locator('script').count()).toBe(0);
    const light = await ground(page);
    expect(light.slice(0, 3).every((value) => (scheme === 'light' ? value > 240 : value < 40))).toBe(true);
    expect(said).toEqual([]);
  });

  it.each(SIZES)(
    'at %s: can be read and used by everyone (axe: contrast, names, order, tables)',
    async (_, width, scheme) => {
      const { page } = await open(path, width, scheme);
      await openDetails(page);
      expect(await violations(page)).toEqual([]);
    },
  );

  it.skipIf(!OWN.includes(name))('shows where the focus is, and wide tables can be moved by keys', async () => {
    const { page } = await open(path, 390);
    await page.keyboard.press('Tab');
    const outline = await page.evaluate(
      "getComputedStyle(document.activeElement).outlineStyle + ' ' + document.activeElement.tagName",
    );
    expect(outline).toBe('solid A');
    const wide = await page.evaluateHandle(
      "[...document.querySelectorAll('.scroll')].find((one) => one.scrollWidth > one.clientWidth)",
    );
    const own = wide.asElement()!;
    await own.focus();
    await page.keyboard.press('ArrowRight');
    await expect
      .poll(() => own.evaluate((one) => (one as { scrollLeft: number } & typeof one).scrollLeft))
      .toBeGreaterThan(0);
  });

  it('prints on white, within the paper', async () => {
    const { page, said } = await open(path, 1280, 'dark');
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(pdf.length).toBeGreaterThan(20_000);
    if (shots) writeFileSync(join(shots, `${name}.pdf`), pdf);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    // A4 without its margins, at 96 pixels an inch.
    await page.setViewportSize({ width: 688, height: 1000 });
    expect(await ground(page)).toEqual([255, 255, 255]);
    expect(await sideways(page)).toEqual({ moved: 0, out: [] });
    expect(said).toEqual([]);
  });
});

describe('what the tests above see', () => {
  const write = (change: (page: string) => string): string => {
    const path = join(folder, 'changed.html');
    writeFileSync(path, change(readFileSync(pages.plain!, 'utf8')));
    return path;
  };
  const script = '<main><script>window.pwned = 1; console.log("ran")</script><img src="http://127.0.0.1:9/a.png">';

  it('a script and a picture from elsewhere, in a page without a policy', async () => {
    const { page, said } = await open(
      write((text) => text.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, '').replace('<main>', script)),
      1280,
    );
    expect(await page.evaluate('window.pwned')).toBe(1);
    expect(said).toEqual(expect.arrayContaining(['log: ran', 'request: http://127.0.0.1:9/a.png']));
  });

  it('the policy alone stops both, and says so', async () => {
    const { page, said } = await open(
      write((text) => text.replace('<main>', script)),
      1280,
    );
    expect(await page.evaluate('window.pwned')).toBeUndefined();
    expect(said.filter((line) => line.startsWith('failed:'))).toEqual(['failed: http://127.0.0.1:9/a.png csp']);
    expect(said.filter((line) => /Content Security Policy/.test(line)).length).toBe(2);
  });

  it('a page that moves sideways, and letters too pale to read', async () => {
    const wide = '<main><p style="width: 900px; color: #ccc; background: #fff">Too wide, too pale</p>';
    const { page } = await open(
      write((text) => text.replace('<main>', wide)),
      390,
    );
    const { moved, out } = await sideways(page);
    expect(moved).toBeGreaterThan(300);
    expect(out).toContain('P Too wide, too pale');
    expect((await violations(page)).join()).toContain('serious color-contrast');
  });
});
