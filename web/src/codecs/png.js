/** Writes a PNG from strips; see jpeg.js for why no browser and no library does it. */

import CRC32 from "crc-32";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const DIFFERENCE_TO_THE_LEFT = 1; // the filter that browsers use: fast, and near the best for photos

/** Eight bits per channel, with alpha only if the picture is not opaque. */
export class PngWriter {
  #width;
  #channels;
  #deflate = new CompressionStream("deflate");
  #input = this.#deflate.writable.getWriter();
  #parts;
  #collected;
  #filtered = new Uint8Array(0);

  /**
   * @param {number} width
   * @param {number} height
   * @param {{isOpaque: boolean}} options
   */
  constructor(width, height, { isOpaque }) {
    this.#width = width;
    this.#channels = isOpaque ? 3 : 4;
    const header = new DataView(new ArrayBuffer(13));
    header.setUint32(0, width);
    header.setUint32(4, height);
    header.setUint8(8, 8);
    header.setUint8(9, isOpaque ? 2 : 6);
    this.#parts = [Uint8Array.from(SIGNATURE), ...chunk("IHDR", new Uint8Array(header.buffer))];
    this.#collected = this.#collect();
  }

  /** @param {ImageData} strip The next rows, all of the picture's width. */
  async push({ data, height }) {
    const length = height * (1 + this.#channels * this.#width);
    if (this.#filtered.length < length) this.#filtered = new Uint8Array(length);
    for (let row = 0, to = 0; row < height; row++) to = this.#filter(data, 4 * row * this.#width, to);
    await this.#input.write(this.#filtered.subarray(0, length));
  }

  /** @returns {Promise<Blob>} The file. */
  async finish() {
    await this.#input.close();
    await this.#collected;
    return new Blob([...this.#parts, ...chunk("IEND", new Uint8Array(0))], { type: "image/png" });
  }

  #filter(data, from, to) {
    const channels = this.#channels;
    const filtered = this.#filtered;
    filtered[to++] = DIFFERENCE_TO_THE_LEFT;
    for (let channel = 0; channel < channels; channel++) filtered[to++] = data[from + channel];
    for (let at = from + 4, end = from + 4 * this.#width; at < end; at += 4) {
      for (let channel = 0; channel < channels; channel++) {
        filtered[to++] = data[at + channel] - data[at + channel - 4];
      }
    }
    return to;
  }

  async #collect() {
    for (const reader = this.#deflate.readable.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      // The browser may keep blobs on the disk.
      this.#parts.push(new Blob(chunk("IDAT", value)));
    }
  }
}

function chunk(type, content) {
  const name = new TextEncoder().encode(type);
  const [length, checksum] = [new DataView(new ArrayBuffer(4)), new DataView(new ArrayBuffer(4))];
  length.setUint32(0, content.length);
  checksum.setUint32(0, CRC32.buf(content, CRC32.buf(name)));
  return [length, name, content, checksum];
}
