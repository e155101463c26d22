import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fileLoader } from '../../src/backends/loader/files.ts';
import { registerEvalDataset } from '../../src/cli/eval-dataset.ts';
import { registerEvalTrec } from '../../src/cli/eval-trec.ts';
import { type DatasetSource, openDataset, openDatasets } from '../../src/evaluate/data/open.ts';
import { writeDataset } from '../../src/evaluate/data/write.ts';
import { fileWith, jsonl, newFolder, runCommand } from './eval-fixtures.ts';

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

const farm = jsonl([
  { id: 'f1', question: 'What do goats eat?', passage: 'Goats eat hay.', answers: ['hay'], title: 'Goats' },
  { id: 'f2', question: 'What do bees do?', passage: 'Bees fly.', answers: ['fly'] },
  { id: 'f3', question: 'Who owns the barn?', passage: 'Bees fly.', answers: [] },
]);

function beirFolder(): string {
  const folder = newFolder();
  mkdirSync(join(folder, 'qrels'));
  const corpus = jsonl([
    { _id: 'd1', title: 'Goats', text: 'Goats eat hay.' },
    { _id: 'd2', title: '', text: 'Bees fly.' },
  ]);
  writeFileSync(join(folder, 'corpus.jsonl.gz'), gzipSync(corpus));
  writeFileSync(
    join(folder, 'queries.jsonl'),
    jsonl([
      { _id: 'q1', text: 'food of goats' },
      { _id: 'q2', text: 'what flies' },
    ]),
  );
  writeFileSync(join(folder, 'qrels', 'test.tsv'), 'query-id\tcorpus-id\tscore\nq1\td1\t1\n');
  writeFileSync(join(folder, 'qrels', 'dev.tsv'), 'query-id\tcorpus-id\tscore\nq2\td2\t2\n');
  return folder;
}

const idsOf = ({ questions }: { readonly questions: readonly { readonly id: string }[] }) =>
  questions.map(({ id }) => id);

describe('opening a dataset', () => {
  it('reads a packed file as the plain one, and names it and its hash', async () => {
    const packed = gzipSync(farm);
    const plain = await openDataset({ type: 'rows', path: fileWith('farm.v1.jsonl', farm) });
    const unpacked = await openDataset({ type: 'rows', path: fileWith('farm.v1.jsonl.gz', packed) });
    expect(plain).toMatchObject({ name: 'farm.v1', sha256: sha256(farm) });
    expect(unpacked).toEqual({ ...plain, sha256: sha256(packed) });
    expect(plain.documents).toHaveLength(2);
    expect(plain.counts).toEqual({ read: 3, excluded: 0, notDrawn: 0, withoutDocument: 0 });
    expect((await openDataset({ type: 'rows', path: fileWith('x.jsonl', farm), name: 'mine' })).name).toBe('mine');
  });

  it('leaves out the questions of other files, whatever their case and marks', async () => {
    const train = fileWith('train.jsonl', jsonl([{ question: 'what do GOATS eat' }, { question: null }]));
    const other = fileWith('other.jsonl.gz', gzipSync(jsonl([{ question: 'Who owns the barn ?' }])));
    const path = fileWith('farm.jsonl', farm);
    const found = await openDataset({ type: 'rows', path, exclude: [train, other] });
    expect(idsOf(found)).toEqual(['f2']);
    expect(found.documents).toHaveLength(2);
    expect(found.counts).toEqual({ read: 3, excluded: 2, notDrawn: 0, withoutDocument: 0 });
    await expect(openDataset({ type: 'rows', path, exclude: [path] })).rejects.toThrow(
      'all 3 questions stand in the excluded files',
    );
  });

  it('draws by the seed after leaving out, and keeps all documents', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({ id: i, question: `q${i}?`, passage: `p${i}`, answer: 'x' }));
    const path = fileWith('many.jsonl', jsonl(rows));
    const exclude = [fileWith('t.jsonl', jsonl(rows.slice(0, 20)))];
    const open = (seed: number) => openDataset({ type: 'rows', path, limit: 8, seed, exclude });
    const [first, again, other] = [await open(1), await open(1), await open(2)];
    expect(first).toEqual(again);
    expect(idsOf(first)).not.toEqual(idsOf(other));
    expect(idsOf(first).every((id) => Number(id) >= 20)).toBe(true);
    expect(first.documents).toHaveLength(40);
    expect(first.counts).toEqual({ read: 40, excluded: 20, notDrawn: 12, withoutDocument: 0 });
  });

  it('opens a BEIR folder: the split of the test, or another by name', async () => {
    const path = beirFolder();
    const test = await openDataset({ type: 'beir', path });
    expect(idsOf(test)).toEqual(['q1']);
    expect(test.questions[0]).toMatchObject({ answers: null, group: 'Goats', relevant: new Map([['d1', 1]]) });
    expect(test.documents).toHaveLength(2);
    const dev = await openDataset({ type: 'beir', path, split: 'dev' });
    expect(idsOf(dev)).toEqual(['q2']);
    expect(dev.sha256).not.toBe(test.sha256);
    await expect(openDataset({ type: 'beir', path, split: 'train' })).rejects.toThrow('holds dev.tsv, test.tsv');
    await expect(openDataset({ type: 'beir', path: fileWith('c.jsonl', farm) })).rejects.toThrow('is no folder');
    await expect(openDataset({ type: 'beir', path: newFolder() })).rejects.toThrow('holds no corpus.jsonl or');
  });

  it('takes judgements that lie beside the corpus', async () => {
    const path = newFolder();
    writeFileSync(join(path, 'corpus.jsonl'), jsonl([{ id: 'd', text: 'x' }]));
    writeFileSync(join(path, 'queries.jsonl'), jsonl([{ id: 'q', text: 'x?' }]));
    writeFileSync(join(path, 'qrels.tsv.gz'), gzipSync('q\td\t1\n'));
    expect(idsOf(await openDataset({ type: 'beir', path }))).toEqual(['q']);
  });

  it('searches other documents in place of the passages', async () => {
    const documents = fileWith('corpus.jsonl', jsonl([{ id: 'd7', text: 'Bees fly.' }]));
    const found = await openDataset({ type: 'rows', path: fileWith('farm.jsonl', farm), documents });
    expect(found.documents).toEqual([{ id: 'd7', title: null, text: 'Bees fly.' }]);
    expect(found.questions.map(({ relevant }) => relevant)).toEqual([null, new Map([['d7', 1]]), null]);
    expect(found.counts.withoutDocument).toBe(1);
  });

  it('reads the JSON of SQuAD', async () => {
    const file = { data: [{ title: 'A_b', paragraphs: [{ context: 'x\ny', qas: [{ id: 1, question: 'q' }] }] }] };
    const path = fileWith('dev.json.gz', gzipSync(JSON.stringify(file, null, 2)));
    expect(await openDataset({ type: 'squad', path })).toMatchObject({
      name: 'dev',
      documents: [{ id: '1', title: 'A b', text: 'x\ny' }],
      questions: [{ id: '1', answers: null, group: 'A b' }],
    });
  });

  it.each<[string, () => DatasetSource, string]>([
    ['a missing file', () => ({ type: 'rows', path: '/no/such.jsonl' }), '/no/such.jsonl is not a file'],
    ['a wrong line', () => ({ type: 'rows', path: fileWith('w.jsonl', `${farm}{`) }), 'w.jsonl, line 4: not JSON'],
    ['a packed file that is none', () => ({ type: 'rows', path: fileWith('w.jsonl.gz', farm) }), 'cannot be read'],
    ['a limit of 0', () => ({ type: 'rows', path: 'x', limit: 0 }), 'the description of a dataset: limit '],
    ['an unknown field', () => ({ type: 'rows', path: 'x', lines: 3 }) as DatasetSource, '"lines"'],
  ])('says what is wrong: %s', async (_, source, message) => {
    await expect(openDataset(source())).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining(message),
    });
  });
});

describe('a dataset as a folder', () => {
  it('comes back as it was, from several sources', async () => {
    const sources: DatasetSource[] = [
      { type: 'rows', path: fileWith('farm.jsonl', farm) },
      { type: 'beir', path: beirFolder(), split: 'dev' },
    ];
    const dataset = await openDatasets(sources);
    expect(dataset.counts).toEqual({ read: 4, excluded: 0, notDrawn: 0, withoutDocument: 0 });
    expect(dataset.documents).toHaveLength(2);
    const dir = join(newFolder(), 'made', 'set');
    const files = await writeDataset(dataset, dir);
    expect(files).toEqual({ questions: join(dir, 'questions.jsonl'), corpus: join(dir, 'corpus.jsonl') });
    const again = await openDataset({ type: 'questions', path: dir });
    expect(again.questions).toEqual(dataset.questions);
    expect(again.documents).toEqual(dataset.documents);

    const loader = fileLoader({ textField: null, titleField: null });
    const read = await loader.load({ key: 'corpus.jsonl', path: files.corpus! });
    expect(read.map(({ id, title, text }) => ({ id, title, text }))).toEqual([
      { id: 'corpus.jsonl#1', title: 'Goats', text: 'Goats eat hay.' },
      { id: 'corpus.jsonl#2', title: null, text: 'Bees fly.' },
    ]);
  });

  it('has no corpus where there are no documents', async () => {
    const path = fileWith('q.jsonl', jsonl([{ id: 1, question: 'x?', relevant: { 'a.md': 2 } }]));
    const dir = newFolder();
    const dataset = await openDataset({ type: 'questions', path });
    expect((await writeDataset(dataset, dir)).corpus).toBeNull();
    const again = await openDataset({ type: 'questions', path: dir });
    expect(again).toMatchObject({ documents: null, questions: dataset.questions });
    await expect(writeDataset(dataset, path)).rejects.toThrow('cannot write to');
  });
});

describe('discern eval dataset', () => {
  it('writes the folder and counts', async () => {
    const train = fileWith('train.jsonl', jsonl([{ question: 'what do bees do' }]));
    const out = newFolder();
    const args = ['dataset', fileWith('farm.jsonl', farm), '--type', 'rows', '--out', out];
    const { out: shown } = await runCommand(registerEvalDataset, [...args, '--exclude', train]);
    expect(shown).toBe(
      [
        `2 questions in ${out}/questions.jsonl (3 read, 1 excluded by overlap, 1 without an answer in the documents)`,
        `2 documents in ${out}/corpus.jsonl`,
      ].join('\n'),
    );
    expect(readFileSync(join(out, 'questions.jsonl'), 'utf8')).toBe(
      jsonl([
        { id: 'f1', question: 'What do goats eat?', answers: ['hay'], relevant: ['1'], group: 'Goats' },
        { id: 'f3', question: 'Who owns the barn?', answers: [], group: '2' },
      ]),
    );
    const { out: counts } = await runCommand(registerEvalDataset, [...args, '--limit', '1', '--json']);
    expect(JSON.parse(counts)).toMatchObject({ name: 'farm', questions: 1, documents: 2, read: 3, notDrawn: 2 });
  });

  it.each([
    ['an unknown type', ['--type', 'csv'], '--type takes one of questions, rows, squad, beir'],
    ['a limit that is none', ['--type', 'rows', '--limit', 'x'], '--limit takes a whole number'],
    ['a limit of 0', ['--type', 'rows', '--limit', '0'], 'limit '],
  ])('says what is wrong: %s', async (_, flags, message) => {
    const args = ['dataset', fileWith('farm.jsonl', farm), '--out', newFolder(), ...flags];
    await expect(runCommand(registerEvalDataset, args)).rejects.toThrow(message);
  });
});

describe('discern eval trec', () => {
  it('measures a run file', async () => {
    const run = fileWith('run.gz', gzipSync('q1 Q0 d2 1 0.5 t\nq1 Q0 d1 2 0.9 t\n'));
    const qrels = fileWith('qrels', 'q1 0 d2 1\n');
    const args = ['trec', run, '--qrels', qrels, '--metrics', 'mrr@10, hit@1'];
    const { out } = await runCommand(registerEvalTrec, args);
    expect(out).toBe(
      [
        'judged queries: 1, of these 1 with results, 0 without a relevant document; 0 of the run not judged',
        '  mrr@10  0.500 [0.500, 0.500]',
        '  hit@1   0.000 [0.000, 0.000]',
      ].join('\n'),
    );
    const { out: json } = await runCommand(registerEvalTrec, [...args, '--json']);
    expect(JSON.parse(json).means['mrr@10']).toEqual({ mean: 0.5, ci95: [0.5, 0.5], n: 1 });
    await expect(runCommand(registerEvalTrec, ['trec', run, '--qrels', qrels, '--metrics', 'x'])).rejects.toThrow(
      '"x"',
    );
  });
});
