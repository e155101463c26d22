import { load } from 'cheerio';
import { describe, expect, it } from 'vitest';
import type { ExperimentReport, TableCell } from '../../src/evaluate/report/experiment-report.ts';
import { html } from '../../src/evaluate/report/html.ts';
import { experimentPage } from '../../src/evaluate/report/page.ts';
import { verdictOf } from '../../src/evaluate/report/verdict.ts';
import { HOSTILE, sampleReport } from './report-fixtures.ts';

const words = (text: string): string => text.replace(/\s+/g, ' ').trim();

const cell = (low: number, high: number, adjustedP: number | null, more: Partial<TableCell> = {}): TableCell => ({
  ...{ metric: 'f1', system: 'b', adjustedP },
  value: { mean: 0.5, ci95: [0.4, 0.6], n: 20 },
  difference: { mean: (low + high) / 2, ci95: [low, high], n: 20, p: 0.001 },
  ...more,
});

describe('what the data say of a difference', () => {
  it.each([
    ['an interval above 0', cell(0.01, 0.09, 0.01), 'better', 'worse'],
    ['an interval below 0', cell(-0.09, -0.01, 0.05), 'worse', 'better'],
    ['an interval over 0', cell(-0.01, 0.09, 0.01), 'unclear', 'unclear'],
    ['an interval that begins at 0', cell(0, 0.09, 0.01), 'unclear', 'unclear'],
    ['p after correction above 0.05', cell(0.01, 0.09, 0.051), 'unclear', 'unclear'],
    ['no corrected p', cell(0.01, 0.09, null), 'unclear', 'unclear'],
    ['no difference at all', cell(0, 0, 1), 'unclear', 'unclear'],
    ['nothing to compare', cell(0, 0, null, { difference: null }), null, null],
  ] as const)('%s', (_, one, higher, lower) => {
    expect(verdictOf(one, 'higher')).toBe(higher);
    expect(verdictOf(one, 'lower')).toBe(lower);
  });

  it('a cell that is not there says nothing', () => {
    expect(verdictOf(undefined, 'higher')).toBeNull();
  });
});

/** Two systems with the given cells of `b`; `a` is the baseline. */
function small(cells: readonly TableCell[], more: Partial<ExperimentReport> = {}): ExperimentReport {
  const base = cells.map((one) => ({ ...one, system: 'a', difference: null, adjustedP: null }));
  const sample = sampleReport({ count: 3, only: 2 });
  const stage = (name: string) => (name === 'calls' ? ('cost' as const) : ('end to end' as const));
  return {
    ...{ ...sample, baseline: 'a', changed: [], questions: [], table: [...base, ...cells] },
    metrics: [...new Set(cells.map(({ metric }) => metric))].map((name) => ({
      ...{ name, stage: stage(name), description: name },
      better: name === 'calls' ? ('lower' as const) : ('higher' as const),
    })),
    systems: ['a', 'b'].map((name, i) => ({ ...sample.systems[i]!, name, failed: [] })),
    ...more,
  };
}

const said = async (report: ExperimentReport): Promise<string[]> => {
  const $ = load(await experimentPage(report, []));
  $('.heard').remove();
  return $('.systems > li')
    .toArray()
    .map((item) => words($(item).text()));
};

describe('the summary', () => {
  it('names a difference with its interval and its p, and only where both allow it', async () => {
    const cells = [
      cell(0.01, 0.09, 0.012),
      cell(-0.2, -0.1, 0.002, { metric: 'em' }),
      cell(0.01, 0.3, 0.2, { metric: 'contains' }),
    ];
    expect(await said(small(cells))).toEqual([
      'a is the baseline. f1 0.500 [0.400, 0.600]em 0.500 [0.400, 0.600]contains 0.500 [0.400, 0.600]',
      'b: better than the baseline on f1; worse than the baseline on em; no difference that the data can show on contains. ' +
        '▲f1 +0.050 [+0.010, +0.090], p = 0.012▼em −0.150 [−0.200, −0.100], p = 0.002○contains +0.155 [+0.010, +0.300], p = 0.200',
    ]);
  });

  it('says of costs which way they go', async () => {
    const calls = cell(-2.5, -1.5, 0.0001, { metric: 'calls' });
    expect((await said(small([cell(-0.1, 0.2, 1), calls])))[1]).toBe(
      'b: no difference that the data can show on f1. Cost: lower in calls. ○f1 +0.050 [−0.100, +0.200], p = 1.000▲calls −2.000 [−2.500, −1.500], p < 0.001',
    );
    const more = cell(1.5, 2.5, 0.03, { metric: 'calls' });
    expect((await said(small([cell(-0.1, 0.2, 1), more])))[1]).toContain('Cost: higher in calls.');
  });

  it('tells of failed questions, of nothing to compare, and of one system alone', async () => {
    const nothing = small([cell(0, 0, null, { difference: null, value: null })]);
    const failed = { id: 'q1', code: 'X', message: 'y' };
    const report = { ...nothing, systems: nothing.systems.map((system) => ({ ...system, failed: [failed] })) };
    expect(await said(report)).toEqual([
      'a is the baseline. It failed on 1 question.',
      'b: no answers that can be compared with the baseline. It failed on 1 question.',
    ]);
    const alone = sampleReport({ only: 1, count: 5 });
    const $ = load(await experimentPage(alone, []));
    expect($('#summary').text()).toContain('There is no other to compare with.');
    expect($('#changed').length).toBe(0);
    expect($('.against').length).toBe(0);
    expect($('#results figure').length).toBe(0);
    expect(words($('#summary .systems').text())).toMatch(
      /^defaults is the baseline\. f1 0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]/,
    );
  });
});

const report = sampleReport({ count: 30 });
const chapter = { id: 'own-chapter', title: 'A <b>chapter', body: html`<h3>Part</h3><p>Said.</p>` };

describe('the page', async () => {
  const page = await experimentPage(report, [chapter]);
  const $ = load(page);

  it('is a page of one file that runs and loads nothing', () => {
    expect(page.startsWith('<!doctype html>\n<html lang="en">')).toBe(true);
    expect($('meta[http-equiv="Content-Security-Policy"]').attr('content')).toBe(
      "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
    );
    expect($('script, link, iframe, object, embed, img, form').length).toBe(0);
    expect(page).not.toMatch(/@import|src=|url\((?!#)/);
    const links = $('a')
      .toArray()
      .map((one) => $(one).attr('href')!);
    expect(links.filter((href) => !/^(?:#|traces\/)/.test(href))).toEqual([]);
  });

  it('says what was run', () => {
    const text = words($('#run').text());
    for (const part of [
      'bridges-and-rivers',
      report.dataset.sha256,
      '1,480',
      '2026-03-09 14:05 UTC',
      'discern-rag 0.1.0',
      '321.5 s',
    ])
      expect(text).toContain(part);
    expect(words($('#run tbody tr').eq(1).text())).toBe(
      'tunedretrieve.threshold = 0.35weights.isSup = 1.5embedder: onnx-e5-small@1reranker: onnx-mini@1generator: quote@2traces/system-2.jsonl',
    );
    expect(text).toContain('the server ended after 3 tries');
  });

  it('has headings in order, and contents that lead to all of them', () => {
    const levels = $('h1, h2, h3, h4')
      .toArray()
      .map((one) => Number(one.tagName[1]));
    expect($('h1').length).toBe(1);
    expect(levels.filter((level, i) => i > 0 && level - levels[i - 1]! > 1)).toEqual([]);
    const ids = $('[id]')
      .toArray()
      .map((one) => $(one).attr('id'));
    expect(new Set(ids).size).toBe(ids.length);
    const targets = $('nav a')
      .toArray()
      .map((one) => $(one).attr('href')!.slice(1));
    for (const target of targets) expect(ids).toContain(target);
    expect(targets).toEqual([
      ...[
        'summary',
        'run',
        'results',
        'stage-recall',
        'stage-rerank',
        'stage-critics',
        'stage-gate',
        'stage-generation',
      ],
      ...['stage-end-to-end', 'stage-cost', 'cost', 'changed', 'own-chapter', 'questions'],
    ]);
    expect($('#own-chapter > h2').text()).toBe('A <b>chapter');
  });

  it('shows every metric of every system, marked by a sign and a word', () => {
    const rows = $('.figures-table tbody tr').toArray();
    expect(rows.map((row) => $(row).find('th').contents().first().text().trim())).toEqual(
      report.metrics.map(({ name }) => name),
    );
    for (const row of rows) expect($(row).find('td').length).toBe(report.systems.length);
    const f1 = rows[report.metrics.findIndex(({ name }) => name === 'f1')]!;
    const tuned = report.table.find((one) => one.metric === 'f1' && one.system === 'tuned')!;
    expect(verdictOf(tuned, 'higher')).toBe('better');
    const [low, high] = tuned.difference!.ci95.map((value) => value.toFixed(3));
    const shown = words($(f1).find('td').eq(1).text());
    expect(shown).toContain(`▲better: +${tuned.difference!.mean.toFixed(3)} [+${low}, +${high}]`);
    const gate = rows[report.metrics.findIndex(({ name }) => name === 'gate.kept')]!;
    expect($(gate).find('td').eq(2).text()).toBe('–');
    expect(words($(rows.at(-1)!).text())).toMatch(/^ms lower is bettern 30[\d,]+ \[[\d,]+, [\d,]+\][\d,]+ \[/);
  });

  it('shows what changed with both answers and links to both traces', () => {
    const cards = $('#changed article').toArray();
    expect(cards.length).toBeGreaterThan(10);
    for (const card of cards) {
      const links = $(card)
        .find('a')
        .toArray()
        .map((one) => $(one).attr('href')!);
      expect(links.length).toBe(2);
      const [line] = /#L\d+$/.exec(links[0]!)!;
      expect(links[0]).toBe(`traces/system-1.jsonl${line}`);
      expect(links[1]).toMatch(new RegExp(`^traces/system-[234]\\.jsonl${line}$`));
      const question = report.questions[Number(line.slice(2)) - 1]!;
      expect($(card).find('h4').text()).toBe(question.question);
    }
    const first = report.changed[0]!;
    expect(words($(cards[0]).find('.changes').text())).toContain(
      `${first.metric} ${first.before.toFixed(3)} → ${first.after.toFixed(3)} ${first.after > first.before ? '▲ better' : '▼ worse'}`,
    );
    expect(
      $('#changed h3')
        .toArray()
        .map((one) => $(one).text()),
    ).toEqual(['tuned', 'no gate', 'reversed rerank'].map((name) => `${name} against defaults`));
  });

  it('lists all questions, with what was gold', () => {
    const cards = $('#questions article').toArray();
    expect(cards.length).toBe(30);
    expect($('#questions summary').text()).toBe('30 questions with all answers');
    const gold = (i: number) => words($(cards[i]!).find('dd').first().text());
    expect([gold(0), gold(3), gold(5)]).toEqual([
      'Grace Hopper or the Grace Hopper',
      'none: declining is right',
      'unknown',
    ]);
    const links = $(cards[7]!).find('a').toArray();
    expect(links.map((one) => $(one).attr('href'))).toEqual([1, 2, 3, 4].map((n) => `traces/system-${n}.jsonl#L8`));
    const { text, unanswered, values } = report.questions[7]!.results.tuned!;
    expect(words($(cards[7]!).find('dd').eq(2).text())).toBe(
      `${unanswered === null ? text : `not answered: ${unanswered}`} f1 ${values.f1!.toFixed(3)} · em ${values.em!.toFixed(3)} · ` +
        `declined ${values.declined!.toFixed(3)} · traces/system-2.jsonl:8`,
    );
  });

  it('draws a difference for each metric that can be compared, and quality against calls and time', () => {
    expect($('#results figure').length).toBe(report.metrics.length);
    expect(
      $('#cost figcaption')
        .toArray()
        .map((one) => $(one).text()),
    ).toEqual([
      'f1 against calls of each system, with 95% intervals. Better is upwards and to the left.',
      'f1 against ms of each system, with 95% intervals. Better is upwards and to the left.',
    ]);
  });

  it('draws nothing where nothing differs', async () => {
    const same = small([cell(0, 0, 1)]);
    expect(load(await experimentPage(same, []))('#results figure').length).toBe(0);
  });

  it('is the same page for the same report', async () => {
    expect(await experimentPage(report, [chapter])).toBe(page);
  });
});

describe('hostile texts', async () => {
  const hostile = sampleReport({ hostile: true, count: 8 });
  const page = await experimentPage(hostile, []);
  const $ = load(page);

  it('make no element and no attribute', () => {
    expect($('script, img, iframe, object, embed, form, svg svg').length).toBe(0);
    const attributes = $('*')
      .toArray()
      .flatMap((one) => Object.keys($(one).attr() ?? {}));
    expect(attributes.filter((name) => /^on/i.test(name))).toEqual([]);
    expect($('title').length).toBe(1);
    expect($('title').text()).toBe(`${HOSTILE.script} · experiment`);
    expect($('h1').text()).toBe(HOSTILE.script);
    expect(
      $('a')
        .toArray()
        .filter((one) => !/^(?:#|traces\/|javascript%3A)/.test($(one).attr('href')!)),
    ).toEqual([]);
  });

  it('stand apart from the text beside them', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(page).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/);
    const names = $('#results thead th bdi')
      .toArray()
      .map((one) => $(one).text());
    expect(names).toContain(HOSTILE.script);
    for (const heading of $('#changed h4').toArray()) expect($(heading).children('bdi').length).toBe(1);
  });
});
