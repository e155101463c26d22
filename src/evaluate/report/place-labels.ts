interface Named {
  readonly x: number;
  readonly y: number;
  readonly label: string;
}

export interface PlacedLabel extends Named {
  /** Which side of the point it stands on. */
  readonly side: 'left' | 'right';
  /** Pixels below the point; above it where negative. */
  readonly below: number;
}

const PLACES = [-8, 13, -22, 27, -36, 41];
/** About what a chart of ours gives to its points, in pixels, and a letter of its labels. */
const [WIDE, HIGH, LETTER, LINE, LONGEST] = [330, 220, 6, 13, 24];

const span = (all: readonly number[]): ((value: number) => number) => {
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return (value) => (high > low ? (value - low) / (high - low) : 0.5);
};

/**
 * Names beside their points, on the side where there is room, a line further where another name stands already. `shown` is
 * all that the axes have to reach.
 */
export function placeLabels(
  points: readonly Named[],
  shown: { readonly x: readonly number[]; readonly y: readonly number[] } = { x: [], y: [] },
): PlacedLabel[] {
  const across = span([...points.map(({ x }) => x), ...shown.x]);
  const up = span([...points.map(({ y }) => y), ...shown.y]);
  const taken: { left: number; right: number; at: number }[] = [];
  return points.map((point) => {
    const [x, y] = [across(point.x) * WIDE, (1 - up(point.y)) * HIGH];
    const side = across(point.x) <= 0.5 ? 'right' : 'left';
    const width = Math.min(point.label.length, LONGEST) * LETTER;
    const [left, right] = side === 'right' ? [x, x + width] : [x - width, x];
    const free = (below: number) =>
      taken.every((one) => Math.abs(one.at - (y + below)) >= LINE || one.right < left || one.left > right);
    const below = PLACES.find(free) ?? PLACES[0]!;
    taken.push({ left, right, at: y + below });
    return { ...point, side, below };
  });
}
