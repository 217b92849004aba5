/**
 * The open photos, with as few of their pixels as possible: one at full size while it is needed, the latest ones in a size for the screen, all of them in the size of a network.
 */

import * as picture from "../codecs/picture.js";
import { colorShare } from "./margins.js";
import { survey } from "./survey.js";

const REST_MS = 5000; // users who look at single pixels usually continue
const COPIES = 4;

export class Album {
  #photos = new Map();
  #full = null; // `{photo, bitmap}`
  #rest;
  #copied = []; // photos with a copy, the last used one last

  get(id) {
    return this.#photos.get(id);
  }

  /**
   * @param {number} id
   * @param {Blob} file
   * @param {string} name Of the file.
   * @param {(picture: {width: number, height: number}) => Iterable<number>} sizesFor Sizes of the squares that will be needed.
   * @returns {Promise<Record<string, any>>} The photo: `width`, `height`, `format`, `hasColor`, `isOpaque`.
   * @throws {PictureError} See `picture.examine` and `picture.decode`.
   */
  async add(id, file, name, sizesFor) {
    const photo = { file, squares: new Map(), shares: new Map(), ab: new Map(), hinted: new Map(), ...(await picture.examine(file, name)) };
    await this.#survey(photo, sizesFor);
    this.#photos.set(id, photo);
    return photo;
  }

  remove(id) {
    const photo = this.#photos.get(id);
    if (this.#full?.photo === photo) this.#release();
    this.#dropCopy(photo);
    this.#photos.delete(id);
  }

  /** @returns {Promise<Float32Array>} The input of a network for the photo: `size * size` values of lightness. */
  async square(photo, size) {
    if (!photo.squares.has(size)) await this.#survey(photo, () => [size]);
    return photo.squares.get(size);
  }

  /** The share of color to keep at each place of a photo's square: 0 in flat margins. */
  colorShare(photo, size) {
    if (!photo.shares.has(size)) photo.shares.set(size, colorShare(photo.squares.get(size)));
    return photo.shares.get(size);
  }

  /** @returns {Promise<{bitmap: ImageBitmap, factor: number}>} The photo, `factor` times smaller. */
  async copy(photo) {
    if (photo.copy) this.#touch(photo);
    else await this.#survey(photo, () => []);
    return photo.copy;
  }

  /**
   * Runs a function on a photo at full size, which is decoded and kept for a while.
   *
   * @param {any} photo
   * @param {(bitmap: ImageBitmap) => any} work
   * @returns {Promise<any>} What `work` returns.
   */
  async atFullSize(photo, work) {
    clearTimeout(this.#rest);
    if (this.#full?.photo !== photo) {
      this.#release();
      this.#full = { photo, bitmap: await picture.decode(photo) };
    }
    try {
      return await work(this.#full.bitmap);
    } finally {
      this.#rest = setTimeout(() => this.#release(), REST_MS);
    }
  }

  async #survey(photo, sizesFor) {
    const { squares, ...found } = await this.atFullSize(photo, async (bitmap) => {
      return { width: bitmap.width, height: bitmap.height, ...(await survey(bitmap, sizesFor(bitmap))) };
    });
    this.#dropCopy(photo);
    Object.assign(photo, found);
    for (const [size, square] of squares) photo.squares.set(size, square);
    this.#touch(photo);
    if (this.#copied.length > COPIES) this.#dropCopy(this.#copied[0]);
  }

  #touch(photo) {
    this.#copied = [...this.#copied.filter((other) => other !== photo), photo];
  }

  #dropCopy(photo) {
    photo?.copy?.bitmap.close();
    if (photo) photo.copy = null;
    this.#copied = this.#copied.filter((other) => other !== photo);
  }

  #release() {
    this.#full?.bitmap.close();
    this.#full = null;
  }
}
