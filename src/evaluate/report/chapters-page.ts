import { type Chapter, type Html, html, trusted } from './html.ts';
import { foreign, visible } from './parts.ts';
import { STYLE } from './styles.ts';

/** Nothing is fetched and nothing runs, whatever stands in the page. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** A section of the contents may have parts of its own. */
export interface Section extends Chapter {
  readonly parts?: readonly Pick<Chapter, 'id' | 'title'>[];
}

const link = (
  { id, title }: Pick<Chapter, 'id' | 'title'>,
  parts: readonly Pick<Chapter, 'id' | 'title'>[] = [],
): Html =>
  html`<li><a href="#${id}">${foreign(title)}</a>${parts.length > 0 && html`<ul>${parts.map((part) => link(part))}</ul>`}</li>`;

const contents = (sections: readonly Section[]): Html =>
  html`<nav aria-labelledby="contents"><h2 id="contents">Contents</h2><ul>${sections.map((one) => link(one, one.parts))}</ul></nav>`;

const show = ({ id, title, body }: Section): Html => html`<section id="${id}"><h2>${foreign(title)}</h2>
${body}
</section>
`;

/** Sections as a page: no scripts, nothing from elsewhere. `kind` says what it is, such as `Comparison`. */
export const chaptersPage = (kind: string, title: string, sections: readonly Section[], inTitle = kind): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${visible(title)} · ${inTitle}</title>
<style>${trusted(STYLE)}</style></head><body>
<header><p class="kind">${kind}</p><h1>${foreign(title)}</h1></header>
${sections.length > 1 && contents(sections)}
<main>
${sections.map(show)}</main>
</body></html>
`.html;
