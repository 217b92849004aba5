/** Whether a photo has real colors, not just one overall tone like a sepia print: the rule of color/colorfulness.py. */

const LOOK_SIDE = 128; // pixels that are enough to tell
const MIN_TONE_DISTANCE = 6; // as in Python
const LUMA = [0.299, 0.587, 0.114];
const DEGREE = 3; // degree of the curve of a tone

/** Reads a picture row by row. */
export class ColorJudge {
  #width;
  #height;
  #factor;
  #columns;
  #sums; // of red, green and blue, on black, in a row of squares
  #means = []; // rows of them
  #row = 0;

  constructor(width, height) {
    [this.#width, this.#height] = [width, height];
    this.#factor = Math.ceil(Math.max(width, height) / LOOK_SIDE);
    this.#columns = Math.ceil(width / this.#factor);
    this.#sums = new Float64Array(3 * this.#columns);
  }

  /**
   * @param {Uint8ClampedArray} data RGBA.
   * @param {number} from First pixel of the row.
   */
  push(data, from) {
    const [sums, factor] = [this.#sums, this.#factor];
    for (let x = 0, at = 4 * from, to = 0; x < this.#width; to += 3) {
      for (const end = Math.min(x + factor, this.#width); x < end; x++, at += 4) {
        const share = data[at + 3] === 255 ? 1 : data[at + 3] / 255;
        sums[to] += share * data[at];
        sums[to + 1] += share * data[at + 1];
        sums[to + 2] += share * data[at + 2];
      }
    }
    this.#row++;
    if (this.#row % factor === 0 || this.#row === this.#height) this.#endSquares();
  }

  #endSquares() {
    const rows = ((this.#row - 1) % this.#factor) + 1;
    this.#means.push(
      this.#sums.map((sum, index) => {
        const columns = Math.min(this.#factor, this.#width - Math.floor(index / 3) * this.#factor);
        return Math.floor(sum / (rows * columns) + 0.5); // as Pillow rounds
      }),
    );
    this.#sums.fill(0);
  }

  hasColor() {
    return this.toneDistance() > MIN_TONE_DISTANCE;
  }

  /** Root mean square distance of the colors from the tone, a curve over luma, that fits them best. */
  toneDistance() {
    const pixels = this.#means.flatMap((row) => Array.from({ length: this.#columns }, (_, x) => row.subarray(3 * x, 3 * x + 3)));
    const luma = pixels.map((rgb) => LUMA.reduce((sum, share, channel) => sum + share * rgb[channel], 0) / 255);
    const basis = orthonormal(Array.from({ length: DEGREE + 1 }, (_, power) => Float64Array.from(luma, (value) => value ** power)));
    const opponents = [
      Float64Array.from(pixels, ([red, green]) => red - green),
      Float64Array.from(pixels, ([red, green, blue]) => 0.5 * (red + green) - blue),
    ];
    for (const values of opponents) for (const direction of basis) removePart(values, direction);
    const squares = opponents.reduce((sum, values) => sum + dot(values, values), 0);
    return Math.sqrt(squares / pixels.length);
  }
}

/** An orthogonal basis of the same space, without dependent directions. */
function orthonormal(columns) {
  const basis = [];
  for (const column of columns) {
    const before = Math.sqrt(dot(column, column));
    // Twice, because one pass leaves rounding errors.
    for (let pass = 0; pass < 2; pass++) for (const direction of basis) removePart(column, direction);
    const length = Math.sqrt(dot(column, column));
    if (length > 1e-9 * before) basis.push(column.map((value) => value / length));
  }
  return basis;
}

function removePart(values, direction) {
  const part = dot(values, direction);
  for (let index = 0; index < values.length; index++) values[index] -= part * direction[index];
}

function dot(one, other) {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += one[index] * other[index];
  return sum;
}
