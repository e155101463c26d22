import { describe, expect, it } from 'vitest';
import { bars, forest, lineBand } from '../../src/evaluate/report/charts.ts';
import { type Chapter, html } from '../../src/evaluate/report/html.ts';
import { experimentPage } from '../../src/evaluate/report/page.ts';
import { dataTable, figure, figures, foreign, intervalText, percentText } from '../../src/evaluate/report/parts.ts';
import { sampleReport } from './report-fixtures.ts';
import { numbersShown, unexplained } from './report-numbers.ts';

const texts = (page: string) => numbersShown(page).map(({ text }) => text);

describe('numbers of a page', () => {
  it('are read as a reader does: signs, groups, decimals, percent; not parts of names, dates or paths', () => {
    const page = html`<p>f1 0.512 [0.480, 0.544], −1,234.5 and +7; 12.5% of 3/40 (n=9), ndcg@10 v0.1.0 2026-03-09 14:05 traces/x.jsonl:12 0..1</p>`;
    expect(texts(page.html)).toEqual(['0.512', '0.480', '0.544', '−1,234.5', '+7', '12.5%', '3', '40', '9']);
    const [minus] = numbersShown('<p>−1,234.5</p>');
    expect(minus).toMatchObject({ value: -1234.5, decimals: 1, percent: false });
  });

  it('are read from labels and pictures, ticks of axes aside', async () => {
    const svg = await bars({ title: 'Blamed', x: 'questions', bars: [{ label: 'recall', value: 41.25 }] });
    expect(texts(figure('At 0.7 it turns.', svg).html)).toEqual(['0.7', '41.250', '0.7']);
  });

  it('are explained by rounding, by 100 times a share, by a length, and by a text of the JSON', () => {
    const json = { mean: 0.51249, share: 0.125, list: [5, 6, 7], name: 'after 12 years', small: 0.3 };
    const left = (text: string) => unexplained(html`<p>${text}</p>`.html, json).map((found) => found.text);
    expect(left('0.512 and 0.51249, 12.5%, 3 of them')).toEqual([]);
    expect(left('after 12 years')).toEqual([]);
    expect(left('0.513 −0.512 12.6% 51.2 4 0.52 after 13 years')).toEqual([
      '0.513',
      '−0.512',
      '12.6%',
      '51.2',
      '4',
      '0.52',
      '13',
    ]);
    expect(left('1')).toEqual(['1']);
    expect(unexplained(html`<p>${foreign('after 12 ye')}…</p>`.html, json)).toEqual([]);
    expect(unexplained(html`<p>${foreign('after 13 ye')}…</p>`.html, json).map((found) => found.text)).toEqual(['13']);
  });
});

const band = { mean: 0.6123, ci95: [0.5871, 0.6429], n: 60 } as const;

async function chapter(): Promise<Chapter> {
  const points = [0.1, 0.2, 0.3].map((x) => ({ x, y: 0.5 + x, low: 0.4 + x, high: 0.6 + x }));
  const line = await lineBand({ title: 'Sweep', x: 'retrieve.threshold', y: 'f1', points });
  const rows = [{ label: 'isRel', mean: band.mean, low: band.ci95[0], high: band.ci95[1] }];
  const lying = await forest({ title: 'Without a critic', x: 'difference', rows });
  return {
    ...{ id: 'sensitivity', title: 'Sensitivity' },
    body: html`<h3>Flips</h3>${figures(figure('Sweep of the threshold.', line), figure('Critics.', lying))}
${dataTable(
  'Figures',
  ['what', 'value'],
  [
    ['f1', intervalText(band)],
    ['nearest flip', 0.0417],
    ['share', percentText(0.3333)],
  ],
)}`,
  };
}

describe('the page of an experiment', async () => {
  const chapters = { sensitivity: { band, flip: 0.0417, share: 0.3333, 'nearest flip': null } };
  const report = { ...sampleReport({ count: 24 }), chapters };
  const page = await experimentPage(report, [await chapter()]);
  const left = (json: unknown, within: string) => unexplained(page, json, { within });

  it('shows no number that is not in its JSON', () => {
    expect(numbersShown(page).length).toBeGreaterThan(800);
    expect(unexplained(page, report)).toEqual([]);
  });

  it('shows no number of a section that is not in the part of the JSON which the section is of', () => {
    const { table, metrics, systems, changed, questions, dataset, run, packageVersion, made } = report;
    const size = { questions: dataset.questions };
    expect(numbersShown(page, '#summary').length).toBeGreaterThan(60);
    expect(left({ table, systems, size, name: dataset.name }, '#summary')).toEqual([]);
    expect(numbersShown(page, '#results').length).toBeGreaterThan(300);
    expect(left({ table, metrics, systems }, '#results')).toEqual([]);
    expect(left({ table, systems, metrics }, '#cost')).toEqual([]);
    expect(left({ dataset, run, systems, packageVersion, made }, '#run')).toEqual([]);
    expect(left(report.chapters, '#sensitivity')).toEqual([]);
    const asked = questions.map(({ question, answers, results }) => ({
      ...{ question, answers },
      texts: Object.values(results).map(({ text, unanswered }) => [text, unanswered]),
    }));
    expect(numbersShown(page, '#changed').length).toBeGreaterThan(40);
    expect(left({ changed, asked, systems }, '#changed')).toEqual([]);
  });

  it('a wrong number is found wherever it stands', () => {
    const plain = '<section id="results">';
    expect(page.split(plain).length).toBe(2);
    const planted = page.replace(plain, `${plain}<p>better by 0.987654</p>`);
    expect(unexplained(planted, report).map(({ text }) => text)).toEqual(['0.987654']);
    const shown = [...new Set(numbersShown(page, '#results').map(({ text }) => text))].filter((text) =>
      /\.\d{3}$/.test(text),
    );
    expect(shown.length).toBeGreaterThan(100);
    for (const text of shown.filter((_, i) => i % 10 === 0)) {
      const wrong = page.replaceAll(text, text.replace(/\d$/, '$&9371'));
      expect(unexplained(wrong, report, { within: '#results' }), text).not.toEqual([]);
    }
  });

  it('a figure that is missing in the JSON is found', () => {
    expect(left({}, '#sensitivity').map(({ text }) => text)).toEqual(['0.612', '0.587', '0.643', '0.042', '33.3%']);
    const { table, ...rest } = report;
    expect(unexplained(page, rest).length).toBeGreaterThan(100);
  });
});
