import { z } from 'zod';
import { invalid, jsonRows, type Lines, parsed } from './json-rows.ts';

/** Where a text comes from; null where the row does not say. */
interface Tags {
  readonly lang: string | null;
  readonly domain: string | null;
}

export interface StsRow extends Tags {
  readonly sentence1: string;
  readonly sentence2: string;
  /** On any scale. */
  readonly score: number;
}

export interface LabelledText extends Tags {
  readonly text: string;
  readonly label: string;
}

const tagFields = { lang: z.string().nullish(), domain: z.string().nullish() };
const tagsOf = (row: { readonly lang?: string | null; readonly domain?: string | null }): Tags => ({
  lang: row.lang ?? null,
  domain: row.domain ?? null,
});

const Label = z.union([z.string(), z.number()]).transform(String);
const Sts = z.looseObject({ sentence1: z.string(), sentence2: z.string(), score: z.number(), ...tagFields });
const Labelled = z.looseObject({ text: z.string(), label: Label, ...tagFields });
const ClusterSet = z.looseObject({ sentences: z.array(z.string()).min(1), labels: z.array(Label), ...tagFields });
const ClusterRow = z.looseObject({ sentences: z.string(), labels: Label, ...tagFields });

/** Pairs as JSON lines: `sentence1`, `sentence2`, `score`. `name` is the file's, for errors. */
export async function readSts(lines: Lines, name: string): Promise<StsRow[]> {
  const rows: StsRow[] = [];
  for await (const { row } of jsonRows(lines, name, Sts))
    rows.push({ sentence1: row.sentence1, sentence2: row.sentence2, score: row.score, ...tagsOf(row) });
  if (rows.length === 0) throw invalid(name, 'holds no pairs');
  return rows;
}

/** Texts with their class as JSON lines: `text`, `label`. `name` is the file's, for errors. */
export async function readLabelled(lines: Lines, name: string): Promise<LabelledText[]> {
  const rows: LabelledText[] = [];
  for await (const { row } of jsonRows(lines, name, Labelled))
    rows.push({ text: row.text, label: row.label, ...tagsOf(row) });
  if (rows.length === 0) throw invalid(name, 'holds no texts');
  return rows;
}

/**
 * Sets of texts to be clustered as JSON lines: a set on each line (`sentences` and `labels`, one for one), or a text on
 * each line (`text` and `label`), which make one set together. `name` is the file's, for errors.
 */
export async function readClusterSets(lines: Lines, name: string): Promise<LabelledText[][]> {
  const sets: LabelledText[][] = [];
  const single: LabelledText[] = [];
  for await (const { row, place } of jsonRows(lines, name, z.looseObject({}))) {
    if (Array.isArray(row.sentences)) {
      const { sentences, labels, ...tags } = parsed(row, place, ClusterSet);
      if (sentences.length !== labels.length)
        throw invalid(place, `${sentences.length} sentences have ${labels.length} labels`);
      sets.push(sentences.map((text, i) => ({ text, label: labels[i]!, ...tagsOf(tags) })));
    } else if (row.sentences !== undefined) {
      const { sentences: text, labels: label, ...tags } = parsed(row, place, ClusterRow);
      single.push({ text, label, ...tagsOf(tags) });
    } else {
      const { text, label, ...tags } = parsed(row, place, Labelled);
      single.push({ text, label, ...tagsOf(tags) });
    }
  }
  if (single.length > 0) sets.push(single);
  if (sets.length === 0) throw invalid(name, 'holds no texts');
  return sets;
}
