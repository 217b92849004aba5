/**
 * Writes a JPEG from strips. Browsers can only save whole canvases, which take as much memory as the
 * picture, and some browsers have no canvas of that size: for 48 megapixels, a canvas is 192 MB on top of the 192 MB
 * of the decoded photo, and the page stays within 560 MB without one. Encoders from npm want the whole picture, too.
 */

import { PictureError } from "./inspect.js";
import { HUFFMAN, STEPS, ZIGZAG } from "./jpeg_tables.js";

/** The height of every strip but the last must be a multiple of this. */
export const BAND_ROWS = 16;
const MAX_SIDE = 65535;
const MCU_BYTES = 4096; // more than the six blocks of 16 x 16 pixels can become
// The factors that the fast transform (Arai, Agui and Nakajima) leaves out, per row and column.
const AAN = [1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.5411961, 0.275899379];

/** Baseline, YCbCr, chroma at half resolution, as browsers write it. */
export class JpegWriter {
  #width;
  #bandWidth;
  #planes; // bytes of one band: luminance, then chrominance at half size
  #components;
  #parts;
  #out;
  #used = 0;
  #bits = 0; // not written yet, lowest last
  #bitCount = 0;
  #block = new Float32Array(64);
  #quantized = new Int32Array(64); // in file order

  /**
   * @param {number} width
   * @param {number} height
   * @param {number} quality 1 to 100, on libjpeg's scale.
   * @throws {PictureError} A JPEG cannot be that large.
   */
  constructor(width, height, quality) {
    if (Math.max(width, height) > MAX_SIDE) {
      throw new PictureError(`A JPEG can have at most ${MAX_SIDE} pixels on a side. Save the photo as PNG.`);
    }
    this.#width = width;
    this.#bandWidth = BAND_ROWS * Math.ceil(width / BAND_ROWS);
    const [luminance, chrominance] = [BAND_ROWS * this.#bandWidth, (BAND_ROWS / 2) * (this.#bandWidth / 2)];
    this.#planes = [luminance, chrominance, chrominance].map((length) => new Float32Array(length));
    const steps = STEPS.map((table) => scaledSteps(table, quality));
    this.#components = [0, 1, 1].map((table) => ({
      factors: factorsOf(steps[table]),
      dc: codesOf(HUFFMAN[table].dc),
      ac: codesOf(HUFFMAN[table].ac),
      lastDc: 0,
    }));
    this.#parts = [headOf(width, height, steps)];
    this.#out = new Uint8Array((this.#bandWidth / BAND_ROWS) * MCU_BYTES);
  }

  /** @param {ImageData} strip The next rows, all of the picture's width. */
  push({ data, height }) {
    for (let top = 0; top < height; top += BAND_ROWS) {
      this.#load(data, top, height - 1);
      for (let x = 0; x < this.#bandWidth; x += BAND_ROWS) this.#encodeSquare(x);
      this.#parts.push(this.#out.slice(0, this.#used));
      this.#used = 0;
    }
  }

  /** @returns {Blob} The file. */
  finish() {
    this.#write(0x7f, 7); // fills the last byte with ones
    const end = Uint8Array.of(0xff, 0xd9);
    return new Blob([...this.#parts, this.#out.slice(0, this.#used), end], { type: "image/jpeg" });
  }

  /** Converts a band to planes of YCbCr, on white; the last pixels are repeated beyond the picture's edges. */
  #load(data, top, lastRow) {
    const [luminance, blue, red] = this.#planes;
    blue.fill(0);
    red.fill(0);
    for (let y = 0, to = 0; y < BAND_ROWS; y++) {
      const row = Math.min(top + y, lastRow) * this.#width;
      const halfRow = (y >> 1) * (this.#bandWidth / 2);
      for (let x = 0; x < this.#bandWidth; x++, to++) {
        const at = 4 * (row + Math.min(x, this.#width - 1));
        const share = data[at + 3] / 255;
        const white = 255 - data[at + 3];
        const r = data[at] * share + white;
        const g = data[at + 1] * share + white;
        const b = data[at + 2] * share + white;
        luminance[to] = 0.299 * r + 0.587 * g + 0.114 * b - 128;
        const half = halfRow + (x >> 1);
        blue[half] += (-0.168736 * r - 0.331264 * g + 0.5 * b) / 4;
        red[half] += (0.5 * r - 0.418688 * g - 0.081312 * b) / 4;
      }
    }
  }

  #encodeSquare(x) {
    const width = this.#bandWidth;
    const [luminance, blue, red] = this.#planes;
    for (const from of [x, x + 8, x + 8 * width, x + 8 * width + 8]) {
      this.#encodeBlock(luminance, from, width, this.#components[0]);
    }
    this.#encodeBlock(blue, x / 2, width / 2, this.#components[1]);
    this.#encodeBlock(red, x / 2, width / 2, this.#components[2]);
  }

  #encodeBlock(plane, from, stride, component) {
    const block = this.#block;
    const values = this.#quantized;
    for (let y = 0; y < 8; y++) {
      for (let x = 0; x < 8; x++) block[8 * y + x] = plane[from + y * stride + x];
    }
    for (let line = 0; line < 8; line++) transform(block, 8 * line, 1);
    for (let line = 0; line < 8; line++) transform(block, line, 8);
    const { factors, dc, ac, lastDc } = component;
    let last = 0;
    for (let k = 0; k < 64; k++) {
      const value = block[ZIGZAG[k]] * factors[k];
      values[k] = value < 0 ? value - 0.5 : value + 0.5; // conversion to integers rounds toward zero
      if (values[k] !== 0) last = k;
    }
    this.#writeValue(dc, 0, values[0] - lastDc);
    component.lastDc = values[0];
    let zeros = 0;
    for (let k = 1; k <= last; k++) {
      if (values[k] === 0) {
        zeros++;
        continue;
      }
      for (; zeros > 15; zeros -= 16) this.#writeValue(ac, 15, 0);
      this.#writeValue(ac, zeros, values[k]);
      zeros = 0;
    }
    if (last < 63) this.#writeValue(ac, 0, 0); // end of block
  }

  #writeValue({ codes, lengths }, zeros, value) {
    const size = 32 - Math.clz32(Math.abs(value));
    const symbol = (zeros << 4) | size;
    this.#write(codes[symbol], lengths[symbol]);
    if (size > 0) this.#write(value < 0 ? value + (1 << size) - 1 : value, size);
  }

  #write(bits, count) {
    this.#bits = (this.#bits << count) | bits;
    this.#bitCount += count;
    while (this.#bitCount >= 8) {
      this.#bitCount -= 8;
      const byte = (this.#bits >>> this.#bitCount) & 255;
      this.#out[this.#used++] = byte;
      if (byte === 255) this.#out[this.#used++] = 0; // otherwise it would be a marker
    }
  }
}

/** The cosine transform of eight values, in place, without its factors. */
function transform(values, from, step) {
  const at = (index) => from + index * step;
  const [sum0, rest7] = butterfly(values[at(0)], values[at(7)]);
  const [sum1, rest6] = butterfly(values[at(1)], values[at(6)]);
  const [sum2, rest5] = butterfly(values[at(2)], values[at(5)]);
  const [sum3, rest4] = butterfly(values[at(3)], values[at(4)]);

  const [even0, even3] = butterfly(sum0, sum3);
  const [even1, even2] = butterfly(sum1, sum2);
  const turned = (even2 + even3) * Math.SQRT1_2;
  values[at(0)] = even0 + even1;
  values[at(4)] = even0 - even1;
  values[at(2)] = even3 + turned;
  values[at(6)] = even3 - turned;

  const odd0 = rest4 + rest5;
  const odd1 = (rest5 + rest6) * Math.SQRT1_2;
  const odd2 = rest6 + rest7;
  const shared = (odd0 - odd2) * 0.382683433;
  const low = 0.5411961 * odd0 + shared;
  const high = 1.306562965 * odd2 + shared;
  const [plus, minus] = butterfly(rest7, odd1);
  values[at(5)] = minus + low;
  values[at(3)] = minus - low;
  values[at(1)] = plus + high;
  values[at(7)] = plus - high;
}

function butterfly(first, second) {
  return [first + second, first - second];
}

/** The quantization steps for a quality, as libjpeg scales them. */
function scaledSteps(table, quality) {
  const percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  return table.map((step) => Math.min(255, Math.max(1, Math.floor((step * percent + 50) / 100))));
}

/** The factors of the transformed values, in file order. */
function factorsOf(steps) {
  return Float32Array.from(steps, (step, k) => {
    const [row, column] = [ZIGZAG[k] >> 3, ZIGZAG[k] & 7];
    return 1 / (8 * step * AAN[row] * AAN[column]);
  });
}

/** Code and length of each symbol. */
function codesOf(table) {
  const [codes, lengths] = [new Uint16Array(256), new Uint8Array(256)];
  let [code, next] = [0, 16];
  for (let length = 1; length <= 16; length++, code <<= 1) {
    for (let count = table[length - 1]; count > 0; count--, code++, next++) {
      codes[table[next]] = code;
      lengths[table[next]] = length;
    }
  }
  return { codes, lengths };
}

/** The headers before the pixels. */
function headOf(width, height, steps) {
  const word = (value) => [value >> 8, value & 255];
  const segment = (marker, content) => [0xff, marker, ...word(content.length + 2), ...content];
  const components = [1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]; // number, sampling, steps
  return Uint8Array.from([
    ...[0xff, 0xd8],
    ...segment(0xe0, [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]), // JFIF 1.1, square pixels
    ...steps.flatMap((table, index) => segment(0xdb, [index, ...table])),
    ...segment(0xc0, [8, ...word(height), ...word(width), 3, ...components]),
    ...HUFFMAN.flatMap(({ dc, ac }, index) => [...segment(0xc4, [index, ...dc]), ...segment(0xc4, [16 + index, ...ac])]),
    ...segment(0xda, [3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]),
  ]);
}
