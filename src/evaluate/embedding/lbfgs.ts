/** A function to be made small: its value at `x`; its gradient goes into `gradient`. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  /** False where the rounds ended before the gradient was small enough. */
  readonly converged: boolean;
}

/** Steps that the shape of the function is guessed from. */
const MEMORY = 10;

interface Step {
  readonly move: Float64Array;
  readonly change: Float64Array;
  /** 1 / (move · change). */
  readonly scale: number;
}

/**
 * The lowest point of a smooth convex function by L-BFGS (Nocedal and Wright, Numerical Optimization, 7.2) with
 * backtracking; it ends when no part of the gradient is above `tolerance`.
 */
export function minimize(
  objective: Objective,
  start: Float64Array,
  { tolerance, rounds }: { readonly tolerance: number; readonly rounds: number },
): Minimum {
  let x = Float64Array.from(start);
  let gradient = new Float64Array(x.length);
  let value = objective(x, gradient);
  const steps: Step[] = [];
  for (let round = 0; round < rounds; round++) {
    if (gradient.every((part) => Math.abs(part) <= tolerance)) return { x, value, converged: true };
    const direction = descent(gradient, steps);
    const slope = dot(direction, gradient);
    const next = new Float64Array(x.length);
    const nextGradient = new Float64Array(x.length);
    // Before the first step nothing says how long it should be.
    let length = steps.length === 0 ? 1 / Math.max(1, Math.sqrt(dot(gradient, gradient))) : 1;
    let nextValue = Number.POSITIVE_INFINITY;
    while (length > 1e-16) {
      for (let i = 0; i < x.length; i++) next[i] = x[i]! + length * direction[i]!;
      nextValue = objective(next, nextGradient);
      if (nextValue <= value + 1e-4 * length * slope) break;
      length /= 2;
    }
    if (!(nextValue < value)) return { x, value, converged: false };
    remember(steps, difference(next, x), difference(nextGradient, gradient));
    [x, gradient, value] = [next, nextGradient, nextValue];
  }
  return { x, value, converged: gradient.every((part) => Math.abs(part) <= tolerance) };
}

/** Minus the gradient, bent by what the last steps have shown of the curvature. */
function descent(gradient: Float64Array, steps: readonly Step[]): Float64Array {
  const direction = gradient.map((part) => -part);
  const shares = steps.map(() => 0);
  for (let i = steps.length - 1; i >= 0; i--) {
    const { move, change, scale } = steps[i]!;
    shares[i] = scale * dot(move, direction);
    add(direction, change, -shares[i]!);
  }
  const last = steps.at(-1);
  if (last !== undefined) {
    const size = 1 / (last.scale * dot(last.change, last.change));
    for (let i = 0; i < direction.length; i++) direction[i]! *= size;
  }
  for (const [i, { move, change, scale }] of steps.entries())
    add(direction, move, shares[i]! - scale * dot(change, direction));
  return direction;
}

/** A step along which the slope does not grow says nothing of a convex function, and is passed over. */
function remember(steps: Step[], move: Float64Array, change: Float64Array): void {
  const growth = dot(move, change);
  if (growth <= 1e-10 * dot(change, change)) return;
  steps.push({ move, change, scale: 1 / growth });
  if (steps.length > MEMORY) steps.shift();
}

const difference = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, i) => value - b[i]!);

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function add(target: Float64Array, vector: Float64Array, times: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += times * vector[i]!;
}
