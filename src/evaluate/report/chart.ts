import type { TopLevelSpec } from 'vega-lite';
import { DiscernError, messageOf } from '../../errors.ts';

/** Follows the text around it, so that a page decides whether it is light or dark. */
export const INK = 'currentColor';
/** Told apart on light and dark ground, and without red against green. */
export const COLOURS = ['#3b82c4', '#c46a2b', '#7a9a3a', '#a05fb0', '#b8912a', '#4aa3a3'];

const CONFIG = {
  view: { stroke: INK, strokeOpacity: 0.3 },
  axis: { labelColor: INK, titleColor: INK, tickColor: INK, domainColor: INK, gridColor: INK, gridOpacity: 0.15 },
  legend: { labelColor: INK, titleColor: INK, symbolFillColor: 'transparent' },
  range: { category: COLOURS },
};

/** A picture as SVG text, from a description of vega-lite; colours follow the page. Throws PACKAGE_MISSING without the library. */
export async function svgChart(spec: TopLevelSpec): Promise<string> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]).catch((cause: unknown) => {
    throw new DiscernError('PACKAGE_MISSING', `charts need the packages vega and vega-lite: ${messageOf(cause)}`, {
      cause,
    });
  });
  const logger = vega.logger(vega.Error);
  const shown = { background: 'transparent', ...spec, config: { ...CONFIG, ...spec.config } } as TopLevelSpec;
  const view = new vega.View(vega.parse(compile(shown, { logger }).spec), { renderer: 'none', logger });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
