import { beforeAll, describe, expect, it } from 'vitest';
import type { Chapter } from '../../src/evaluate/report/html.ts';
import { sensitivityChapter } from '../../src/evaluate/report/sensitivity-chapter.ts';
import {
  boundsText,
  droppedWords,
  noiseWords,
  shareText,
  uniformWords,
} from '../../src/evaluate/report/sensitivity-words.ts';
import type { CriticSensitivity } from '../../src/evaluate/sensitivity/critics.ts';
import { type SensitivityReport, sensitivity } from '../../src/evaluate/sensitivity/sensitivity.ts';
import { unexplained } from './report-numbers.ts';
import { questions } from './sensitivity-fixtures.ts';

const TEXT = 'Is <b>it</b> & "so"?';

describe('the chapter', () => {
  let report: SensitivityReport;
  let chapter: Chapter;
  beforeAll(async () => {
    const [first, ...others] = await questions();
    const all = [{ ...first!, gold: { ...first!.gold, question: TEXT } }, ...others];
    report = await sensitivity(all, { metric: 'f1', points: 5, noise: [0.2, 0.5], seeds: 2 });
    // Its answer is the first that changes.
    const flips = { 'isRel.threshold': { decision: 0.01, answer: { is: 'found', distance: 0.01, at: 0.51 } as const } };
    const near = [{ ...report.flips.questions[0]!, flips }, ...report.flips.questions.slice(1)];
    report = { ...report, flips: { ...report.flips, questions: near } };
    chapter = await sensitivityChapter(report);
  });

  it('shows no number that is not in the report', () => {
    expect(unexplained(chapter.body.html, report)).toEqual([]);
    const { html } = chapter.body;
    const planted = html.replace('calls to models', 'calls to 0.98765 models');
    expect(unexplained(planted, report).map(({ text }) => text)).toEqual(['0.98765']);
  });

  it('names every option and critic, and what was not looked at', () => {
    const words = chapter.body.html.replace(/<[^>]*>/g, ' ');
    for (const { path } of [...report.sweeps, ...report.idle.options]) expect(words).toContain(path);
    for (const { kind } of report.critics) expect(words).toContain(`${kind} knowing nothing`);
    expect(words).not.toMatch(/NaN|undefined|Infinity|\[object/);
  });

  it('escapes texts of questions', () => {
    expect(chapter.body.html).toContain('Is &#60;b&#62;it&#60;/b&#62; &#38; &#34;so&#34;?');
    expect(chapter.body.html).not.toContain('<b>it');
  });

  it('stands without any option, critic or flip', async () => {
    const none = { options: [], critics: [] };
    const bare = { ...report, sweeps: [], critics: [], flips: { options: [], questions: [] }, idle: none };
    const { body } = await sensitivityChapter(bare);
    expect(body.html).toContain('8 questions');
    expect(body.html).not.toContain('<table');
  });
});

describe('what is said of a critic', () => {
  const compared = { coverage: 1, value: null, difference: null, calls: null, callsSaved: null };
  const critic: CriticSensitivity = {
    ...{ kind: 'isRel', critics: ['a@1'], critiques: 9 },
    ablated: { ...compared, passes: false },
    dropped: { ...compared, callsSaved: 0.5, difference: { mean: -0.1, ci95: [-0.2, -0.05], n: 9, p: 0.01 } },
    noise: [0, 0.1, 0.2].map((noise) => ({ ...compared, noise, overAblated: null })),
    verdict: { is: 'gains', upTo: 0.1 },
    worseFrom: null,
  };
  const said = (verdict: CriticSensitivity['verdict']) => noiseWords({ ...critic, verdict }, 'f1');

  it('is how wrong it may be', () => {
    expect(said({ is: 'gains', upTo: 0.1 })).toBe(
      'f1 is better than with a critic that knows nothing up to 10% of its labels changed; with 20% no gain is shown any more.',
    );
    expect(said({ is: 'gains', upTo: 0 })).toContain('only as recorded; with 10%');
    expect(said({ is: 'gains', upTo: 0.2 })).toContain('at every noise that was tried, up to 20%');
    expect(said({ is: 'none' })).toContain('even as recorded it cannot be told from a critic that knows nothing');
    expect(said({ is: 'harms' })).toContain('worse than with a critic that knows nothing');
    expect(said({ is: 'unknown' })).toContain('facts are missing');
    expect(noiseWords({ ...critic, worseFrom: 0.2 }, 'f1')).toMatch(
      /With 20% of its labels changed it is worse than one\.$/,
    );
    expect(noiseWords({ ...critic, worseFrom: 0, verdict: { is: 'harms' } }, 'f1')).toBe(said({ is: 'harms' }));
  });

  it('are bounds where facts are missing', () => {
    expect(boundsText({ atLeast: 0.25, atMost: 0.25 })).toBe('0.250');
    expect(boundsText({ atLeast: 0.25, atMost: 0.3 })).toBe('0.250 to 0.300');
    expect(boundsText({ atLeast: 0.25, atMost: null })).toBe('0.250 or more');
    expect(boundsText({ atLeast: null, atMost: null })).toBe('–');
    expect(shareText({ atLeast: 0.1, atMost: 0.1 })).toBe('10.0%');
    expect(shareText({ atLeast: 0.1, atMost: 0.125 })).toBe('10.0% to 12.5%');
  });

  it('is what it would be without it, the better way of the metric round', () => {
    expect(droppedWords(critic, { name: 'f1', better: 'higher' } as SensitivityReport['metric'])).toBe(
      'Not asked, f1 is worse (−0.100 [−0.200, −0.050]) and 0.50 calls a question are saved.',
    );
    expect(droppedWords(critic, { name: 'calls', better: 'lower' } as SensitivityReport['metric'])).toContain('better');
    expect(uniformWords(critic)).toContain('drops every passage');
    expect(uniformWords({ ...critic, kind: 'retrieve', ablated: { ...compared, passes: true } })).toContain('always');
    expect(uniformWords({ ...critic, kind: 'isSup', ablated: { ...compared, passes: null } })).toBe('');
  });
});
