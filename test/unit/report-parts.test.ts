import { load } from 'cheerio';
import { describe, expect, it } from 'vitest';
import { bars, forest, lineBand, scatter } from '../../src/evaluate/report/charts.ts';
import { html } from '../../src/evaluate/report/html.ts';
import {
  dataTable,
  details,
  differenceText,
  figure,
  figures,
  foreign,
  foreignBrief,
  intervalText,
  numberText,
  percentText,
  plural,
  pText,
  signedText,
  traceLink,
} from '../../src/evaluate/report/parts.ts';
import { placeLabels } from '../../src/evaluate/report/place-labels.ts';
import { HOSTILE } from './report-fixtures.ts';

describe('numbers as text', () => {
  it('have three decimals unless they are whole, groups, and a minus that is one', () => {
    expect([0.5, 1 / 3, 2, -0.0314, 1234567, 1e-9, -1e-9, 0, -0].map((value) => numberText(value))).toEqual([
      ...['0.500', '0.333', '2', '−0.031', '1,234,567'],
      ...['0.000', '0.000', '0', '0'],
    ]);
    expect(numberText(1234.5678, 0)).toBe('1,235');
  });

  it('of differences have a sign, 0 none', () => {
    expect([0.0314, -0.0314, 0, 1e-9, -1e-9].map((value) => signedText(value))).toEqual([
      ...['+0.031', '−0.031', '0.000', '0.000', '0.000'],
    ]);
  });

  it('of intervals, shares, p and counts', () => {
    const mean = { mean: 0.51234, ci95: [0.4801, 0.54444] as const, n: 40 };
    expect(intervalText(mean)).toBe('0.512 [0.480, 0.544]');
    expect(intervalText(null)).toBe('–');
    expect(differenceText({ mean: 0.01, ci95: [-0.02, 0.04], n: 3 })).toBe('+0.010 [−0.020, +0.040]');
    expect(percentText(0.12345)).toBe('12.3%');
    expect([0.0004, 0.0005, 0.04, 1].map(pText)).toEqual(['p < 0.001', 'p = 0.001', 'p = 0.040', 'p = 1.000']);
    expect([plural(1, 'question'), plural(2000, 'question')]).toEqual(['1 question', '2,000 questions']);
  });
});

describe('texts of others', () => {
  it('are escaped and stand alone; controls are shown', () => {
    expect(foreign('<b>&"').html).toBe('<bdi>&#60;b&#62;&#38;&#34;</bdi>');
    expect(foreign('a\u202Eb\u2067c\u0000\u001b[31m\r\nd\u200F').html).toBe(
      '<bdi>a\\u202eb\\u2067c\\u0000\\u001b[31m\nd\u200F</bdi>',
    );
  });

  it('are cut by characters, not by halves of one', () => {
    expect(foreignBrief('𝒳𝒴𝒵', 2).html).toBe('<bdi>𝒳𝒴</bdi>…');
    expect(foreignBrief('𝒳𝒴', 2).html).toBe('<bdi>𝒳𝒴</bdi>');
  });

  it('a link to a trace stays relative, whatever its name', () => {
    expect(traceLink({ file: 'traces/a b#?.jsonl', line: 12 }).html).toBe(
      '<a href="traces/a%20b%23%3F.jsonl#L12"><bdi>traces/a b#?.jsonl:12</bdi></a>',
    );
    const href = load(traceLink({ file: 'javascript:alert(1)', line: 1 }).html)('a').attr('href')!;
    expect(new URL(href, 'file:///reports/page.html').protocol).toBe('file:');
    expect(traceLink({ file: '//elsewhere/a', line: 1 }).html).toContain('href="/elsewhere/a#L1"');
    const up = load(traceLink({ file: '../traces/a.jsonl', line: 1 }).html)('a').attr('href');
    expect(up).toBe('../traces/a.jsonl#L1');
  });
});

describe('a table', () => {
  const table = dataTable(
    'Figures <of> "all"',
    ['what', 'value', html`<em>n</em>`, 'text'],
    [
      ['f1', '0.512 [0.480, 0.544]', 40, foreign('a')],
      ['<em>', '–', 1200, 'x'.repeat(40)],
      [html`<b>em</b>`, '−0.1', null, '3 cats'],
    ],
  );
  const $ = load(table.html);

  it('has a caption, heads with scope, and rows that are named', () => {
    expect($('caption').text()).toBe('Figures <of> "all"');
    expect(
      $('thead th[scope=col]')
        .toArray()
        .map((cell) => $(cell).text()),
    ).toEqual(['what', 'value', 'n', 'text']);
    expect(
      $('tbody th[scope=row]')
        .toArray()
        .map((cell) => $(cell).text()),
    ).toEqual(['f1', '<em>', 'em']);
    expect($('.scroll').attr()).toMatchObject({ role: 'group', 'aria-label': 'Figures <of> "all"', tabindex: '0' });
  });

  it('sets numbers to the right, leaves room for texts, and shows null as a dash', () => {
    const kinds = $('tbody tr')
      .toArray()
      .map((row) =>
        $(row)
          .find('td')
          .toArray()
          .map((cell) => $(cell).attr('class') ?? ''),
      );
    expect(kinds).toEqual([
      ['n', 'n', 't'],
      ['n', 'n', 't'],
      ['n', 'n', 't'],
    ]);
    expect($('tbody tr').eq(1).text().trim()).toBe(`<em>–1,200${'x'.repeat(40)}`);
  });

  it('a column without a name has an empty cell above it, which is no head', () => {
    const $ = load(dataTable('Small', ['', 'b'], [['x', 1]]).html);
    expect(
      $('thead tr')
        .children()
        .toArray()
        .map((cell) => cell.tagName),
    ).toEqual(['td', 'th']);
  });

  it('may have no rows', () => {
    const empty = load(dataTable('None', ['a', 'b'], []).html);
    expect(empty('thead th').length).toBe(2);
    expect(empty('tbody tr').length).toBe(0);
  });
});

const points = [0, 1, 2].map((x) => ({ x, y: 0.5, low: 0.4, high: 0.6 }));
const charts = {
  lineBand: () =>
    lineBand({
      ...{ title: HOSTILE.script, x: HOSTILE.handler, y: 'f1', marks: [{ x: 1, label: HOSTILE.handler }] },
      points: ['a', HOSTILE.script].flatMap((series) => points.map((point) => ({ ...point, series }))),
    }),
  scatter: () =>
    scatter({
      ...{ title: 'Front', x: 'calls', y: 'f1' },
      points: points.map(({ x, y }, i) => ({ x, y: y + i / 10, label: HOSTILE.script, series: `s${i}`, front: true })),
    }),
  forest: () =>
    forest({ title: 'Differences', x: 'difference', rows: [{ label: HOSTILE.script, mean: 0.1, low: 0, high: 0.2 }] }),
  bars: () =>
    bars({
      title: 'Blamed',
      x: 'questions',
      bars: [{ label: HOSTILE.handler, value: 4, low: 3, high: 5, series: 'a' }],
    }),
};

describe.each(Object.keys(charts) as (keyof typeof charts)[])('chart %s', (name) => {
  it('is a picture whose texts stay texts, in the colours of the page', async () => {
    const svg = await charts[name]();
    const $ = load(svg, { xml: true });
    expect($(':root').attr('width')).toBe('400');
    expect($('script, img, foreignObject, image, a').length).toBe(0);
    expect(
      $('*')
        .toArray()
        .flatMap((node) => ('attribs' in node ? Object.keys(node.attribs) : []))
        .filter((key) => /^on/.test(key)),
    ).toEqual([]);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(
      new Set(
        $('text')
          .toArray()
          .map((node) => $(node).attr('fill')),
      ),
    ).toEqual(new Set(['currentColor']));
  });
});

describe('charts', () => {
  it('may have no points', async () => {
    expect(await scatter({ title: 'None', x: 'x', y: 'y', points: [] })).toContain('<svg');
    expect(await forest({ title: 'None', x: 'x', rows: [] })).toContain('<svg');
    expect(await bars({ title: 'None', x: 'x', bars: [] })).toContain('<svg');
    expect(await lineBand({ title: 'None', x: 'x', y: 'y', points: [] })).toContain('<svg');
  });

  it('of one value alone have a scale around it', async () => {
    const flat = [0, 1, 2].map((x) => ({ x, y: 0, low: 0, high: 0 }));
    const all = [
      lineBand({ title: 'L', x: 'x', y: 'y', points: flat }),
      forest({ title: 'F', x: 'x', rows: [{ label: 'a', mean: 0, low: 0, high: 0 }] }),
      bars({ title: 'B', x: 'x', bars: [{ label: 'a', value: 0 }] }),
      scatter({ title: 'S', x: 'x', y: 'y', points: [{ x: 250, y: 0 }] }),
    ];
    for (const svg of await Promise.all(all)) {
      const $ = load(svg, { xml: true });
      const ticks = $('.role-axis-label text')
        .toArray()
        .map((node) => $(node).text());
      expect(ticks.length).toBeGreaterThan(2);
      expect(ticks.filter((tick) => tick.length > 5)).toEqual([]);
    }
  });

  it('show values of bars, and hollow points of what the data do not show', async () => {
    const shown = load(
      await bars({
        title: 'B',
        x: 'n',
        bars: [
          { label: 'recall', value: 12 },
          { label: 'gate', value: 0.25 },
        ],
      }),
      { xml: true },
    );
    const words = shown('.role-mark text')
      .toArray()
      .map((node) => shown(node).text());
    expect(words).toEqual(['12', '0.250']);
    const rows = [
      { label: 'a', mean: 0.1, low: 0.05, high: 0.2 },
      { label: 'b', mean: 0.1, low: -0.05, high: 0.2, full: false },
    ];
    const $ = load(await forest({ title: 'F', x: 'd', rows }), { xml: true });
    expect(
      $('.mark-symbol.role-mark path')
        .toArray()
        .map((node) => $(node).attr('fill')),
    ).toEqual(['#3b82c4', 'Canvas']);
  });

  it('differ by line and shape, not by colour alone', async () => {
    const lines = load(await charts.lineBand(), { xml: true });
    const dashes = lines('.mark-line.role-mark path')
      .toArray()
      .map((node) => lines(node).attr('stroke-dasharray'));
    expect(new Set(dashes).size).toBe(2);
    const symbols = load(await charts.scatter(), { xml: true });
    const shapes = symbols('.mark-symbol.role-mark path')
      .toArray()
      .map((node) => symbols(node).attr('d'));
    expect(new Set(shapes).size).toBe(3);
  });

  it('beside one another in a page have names of their own, and say what they show', async () => {
    const { svgChart } = await import('../../src/evaluate/report/chart.ts');
    const clipped = (n: number) =>
      svgChart({
        data: {
          values: [
            { x: 1, y: n },
            { x: 2, y: 2 },
          ],
        },
        mark: { type: 'line', clip: true },
        encoding: { x: { field: 'x', type: 'quantitative' }, y: { field: 'y', type: 'quantitative' } },
      });
    const page = figures(figure('One "quoted"', await clipped(1)), figure('Two', await clipped(9))).html;
    const $ = load(page);
    const ids = $('[id]')
      .toArray()
      .map((node) => $(node).attr('id')!);
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, used] of page.matchAll(/url\(#([^)]+)\)/g)) expect(ids).toContain(used);
    expect(
      $('svg')
        .toArray()
        .map((node) => [$(node).attr('role'), $(node).attr('aria-label')]),
    ).toEqual([
      ['img', 'One "quoted"'],
      ['img', 'Two'],
    ]);
    expect($('figcaption').first().text()).toBe('One "quoted"');
  });

  it('details have a summary', () => {
    expect(details('More <b>', html`<p>x</p>`).html).toBe(
      '<details><summary><bdi>More &#60;b&#62;</bdi></summary><p>x</p></details>',
    );
  });
});

describe('names of points', () => {
  it('stand on the side that has room, and not upon one another', () => {
    const placed = placeLabels([
      { x: 0, y: 0, label: 'left' },
      { x: 10, y: 1, label: 'right' },
      { x: 10, y: 1, label: 'same place' },
      { x: 10, y: 1, label: 'once more' },
    ]);
    expect(placed.map(({ side, below }) => [side, below])).toEqual([
      ['right', -8],
      ['left', -8],
      ['left', 13],
      ['left', -22],
    ]);
  });

  it('reckon with the reach of the axes: what is near on a wide one is farther apart on a narrow one', () => {
    const points = [
      { x: 4.3, y: 1, label: 'norerank' },
      { x: 4.5, y: 1, label: 'strict' },
      { x: 5.3, y: 1, label: 'base' },
    ];
    const below = (reach: number[]) => placeLabels(points, { x: reach, y: [0, 2] }).map((one) => one.below);
    expect(below([])).toEqual([-8, -8, -8]);
    expect(below([4, 10])).toEqual([-8, 13, -8]);
  });

  it('one point, or none', () => {
    expect(placeLabels([])).toEqual([]);
    expect(placeLabels([{ x: 3, y: 3, label: 'a' }])).toEqual([{ x: 3, y: 3, label: 'a', side: 'right', below: -8 }]);
  });
});
