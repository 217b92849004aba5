/** Collects everything needed from a picture's pixels before colorizing, in one pass. */

import * as lab from "../photo/lab.js";
import * as picture from "../codecs/picture.js";
import { ColorJudge } from "./color_judge.js";
import { SquareReducer } from "./resample.js";

const COPY_PIXELS = 4e6; // as many as most screens show

/**
 * @param {ImageBitmap} bitmap
 * @param {Iterable<number>} sizes Sides of the squares that the networks need.
 * @returns {Promise<{squares: Map, copy: object, hasColor: boolean, isOpaque: boolean}>} The lightness in each
 *   size, and the picture, `factor` times smaller, for the screen: `{bitmap, factor}`.
 */
export async function survey(bitmap, sizes) {
  const { width, height } = bitmap;
  const reducers = [...sizes].map((size) => new SquareReducer(width, height, size));
  const copier = new Copier(width, height);
  const lightness = new Float32Array(width);
  const judge = new ColorJudge(width, height);
  let isOpaque = true;
  for (const { pixels } of picture.strips(bitmap)) {
    for (let row = 0; row < pixels.height; row++) {
      copier.push(pixels.data, row * width);
      judge.push(pixels.data, row * width);
      if (reducers.length === 0) continue;
      lab.writeLightness(pixels.data, row * width, lightness);
      for (const reducer of reducers) reducer.push(lightness);
    }
    isOpaque &&= hasNoHoles(pixels.data);
  }
  const squares = new Map(reducers.map(({ size, square }) => [size, square]));
  return { squares, copy: await copier.finish(), hasColor: judge.hasColor(), isOpaque };
}

/** Reduces a picture by an integer factor, row by row: each pixel is the mean of a square. */
class Copier {
  #width;
  #height;
  #factor;
  #image;
  #sums; // of red, green and blue, each times alpha, and of alpha
  #row = 0;

  constructor(width, height) {
    [this.#width, this.#height] = [width, height];
    this.#factor = Math.max(1, Math.ceil(Math.sqrt((width * height) / COPY_PIXELS)));
    this.#image = new ImageData(Math.ceil(width / this.#factor), Math.ceil(height / this.#factor));
    this.#sums = new Float64Array(4 * this.#image.width);
  }

  push(data, from) {
    const sums = this.#sums;
    for (let x = 0, at = 4 * from; x < this.#width; x++, at += 4) {
      const to = 4 * Math.floor(x / this.#factor);
      const alpha = data[at + 3];
      sums[to] += data[at] * alpha;
      sums[to + 1] += data[at + 1] * alpha;
      sums[to + 2] += data[at + 2] * alpha;
      sums[to + 3] += alpha;
    }
    this.#row++;
    if (this.#row % this.#factor === 0 || this.#row === this.#height) this.#writeRow();
  }

  #writeRow() {
    const rows = (this.#row - 1) % this.#factor + 1;
    let to = 4 * this.#image.width * Math.floor((this.#row - 1) / this.#factor);
    for (let x = 0; x < this.#image.width; x++, to += 4) {
      const columns = Math.min(this.#factor, this.#width - x * this.#factor);
      const [red, green, blue, alpha] = this.#sums.subarray(4 * x, 4 * x + 4);
      this.#image.data[to] = red / alpha; // zero if all of it is transparent
      this.#image.data[to + 1] = green / alpha;
      this.#image.data[to + 2] = blue / alpha;
      this.#image.data[to + 3] = alpha / (rows * columns);
    }
    this.#sums.fill(0);
  }

  async finish() {
    const bitmap = await createImageBitmap(this.#image);
    picture.free(this.#image);
    return { bitmap, factor: this.#factor };
  }
}

function hasNoHoles(data) {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
  return true;
}
