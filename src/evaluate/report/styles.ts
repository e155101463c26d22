/** One style for light, dark and paper. Measures in rem, so that a reader's own size of letters holds. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #fdfdfc; --ground: #f4f4f1; --ink: #1c1d20; --soft: #565a61; --line: #d8d8d3; --strong: #8a8c90;
  --link: #1c5a9c; --better: #16588f; --worse: #94430d;
  --text: Charter, 'Bitstream Charter', 'Sitka Text', Cambria, 'Noto Serif', Georgia, serif;
  --plain: system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif;
  --code: ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #17181b; --ground: #202226; --ink: #e5e5e2; --soft: #a5a9b0; --line: #363940; --strong: #7b7f87;
    --link: #8db9ea; --better: #8db9ea; --worse: #eda877;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 80rem; background: var(--page); color: var(--ink);
  font: 1.0625rem/1.55 var(--text); overflow-wrap: anywhere; }
@media (min-width: 68rem) {
  body { display: grid; grid-template: auto 1fr / 13rem minmax(0, 1fr); column-gap: 3.5rem; padding: 3rem 2.5rem 6rem; }
  header, main { grid-column: 2; }
  nav { grid-column: 1; grid-row: 1 / span 2; position: sticky; top: 2.5rem; align-self: start; max-height: calc(100vh - 5rem); overflow-y: auto; }
}
body:not(:has(> nav)) { display: block; max-width: 68rem; }
header { border-bottom: 1px solid var(--line); padding-bottom: 1rem; margin-bottom: 1.5rem; }
h1, h2, h3, h4, p, ul, ol, dl { margin: 0 0 .8rem; }
h1 { font-size: 2rem; line-height: 1.2; font-weight: 600; margin: 0; text-wrap: balance; }
h2 { font-size: 1.45rem; line-height: 1.25; font-weight: 600; margin-bottom: 1rem; }
h3 { font-size: 1.15rem; line-height: 1.3; font-weight: 600; margin: 2.2rem 0 .6rem; }
h4 { font-size: 1rem; line-height: 1.4; font-weight: 600; margin: 0 0 .3rem; }
section { margin: 0 0 3.2rem; }
section, h3 { scroll-margin-top: 1rem; }
main p, main li { max-width: 44rem; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
code { font: .875em var(--code); }
small { font: .85em var(--plain); line-height: inherit; color: var(--soft); }
small a { display: inline-block; max-width: 100%; }
bdi { white-space: pre-line; }
.kind { font: 600 .75rem var(--plain); letter-spacing: .08em; text-transform: uppercase; color: var(--soft); margin: 0 0 .4rem; }
.fine, figcaption { font: .875rem/1.5 var(--plain); color: var(--soft); }
.nums { font-variant-numeric: tabular-nums lining-nums; }
.heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.one { white-space: nowrap; }
.better { color: var(--better); } .worse { color: var(--worse); } .unclear { color: var(--soft); }
ul.plain { list-style: none; padding: 0; margin: 0; }
.figured { padding: 0; list-style: none; font: .875rem/1.6 var(--plain); margin: .2rem 0 .9rem; }
.figured li { padding-left: 1.4em; text-indent: -1.4em; }
.figured span:first-child { display: inline-block; width: 1.4em; text-indent: 0; }
ul.systems { list-style: none; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: .6rem 2.5rem; }
.systems > li > p { margin-bottom: .4rem; }
.or { color: var(--soft); font-style: italic; }
nav { font: .875rem/1.45 var(--plain); margin-bottom: 2.5rem; }
nav h2 { font: 600 .75rem var(--plain); letter-spacing: .08em; text-transform: uppercase; color: var(--soft); margin-bottom: .6rem; }
nav ul { list-style: none; padding: 0; margin: 0; } nav ul ul { padding-left: 1rem; }
nav li { padding: .14rem 0; } nav a { text-decoration: none; } nav a:hover { text-decoration: underline; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .7rem 1.5rem; font-family: var(--plain); font-size: .9375rem; }
.facts div:has(code) { grid-column: span 2; }
.facts dt { font-size: .8125rem; color: var(--soft); } .facts dd { margin: 0; font-variant-numeric: tabular-nums; }
dl.metrics { font: .8125rem/1.5 var(--plain); color: var(--soft); }
.metrics dt { float: left; clear: left; font-weight: 600; margin-right: .6em; } .metrics dd { margin: 0; }
.scroll { position: relative; container-type: inline-size; overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; font: .875rem/1.45 var(--plain); font-variant-numeric: tabular-nums lining-nums;
  border-top: 2px solid var(--strong); border-bottom: 2px solid var(--strong); }
caption { text-align: left; color: var(--soft); padding-bottom: .45rem; caption-side: top; }
caption bdi { position: sticky; left: 0; display: inline-block; max-width: 100cqi; }
th, td { text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0; max-width: 26rem; overflow-wrap: break-word; }
th:last-child, td:last-child { padding-right: .2rem; }
th { font-weight: 600; } tbody th { font-weight: 500; }
thead > tr > * { border-bottom: 1px solid var(--strong); vertical-align: bottom; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
.n { text-align: right; white-space: nowrap; }
thead .n { white-space: normal; }
.t { min-width: 14rem; overflow-wrap: anywhere; }
.figures-table td > div { white-space: nowrap; }
.figures-table .t { min-width: 0; overflow-wrap: break-word; }
.figures-table th small { display: block; font-weight: 400; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 23rem), 1fr)); gap: 1.6rem 2rem; align-items: start; margin: 1.2rem 0; }
figure { margin: 0 0 1rem; } .figures figure { margin: 0; }
figure svg { display: block; max-width: 100%; height: auto; font-family: var(--plain); }
figure svg text { font-family: inherit; font-variant-numeric: tabular-nums; }
figcaption { margin-top: .4rem; max-width: 40rem; font-size: .8125rem; }
.cards { display: grid; gap: 1rem; }
@media (min-width: 110rem) { body { max-width: 104rem; } }
.all article { content-visibility: auto; contain-intrinsic-size: auto 12rem; max-width: none; } .all article p { margin-bottom: .3rem; }
article { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1rem; max-width: 48rem; }
.changes { display: flex; flex-wrap: wrap; gap: .1rem 1.4rem; font: .875rem/1.5 var(--plain); margin: 0 0 .4rem; }
article dl { display: grid; grid-template-columns: minmax(4.5rem, auto) minmax(0, 1fr); gap: .25rem 1rem; margin: 0; font-size: .9375rem; }
article dt { font: .8125rem/1.75 var(--plain); color: var(--soft); max-width: 9rem; } article dd { margin: 0; }
details { margin: 0 0 1rem; } summary { cursor: pointer; font: .9375rem/1.6 var(--plain); margin-bottom: .6rem; }
.paper { display: none; }
@media (max-width: 40rem) {
  body { padding: 1.4rem 1rem 3rem; font-size: 1rem; }
  h1 { font-size: 1.6rem; } h2 { font-size: 1.3rem; }
  .figures-table tbody th, .figures-table thead th:first-child { position: sticky; left: 0; background: var(--page); padding-right: .6rem; }
  .facts div:has(code) { grid-column: 1 / -1; }
  article dt { max-width: 5.5rem; } article dl { column-gap: .7rem; }
}
@page { margin: 16mm 14mm; }
@media print {
  :root { color-scheme: light; --page: #fff; --ground: #fff; --ink: #000; --soft: #444; --line: #bbb; --strong: #555;
    --link: #000; --better: #0b3d6b; --worse: #6d2f06; }
  body { display: block; max-width: none; padding: 0; font-size: 10pt; }
  nav, details { display: none; }
  .paper { display: block; }
  .scroll { overflow: visible; }
  table { font-size: 7.5pt; width: 100%; }
  th, td, .t, .figures-table .t { min-width: 0; padding-right: .5rem; overflow-wrap: anywhere; } .n { white-space: normal; }
  .figures-table td > div { white-space: normal; } .figures-table tbody th { min-width: 5rem; }
  .figures-table table { table-layout: fixed; }
  .figures { display: block; } .figures figure { display: inline-block; width: 47%; margin: 0 2% 1rem 0; vertical-align: top; }
  ul.systems { grid-template-columns: 1fr 1fr; }
  h2, h3, h4, caption { break-after: avoid; } p { orphans: 3; widows: 3; } tr, figure, article, li, .facts div { break-inside: avoid; }
  thead { display: table-header-group; }
}
`;
