/**
 * Pillow's bilinear resampling: a triangle filter that widens with the reduction, which makes
 * reducing antialiased. The Python `Colorizer` resizes with Pillow; these are its weights.
 */

/**
 * Weights that map a stretch of `inSize` samples to `outSize` samples.
 *
 * @param {number} inSize Number of input samples.
 * @param {number} outSize Number of output samples.
 * @param {number} [start] Where the stretch begins, in samples.
 * @param {number} [end] Where it ends.
 * @returns {{first: Int32Array, width: number, weights: Float32Array}} `weights` has `width`
 *   entries per output; sample `first[o] + t` has the weight `weights[o * width + t]`.
 */
export function taps(inSize, outSize, start = 0, end = inSize) {
  const scale = (end - start) / outSize;
  const support = Math.max(scale, 1);
  const windows = Array.from({ length: outSize }, (_, out) => {
    const center = start + (out + 0.5) * scale;
    const weight = (sample) => Math.max(0, 1 - Math.abs((sample - center + 0.5) / support));
    let from = Math.max(0, Math.trunc(center - support + 0.5));
    let to = Math.min(inSize, Math.trunc(center + support + 0.5));
    // Zero weights at the ends would cost as much as the others.
    while (weight(from) === 0) from++;
    while (weight(to - 1) === 0) to--;
    return { from, values: Float64Array.from({ length: to - from }, (_, index) => weight(from + index)) };
  });
  const width = windows.reduce((longest, { values }) => Math.max(longest, values.length), 1);
  const first = new Int32Array(outSize);
  const weights = new Float32Array(outSize * width);
  windows.forEach(({ from, values }, out) => {
    const total = values.reduce((sum, value) => sum + value);
    first[out] = Math.min(from, inSize - width);
    const offset = out * width + from - first[out];
    values.forEach((value, index) => (weights[offset + index] = value / total));
  });
  return { first, width, weights };
}

/** Reduces (or enlarges) a picture that arrives row by row to a square, keeping only the square. */
export class SquareReducer {
  /**
   * @param {number} width Of the picture.
   * @param {number} height Of the picture.
   * @param {number} size Side of the square.
   */
  constructor(width, height, size) {
    this.across = taps(width, size);
    this.down = taps(height, size);
    this.size = size;
    this.row = new Float32Array(size);
    this.square = new Float32Array(size * size);
    this.nextRow = 0;
    this.firstOpen = 0;
  }

  /** @param {Float32Array} samples One row of the picture. */
  push(samples) {
    const { first, width, weights } = this.down;
    blendAcross(this.across, samples, 1, this.row);
    const y = this.nextRow++;
    while (this.firstOpen < this.size && first[this.firstOpen] + width <= y) this.firstOpen++;
    for (let out = this.firstOpen; out < this.size && first[out] <= y; out++) {
      const weight = weights[out * width + y - first[out]];
      if (weight === 0) continue;
      for (let x = 0, at = out * this.size; x < this.size; x++, at++) this.square[at] += weight * this.row[x];
    }
  }
}

/**
 * A square at another size.
 *
 * @param {Float32Array} square Values, row by row.
 * @param {number} size Side of the result.
 * @returns {Float32Array} The square itself if it has that size.
 */
export function resized(square, size) {
  const side = Math.sqrt(square.length);
  if (side === size) return square;
  const reducer = new SquareReducer(side, side, size);
  for (let row = 0; row < side; row++) reducer.push(square.subarray(row * side, (row + 1) * side));
  return reducer.square;
}

/** Returns the rows of a square of `ab`, resized to a part of a picture. */
export class AbRows {
  /**
   * @param {Float32Array} ab `size * size` pairs.
   * @param {number} size Side of the square.
   * @param {{x: number, y: number, width: number, height: number}} part In shares of the picture.
   * @param {number} width Pixels across.
   * @param {number} height Pixels down.
   */
  constructor(ab, size, part, width, height) {
    this.ab = ab;
    this.size = size;
    this.across = taps(size, width, part.x * size, (part.x + part.width) * size);
    this.down = taps(size, height, part.y * size, (part.y + part.height) * size);
    this.blended = new Float32Array(2 * size);
    this.row = new Float32Array(2 * width);
  }

  /**
   * @param {number} y Row.
   * @returns {Float32Array} Pairs; overwritten by the next call.
   */
  at(y) {
    const { first, width, weights } = this.down;
    const length = 2 * this.size;
    this.blended.fill(0);
    for (let tap = 0; tap < width; tap++) {
      const weight = weights[y * width + tap];
      const from = (first[y] + tap) * length;
      if (weight === 0) continue;
      for (let index = 0; index < length; index++) this.blended[index] += weight * this.ab[from + index];
    }
    blendAcross(this.across, this.blended, 2, this.row);
    return this.row;
  }
}

function blendAcross({ first, width, weights }, samples, channels, result) {
  for (let out = 0; out < first.length; out++) {
    for (let channel = 0; channel < channels; channel++) {
      let sum = 0;
      for (let tap = 0; tap < width; tap++) {
        sum += weights[out * width + tap] * samples[(first[out] + tap) * channels + channel];
      }
      result[out * channels + channel] = sum;
    }
  }
}
