/** Places of a photo and similar-looking places of a color photo, whose colors they take on: as in tf_colorize/inference/matching.py. */

export const GRID = 28; // places along a side

/**
 * Means of what has several values for each place of a square.
 *
 * @param {Float32Array} values `side * side` places, row by row, with `count` values each; `side` is a multiple of `GRID`.
 * @param {number} count
 * @returns {Float32Array} `GRID * GRID` places with `count` values each.
 */
export function onGrid(values, count) {
  const side = Math.sqrt(values.length / count);
  const times = side / GRID;
  if (!Number.isInteger(times)) throw new Error(`A photo cannot be compared with another one on ${side} × ${side} places.`);
  const means = new Float32Array(GRID ** 2 * count);
  for (let row = 0, from = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const to = (Math.floor(row / times) * GRID + Math.floor(column / times)) * count;
      for (let index = 0; index < count; index++, from++) means[to + index] += values[from] / times ** 2;
    }
  }
  return means;
}
