import { existsSync } from 'node:fs';
import type { DefaultTheme } from 'vitepress';
import { COPIES, ENTRIES } from './places.mjs';

type Item = DefaultTheme.SidebarItem;

const docs = new URL('../', import.meta.url);

/** Entries whose page exists; a group without entries is left out. */
const present = (items: readonly Item[]): Item[] =>
  items.flatMap((item) => {
    if (item.items !== undefined) {
      const items = present(item.items);
      return items.length === 0 ? [] : [{ ...item, items }];
    }
    return item.link === undefined || existsSync(new URL(`.${item.link}.md`, docs)) ? [item] : [];
  });

const examples = [...COPIES]
  .filter(([file]) => file.startsWith('examples/') && file.endsWith('.ts'))
  .map(([file, page]) => ({
    text: file.slice('examples/'.length, -'.ts'.length),
    link: `/${page.replace(/\.md$/, '')}`,
  }));

export const guide = (): Item[] =>
  present([
    {
      text: 'Start',
      items: [
        { text: 'Quick start', link: '/quick-start' },
        { text: 'The first steps, timed', link: '/newcomer' },
        { text: 'Concepts', link: '/concepts' },
        { text: 'Limits', link: '/limits' },
      ],
    },
    {
      text: 'Use',
      items: [
        { text: 'In a program', link: '/api' },
        { text: 'LangChain', link: '/langchain' },
        { text: 'Server', link: '/server' },
        { text: 'Parts of LangChain', link: '/langchain-parts' },
        { text: 'Where probabilities come from', link: '/backends' },
        { text: 'The gate', link: '/gate' },
        { text: 'Observability', link: '/observability' },
        { text: 'Options', link: '/options' },
      ],
    },
    {
      text: 'Measure and improve',
      items: [
        { text: 'Read a trace', link: '/traces' },
        { text: 'Evaluate', link: '/evaluate' },
        { text: 'Tune', link: '/tuning' },
        { text: 'What a context is worth', link: '/seper' },
        { text: 'Training data', link: '/export' },
      ],
    },
    {
      text: 'Recipes',
      items: [
        { text: 'Swap the critic', link: '/recipes/swap-the-critic' },
        { text: 'Tune on your traces', link: '/recipes/tune-on-your-traces' },
        { text: 'Run with vLLM', link: '/recipes/vllm' },
        { text: 'Without a network', link: '/recipes/air-gapped' },
      ],
    },
    { text: 'Examples', items: [{ text: 'Corpus and questions', link: '/project/examples' }, ...examples] },
    {
      text: 'Project',
      items: [
        { text: 'Figures', link: '/project/bench' },
        { text: 'Critics', link: '/project/critics' },
        { text: 'Changes', link: '/project/changelog' },
      ],
    },
  ]);

export const chinese = (): Item[] =>
  present([
    { text: '开始', items: [{ text: '快速上手', link: '/zh/quick-start' }] },
    {
      text: '英文文档',
      items: [
        { text: '概念', link: '/concepts' },
        { text: '配置项', link: '/options' },
        { text: '读懂 trace', link: '/traces' },
        { text: '调参', link: '/tuning' },
        { text: 'LangChain', link: '/langchain' },
        { text: '局限', link: '/limits' },
      ],
    },
  ]);

const KINDS: Record<string, string> = {
  classes: 'Classes',
  functions: 'Functions',
  interfaces: 'Interfaces',
  'type-aliases': 'Types',
  variables: 'Variables',
};

/** The entry points and their kinds. Single names would make each of five hundred pages hold all of them. */
export const reference = (): Item[] =>
  ENTRIES.flatMap(({ name }) => {
    const folder = new URL(`reference/${name}/`, docs);
    if (!existsSync(folder)) return [];
    const kinds = Object.entries(KINDS)
      .filter(([kind]) => existsSync(new URL(`${kind}/`, folder)))
      .map(([kind, text]) => ({ text, link: `/reference/${name}/#${kind}` }));
    return [{ text: name, link: `/reference/${name}/`, items: kinds }];
  });
