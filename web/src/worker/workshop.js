/** What the page can ask for: load a model, open a photo, colour it, show it, save it. */

import { exifSegment, withExif } from "./exif.js";
import * as lab from "./lab.js";
import { modelBytes } from "./models.js";
import { Network, start } from "./network.js";
import * as picture from "./picture.js";
import { AbRows, SquareReducer } from "./resample.js";

// Gray values that a camera or scanner spreads over the channels are no colour.
const COLOUR_DIFFERENCE = 24;
const LARGE_PICTURE = 16e6;

export class Workshop {
  #folder;
  #networks = new Map();
  #photos = new Map();
  #open = null; // one decoded photo: `{photo, bitmap}`

  /** @param {string} folder Where LiteRT's files are. */
  constructor(folder) {
    this.#folder = folder;
  }

  /**
   * Downloads and compiles a model.
   *
   * @returns {Promise<{accelerator: string, size: number}>}
   */
  async loadModel({ model }, report) {
    if (!this.#networks.has(model.name)) {
      start(this.#folder).catch(() => undefined); // both downloads at once; `compile` tells of a failure
      const bytes = await modelBytes(model, (received, total) => report({ received, total }));
      this.#networks.set(model.name, await Network.compile(bytes, this.#folder));
    }
    const { accelerator, size } = this.#networks.get(model.name);
    return { accelerator, size };
  }

  /**
   * Takes a photo in.
   *
   * @returns {Promise<{width: number, height: number, format: string, openSeconds: number}>}
   */
  async open({ photo, file }) {
    const begin = performance.now();
    this.#photos.set(photo, { file, squares: new Map(), ab: new Map() });
    try {
      const { width, height } = await this.#bitmapOf(photo);
      const { format } = this.#photos.get(photo);
      return { width, height, format, openSeconds: (performance.now() - begin) / 1000 };
    } catch (error) {
      this.#photos.delete(photo);
      throw error;
    }
  }

  /** Forgets a photo. */
  async close({ photo }) {
    if (this.#open?.photo === photo) this.#release();
    this.#photos.delete(photo);
  }

  /**
   * Runs the network on a photo.
   *
   * @returns {Promise<{seconds: number, accelerator: string, hasColour: boolean}>}
   */
  async colour({ photo, model }) {
    const begin = performance.now();
    const entry = this.#photos.get(photo);
    const network = this.#networks.get(model);
    if (!entry.squares.has(network.size)) {
      entry.squares.set(network.size, this.#square(entry, await this.#bitmapOf(photo), network.size));
    }
    entry.ab.set(model, await network.run(entry.squares.get(network.size)));
    const seconds = (performance.now() - begin) / 1000;
    return { seconds, accelerator: network.accelerator, hasColour: entry.hasColour };
  }

  /**
   * Draws a part of a photo in several looks.
   *
   * @param {{photo: number, part: object, width: number, height: number, looks: object[], vividness: number}} request
   *   A look is `{kind: "original"}`, `{kind: "gray"}` or `{kind: "colour", model}`.
   * @returns {Promise<ImageBitmap[]>} One for each look.
   */
  async draw({ photo, part, width, height, looks, vividness }) {
    const bitmap = await this.#bitmapOf(photo);
    const plain = picture.drawPart(bitmap, part, width, height);
    const shares = {
      x: part.x / bitmap.width,
      y: part.y / bitmap.height,
      width: part.width / bitmap.width,
      height: part.height / bitmap.height,
    };
    return Promise.all(
      looks.map((look) => {
        const pixels = new ImageData(plain.data.slice(), width, height);
        if (look.kind === "gray") lab.writeGray(pixels.data);
        if (look.kind === "colour") {
          const rows = this.#abRows(photo, look.model, vividness, shares, width, height);
          colourRows(pixels, 0, rows);
        }
        return createImageBitmap(pixels);
      }),
    );
  }

  /**
   * Makes the file of a photo at full resolution.
   *
   * @param {{photo: number, model: string, vividness: number, type: string, quality: number}} request
   * @returns {Promise<Blob>}
   */
  async save({ photo, model, vividness, type, quality }) {
    const bitmap = await this.#bitmapOf(photo);
    const whole = { x: 0, y: 0, width: 1, height: 1 };
    const rows = this.#abRows(photo, model, vividness, whole, bitmap.width, bitmap.height);
    const opaque = type === "image/jpeg"; // which has no transparency
    const canvas = picture.paint(bitmap, (strip, top) => colourRows(strip, top, rows), { opaque });
    if (bitmap.width * bitmap.height > LARGE_PICTURE) this.#release();
    const blob = await canvas.convertToBlob({ type, quality });
    const { format, file } = this.#photos.get(photo);
    if (type !== "image/jpeg" || format !== "JPEG") return blob;
    return withExif(blob, exifSegment(new Uint8Array(await file.arrayBuffer())));
  }

  async #bitmapOf(photo) {
    if (this.#open?.photo !== photo) {
      this.#release();
      const entry = this.#photos.get(photo);
      const { bitmap, format } = await picture.decode(entry.file);
      entry.format = format;
      this.#open = { photo, bitmap };
    }
    return this.#open.bitmap;
  }

  #release() {
    this.#open?.bitmap.close();
    this.#open = null;
  }

  #square(entry, bitmap, size) {
    const reducer = new SquareReducer(bitmap.width, bitmap.height, size);
    const lightness = new Float32Array(bitmap.width);
    entry.hasColour = false;
    picture.forEachStrip(bitmap, ({ data, height }) => {
      for (let row = 0; row < height; row++) {
        lab.writeLightness(data, row * bitmap.width, lightness);
        reducer.push(lightness);
      }
      entry.hasColour ||= hasColour(data);
    });
    return reducer.square;
  }

  #abRows(photo, model, vividness, part, width, height) {
    const { squares, ab } = this.#photos.get(photo);
    const { size } = this.#networks.get(model);
    const vivid = lab.withVividness(squares.get(size), ab.get(model), vividness);
    return new AbRows(vivid, size, part, width, height);
  }
}

function colourRows(pixels, top, rows) {
  for (let row = 0; row < pixels.height; row++) {
    lab.writeColour(pixels.data, row * pixels.width, rows.at(top + row), pixels.width);
  }
}

function hasColour(data) {
  let coloured = 0;
  for (let at = 0; at < data.length; at += 4) {
    const [red, green, blue] = [data[at], data[at + 1], data[at + 2]];
    if (Math.max(red, green, blue) - Math.min(red, green, blue) > COLOUR_DIFFERENCE) coloured++;
  }
  return coloured * 100 > data.length / 4;
}
