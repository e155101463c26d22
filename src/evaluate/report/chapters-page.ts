import { type Chapter, html, trusted } from './html.ts';
import { foreign } from './parts.ts';
import { STYLE } from './styles.ts';

/** Nothing is fetched and nothing runs, whatever stands in the page. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** Chapters as a page of their own; no scripts, nothing from elsewhere. `kind` says what it is, such as `Comparison`. */
export const chaptersPage = (kind: string, title: string, chapters: readonly Chapter[]): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · ${kind}</title>
<style>${trusted(STYLE)}</style></head><body>
<header><p class="kind">${kind}</p><h1>${foreign(title)}</h1></header>
${
  chapters.length > 1 &&
  html`<nav aria-labelledby="contents"><h2 id="contents">Contents</h2><ul>${chapters.map(
    ({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`,
  )}</ul></nav>`
}
<main>
${chapters.map(
  ({ id, title: name, body }) => html`<section id="${id}"><h2>${name}</h2>
${body}
</section>
`,
)}</main>
</body></html>
`.html;
