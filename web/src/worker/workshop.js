/** The tasks of the worker: load a model, open a photo, colorize it, show it, save it. */

import { Album } from "./album.js";
import { exifSegment, withExif } from "../codecs/exif.js";
import { JpegWriter } from "../codecs/jpeg.js";
import * as lab from "../photo/lab.js";
import * as looks from "../photo/look.js";
import * as likely from "./likely.js";
import { withoutColorInMargins } from "./margins.js";
import { openModel } from "./models.js";
import { Network, start } from "./network.js";
import * as picture from "../codecs/picture.js";
import { PngWriter } from "../codecs/png.js";
import * as painting from "./painting.js";
import { largest } from "./region.js";
import { AbRows } from "./resample.js";
import * as lending from "./lending.js";

// Lightness at which colors are suggested, L* of 45 to 85.
const [DARKEST, BRIGHTEST] = [-0.1, 0.7];
const ALL = { x: 0, y: 0, width: 1, height: 1 }; // of a photo, in shares of its sides

export class Workshop {
  #folder;
  #networks = new Map();
  #shipped = new Set(); // networks that come with the page
  #lender = new lending.Lender();
  #album = new Album();

  /** @param {string} folder The folder of LiteRT's files. */
  constructor(folder) {
    this.#folder = folder;
  }

  /**
   * Downloads and compiles a model.
   *
   * @returns {Promise<{accelerator: string, runtime: string, takesHints: boolean, takesColors: boolean}>} `takesColors`:
   *   also those of other photos.
   */
  async loadModel({ model }, report) {
    if (!this.#networks.has(model.name)) {
      start(this.#folder).catch(() => undefined); // both downloads at once; `compile` reports a failure
      const file = await openModel(model, (received, total) => report({ received, total }));
      this.#networks.set(model.name, await Network.compile(file, this.#folder));
      if (model.url) this.#shipped.add(this.#networks.get(model.name));
    }
    const network = this.#networks.get(model.name);
    const { accelerator, takesHints } = network;
    const { runtime } = await start(this.#folder);
    return { accelerator, runtime, takesHints, takesColors: takesHints && Boolean(this.#eyesFor(network)) };
  }

  /** The network that compares photos: as in the command, one that ships, if it can; otherwise the model itself. */
  #eyesFor(network) {
    return [...this.#shipped, network].find(({ hasFeatures }) => hasFeatures);
  }

  /**
   * Reads a photo that lends others its colors.
   *
   * @param {{file: Blob, name: string}} request
   * @returns {Promise<import("../photo/references.js").Reference>}
   */
  async lend({ file, name }) {
    return lending.read(file, name);
  }

  /**
   * Makes a reference of an open photo: with the colors of its file or, if that is gray, with those that it is shown in.
   *
   * @param {{photo: number, name: string, model: string, hints: object[], look: looks.Look}} request
   * @returns {Promise<import("../photo/references.js").Reference>}
   */
  async lendShown({ photo: id, name, ...wish }) {
    const photo = this.#album.get(id);
    if (photo.hasColor) return lending.read(photo.file, name);
    const [width, height] = lending.reduced(photo);
    const pixels = await this.#drawn(photo, { x: 0, y: 0, width: photo.width, height: photo.height }, width, height);
    colorRows(pixels, 0, await this.#abRows(photo, wish, ALL, width, height));
    return lending.made(pixels, name);
  }

  /**
   * Opens a photo.
   *
   * @returns {Promise<{width: number, height: number, format: string, hasColor: boolean, openSeconds: number}>}
   */
  async open({ photo: id, file, name }) {
    const begin = performance.now();
    const sizesFor = (picture) => new Set([...this.#networks.values()].map((network) => network.sizeFor(picture)));
    const { width, height, format, hasColor } = await this.#album.add(id, file, name, sizesFor);
    return { width, height, format, hasColor, openSeconds: (performance.now() - begin) / 1000 };
  }

  /** Forgets a photo. */
  async close({ photo: id }) {
    const photo = this.#album.get(id);
    for (const network of this.#networks.values()) photo?.squares.forEach((square) => network.forget(square));
    this.#album.remove(id);
  }

  /**
   * Runs the network on a photo.
   *
   * @returns {Promise<{seconds: number, accelerator: string}>}
   */
  async color({ photo: id, model }) {
    const begin = performance.now();
    const photo = this.#album.get(id);
    const network = this.#networks.get(model);
    photo.ab.set(model, await network.run(await this.#album.square(photo, network.sizeFor(photo))));
    return { seconds: (performance.now() - begin) / 1000, accelerator: network.accelerator };
  }

  /**
   * Suggests colors for a place of a photo.
   *
   * @param {{photo: number, model: string, x: number, y: number}} request Pixels of the photo.
   * @returns {Promise<{colors: string[]}>} Distinct ones, "#rrggbb", the likeliest first.
   */
  async suggest({ photo: id, model, x, y }) {
    const photo = this.#album.get(id);
    const network = this.#networks.get(model);
    const { palette } = network;
    const size = network.sizeFor(photo);
    const lightness = photo.squares.get(size);
    const share = { x: (x + 0.5) / photo.width, y: (y + 0.5) / photo.height };
    const here = lightness[Math.floor(share.y * size) * size + Math.floor(share.x * size)];
    // In deep shadow all colors would look black.
    const shown = Math.min(Math.max(here, DARKEST), BRIGHTEST);
    if (palette.length === 0) {
      const known = likely.alike(lightness, photo.ab.get(model), size, here);
      return { colors: likely.distinct(known.palette, known.shares).map((ab) => lab.hexOf(shown, ab)) };
    }
    const logits = await network.logits(lightness);
    const side = Math.sqrt(logits.length / palette.length);
    const shares = likely.probabilities(logits, side, share);
    return { colors: likely.distinct(palette, shares).map((ab) => lab.hexOf(shown, ab)) };
  }

  /**
   * Finds the largest thing of uncertain color, with the network that compares photos.
   *
   * @param {{photo: number, model: string}} request
   * @returns {Promise<{region: {x: number, y: number, colors: string[]} | null}>} A pixel of the photo and other colors of
   *   the thing there, "#rrggbb", the likeliest first; null if there is none, or that network has no palette.
   */
  async region({ photo: id, model }) {
    const photo = this.#album.get(id);
    const network = this.#networks.get(model);
    const eyes = this.#eyesFor(network);
    if (!eyes?.palette.length) return { region: null };
    const lightness = eyes.atSmallest(photo.squares.get(network.sizeFor(photo)));
    const [ab, logits] = [await eyes.run(lightness), await eyes.logits(lightness)];
    const features = lending.featuresOf(await eyes.features(lightness), eyes.size);
    const found = largest({ lightness, ab, logits, features }, eyes.palette);
    if (!found) return { region: null };
    const { x, y, colors } = found;
    return { region: { x: Math.floor(x * photo.width), y: Math.floor(y * photo.height), colors } };
  }

  /**
   * Draws several views of a part of a photo.
   *
   * @param {{photo: number, part: Record<string, any>, width: number, height: number, views: Record<string, any>[], look: looks.Look}} request
   *   A view is `{kind: "original"}`, `{kind: "gray"}` or `{kind: "color", model, hints}`; hints as `painting.paint`
   *   takes. The colors get the look.
   * @returns {Promise<ImageBitmap[]>} One for each view.
   */
  async draw({ photo: id, part, width, height, views, look }) {
    const photo = this.#album.get(id);
    const plain = await this.#drawn(photo, part, width, height);
    const shares = {
      x: part.x / photo.width,
      y: part.y / photo.height,
      width: part.width / photo.width,
      height: part.height / photo.height,
    };
    const drawn = [];
    for (const view of views) {
      const pixels = new ImageData(plain.data.slice(), width, height);
      if (view.kind === "gray") lab.writeGray(pixels.data);
      if (view.kind === "color") colorRows(pixels, 0, await this.#abRows(photo, { ...view, look }, shares, width, height));
      drawn.push(await createImageBitmap(pixels));
      picture.free(pixels);
    }
    picture.free(plain);
    return drawn;
  }

  /** A part of a photo at another size, from its copy if that has enough pixels. */
  async #drawn(photo, part, width, height) {
    const { bitmap, factor } = await this.#album.copy(photo);
    if (factor > 1 && width * factor > part.width) {
      return this.#album.atFullSize(photo, (full) => picture.drawPart(full, part, width, height));
    }
    const reduced = /** @type {any} */ (Object.fromEntries(Object.entries(part).map(([key, value]) => [key, value / factor])));
    return picture.drawPart(bitmap, reduced, width, height);
  }

  /**
   * Makes the file of a photo at full resolution.
   *
   * @param {{photo: number, model: string, hints: object[], look: looks.Look, type: string, quality: number}} request
   * @returns {Promise<Blob>}
   */
  async save({ photo: id, model, hints, look, type, quality }) {
    const photo = this.#album.get(id);
    const { width, height, format, file } = photo;
    const isJpeg = type === "image/jpeg";
    const writer = isJpeg ? new JpegWriter(width, height, quality) : new PngWriter(width, height, photo);
    const rows = await this.#abRows(photo, { model, hints, look }, ALL, width, height);
    await this.#album.atFullSize(photo, async (bitmap) => {
      for (const { pixels, top } of picture.strips(bitmap)) {
        colorRows(pixels, top, rows);
        await writer.push(pixels);
      }
    });
    const blob = await writer.finish();
    if (!isJpeg || format !== "JPEG") return blob;
    return withExif(blob, exifSegment(new Uint8Array(await file.arrayBuffer())));
  }

  async #abRows(photo, wish, part, width, height) {
    const size = this.#networks.get(wish.model).sizeFor(photo);
    return new AbRows(await this.#ab(photo, wish), size, part, width, height);
  }

  /** The colors of a photo from a model. What the network makes of the latest dots and references is kept. */
  async #ab(photo, { model, hints = [], look }) {
    const network = this.#networks.get(model);
    const lightness = photo.squares.get(network.sizeFor(photo));
    const share = this.#album.colorShare(photo, network.sizeFor(photo));
    const eyes = look.reference.length > 0 ? this.#eyesFor(network) : null;
    if (!network.takesHints || looks.dropsHints(look) || (hints.length === 0 && !eyes)) {
      return looks.applied(lightness, withoutColorInMargins(photo.ab.get(model), share), look);
    }
    const { reference, ...numbers } = look;
    // Without dots, what the network gets does not depend on the numbers of the look.
    const key = [JSON.stringify(hints.length > 0 ? [hints, numbers] : []), ...reference.map((one) => one.photo)].join();
    if (photo.hinted.get(model)?.key !== key) {
      const ab = await this.#hinted(photo, network, photo.ab.get(model), hints, look, eyes);
      const painted = painting.paint(hints, photo, lightness);
      photo.hinted.set(model, { key, ab: withoutColorInMargins(ab, share, painted) });
    }
    return looks.applied(lightness, photo.hinted.get(model).ab, look);
  }

  /** The network's colors with the user's dots and those of references, before the look. */
  async #hinted(photo, network, automatic, hints, look, eyes) {
    const lightness = photo.squares.get(network.sizeFor(photo));
    const painted = painting.paint(hints, photo, lightness);
    const lent = eyes ? await this.#lent(photo, eyes, lightness, automatic, look, hints, painted) : null;
    painting.undoLook(painted, lightness, look, lent?.strength);
    if (lent) painting.fill(painted, lent.hints);
    if (!painted.some((value) => value !== 0)) return automatic;
    const ab = await network.run(lightness, painted);
    return lent && lent.strength !== 1 ? ab.map((value) => value * lent.strength) : ab;
  }

  /** What references say, measured against the network's own colors. */
  async #lent(photo, eyes, lightness, automatic, look, hints, painted) {
    const key = [lightness.length, JSON.stringify(hints.map(({ x, y, size }) => [x, y, size])), ...look.reference.map((one) => one.photo)].join();
    if (photo.lent?.key !== key || photo.lent.eyes !== eyes) {
      photo.lent = { key, eyes, wanted: await this.#lender.wanted(eyes, lightness, look.reference, painted) };
    }
    return looks.prepared(automatic, photo.lent.wanted);
  }
}

function colorRows(pixels, top, rows) {
  for (let row = 0; row < pixels.height; row++) {
    lab.writeColor(pixels.data, row * pixels.width, rows.at(top + row), pixels.width);
  }
}
