import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { repositoryLinks, root } from './places.mjs';
import { chinese, guide, reference } from './sidebar.ts';

// Address below which the site is served, such as /discern-rag/.
const base = process.env.DOCS_BASE ?? '/';

// Their tables need the room of the outline.
const FULL = /^(options|project\/(bench|critics|examples)[\w/]*)\.md$/;

export default defineConfig({
  base,
  title: 'Discern',
  description: 'Adaptive retrieval-augmented generation for TypeScript that weighs its evidence',
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}mark.svg` }]],
  srcExclude: ['.vitepress/**'],
  lastUpdated: false,
  metaChunk: true,
  ignoreDeadLinks: 'localhostLinks',
  markdown: {
    config: (markdown) => repositoryLinks(markdown, (file: string) => existsSync(join(root, file))),
    languageAlias: { console: 'sh' },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark' },
  },
  vite: {
    // One chunk of text is the search index: its size is what it is.
    build: { chunkSizeWarningLimit: 2000 },
  },
  transformPageData({ relativePath, frontmatter }) {
    return FULL.test(relativePath) ? { frontmatter: { ...frontmatter, aside: false, pageClass: 'full' } } : undefined;
  },
  themeConfig: {
    logo: '/mark.svg',
    outline: [2, 3],
    search: {
      provider: 'local',
      options: {
        miniSearch: {
          // A page that explains goes before a page of a signature. Runs in the browser: it may use nothing from outside.
          searchOptions: {
            boostDocument: (id: string) =>
              id.includes('/reference/') ? 0.2 : id.includes('/project/') ? 0.5 : id.includes('/options') ? 8 : 1,
          },
        },
        locales: {
          zh: {
            translations: {
              button: { buttonText: '搜索', buttonAriaLabel: '搜索' },
              modal: {
                displayDetails: '显示详情',
                resetButtonTitle: '清除',
                backButtonTitle: '关闭',
                noResultsText: '没有结果：',
                footer: { selectText: '选择', navigateText: '切换', closeText: '关闭' },
              },
            },
          },
        },
      },
    },
  },
  locales: {
    root: {
      label: 'English',
      lang: 'en',
      themeConfig: {
        nav: [
          { text: 'Quick start', link: '/quick-start' },
          { text: 'Options', link: '/options' },
          { text: 'Recipes', link: '/recipes/swap-the-critic', activeMatch: '/recipes/' },
          { text: 'API reference', link: '/reference/', activeMatch: '/reference/' },
        ],
        sidebar: { '/reference/': reference(), '/': guide() },
      },
    },
    zh: {
      label: '简体中文',
      lang: 'zh-CN',
      link: '/zh/',
      description: '会掂量证据的 TypeScript 自适应 RAG',
      themeConfig: {
        nav: [
          { text: '快速上手', link: '/zh/quick-start' },
          { text: '配置项（英文）', link: '/options' },
          { text: 'API（英文）', link: '/reference/' },
        ],
        sidebar: { '/zh/': chinese() },
        outline: { level: [2, 3], label: '本页目录' },
        docFooter: { prev: '上一页', next: '下一页' },
        darkModeSwitchLabel: '外观',
        lightModeSwitchTitle: '切换到浅色',
        darkModeSwitchTitle: '切换到深色',
        sidebarMenuLabel: '目录',
        returnToTopLabel: '回到顶部',
        langMenuLabel: '切换语言',
      },
    },
  },
});
