/** Text that is HTML already. Everything else that goes into a page is escaped. */
export interface Html {
  readonly html: string;
}

type Part = Html | string | number | null | undefined | false | readonly Part[];

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

const render = (part: Part): string => {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  return 'html' in part ? part.html : part.map(render).join('');
};

/** A piece of a page: html`<p>${text}</p>`; what is put in is escaped, unless it is Html itself. */
export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  html: strings.map((text, i) => text + (i < parts.length ? render(parts[i]) : '')).join(''),
});

/** Text that was made by this package as HTML, such as a chart. */
export const trusted = (text: string): Html => ({ html: text });

/** A chapter of a report. Its body has headings from h3 on, and ids that begin with its own. */
export interface Chapter {
  /** Names its place in the page: letters and dashes. */
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}
