/** Color photos that lend others their colors: read from files, and compared with a photo by a network's features. */

import * as picture from "../codecs/picture.js";
import { PictureError } from "../codecs/inspect.js";
import { PngWriter } from "../codecs/png.js";
import * as lab from "../photo/lab.js";
import * as references from "../photo/references.js";
import { ColorJudge } from "./color_judge.js";
import * as matching from "./matching.js";
import { SquareReducer } from "./resample.js";

const SIDE = 512; // pixels, as the command reduces them
const KEPT = 8; // references whose features are kept

/**
 * Reads a color photo and reduces it.
 *
 * @param {Blob} file
 * @param {string} name
 * @returns {Promise<references.Reference>}
 * @throws {PictureError} It cannot be read, or has no color.
 */
export async function read(file, name) {
  const bitmap = await picture.decode({ file, ...(await picture.examine(file, name)) });
  try {
    const { width, height } = bitmap;
    return await made(picture.drawPart(bitmap, { x: 0, y: 0, width, height }, ...reduced(bitmap)), name);
  } finally {
    bitmap.close();
  }
}

/** @returns {[number, number]} The width and height of a photo as a reference. */
export function reduced({ width, height }) {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const side = (length) => Math.max(1, Math.round(length * scale));
  return [side(width), side(height)];
}

/**
 * @param {ImageData} pixels Of a reduced photo.
 * @param {string} name
 * @returns {Promise<references.Reference>}
 * @throws {PictureError} It has no color.
 */
export async function made(pixels, name) {
  checkColor(pixels);
  const writer = new PngWriter(pixels.width, pixels.height, { isOpaque: true });
  await writer.push(pixels);
  return references.made(name, new Uint8Array(await (await writer.finish()).arrayBuffer()));
}

function checkColor(pixels) {
  const judge = new ColorJudge(pixels.width, pixels.height);
  for (let row = 0; row < pixels.height; row++) judge.push(pixels.data, row * pixels.width);
  if (!judge.hasColor()) throw new PictureError("It is gray or has a single tone. Only a photo in color can lend its colors.");
}

/** Compares photos with references, of which the latest are kept. */
export class Lender {
  #known = []; // `{network, photo, seen}`

  /**
   * The colors of references at the matching places of a photo.
   *
   * @param {import("./network.js").Network} network It has features.
   * @param {Float32Array} lightness `size * size` values of the photo.
   * @param {readonly references.Reference[]} list
   * @param {Float32Array} painted The user's hints, from `painting.paint` for any size.
   * @returns {Promise<{side: number, cells: Float32Array}>} `side * side` places with a, b and their certainty.
   */
  async wanted(network, lightness, list, painted) {
    const seen = featuresOf(await network.features(lightness), network.size);
    const others = [];
    for (const reference of list) others.push(await this.#seenOf(network, reference));
    const side = Math.sqrt(seen.places);
    return { side, cells: matching.wanted(seen, others, placesOf(painted, side)) };
  }

  async #seenOf(network, reference) {
    const known = this.#known.find((other) => other.network === network && other.photo === reference.photo);
    this.#known = this.#known.filter((other) => other !== known);
    const entry = known ?? { network, photo: reference.photo, seen: await look(network, reference) };
    this.#known = [...this.#known, entry].slice(-KEPT);
    return entry.seen;
  }
}

/** Features of a reference, and the mean colors of its places. */
async function look(network, reference) {
  const bitmap = await picture.decode({ file: references.blobOf(reference), format: "PNG" });
  const { width, height } = bitmap;
  const { data } = picture.drawPart(bitmap, { x: 0, y: 0, width, height }, width, height);
  bitmap.close();
  const reducers = [0, 1, 2].map(() => new SquareReducer(width, height, network.size));
  const rows = reducers.map(() => new Float32Array(width));
  for (let row = 0; row < height; row++) {
    lab.writeLightness(data, row * width, rows[0]);
    lab.writeAb(data, row * width, rows[1], rows[2]);
    reducers.forEach((reducer, index) => reducer.push(rows[index]));
  }
  const features = featuresOf(await network.features(reducers[0].square), network.size);
  const [a, b] = reducers.slice(1).map(({ square }) => meansOf(square, Math.sqrt(features.places)));
  const ab = Float32Array.from({ length: 2 * features.places }, (_, at) => (at % 2 ? b : a)[at >> 1]);
  return { features, ab };
}

/** The features of a network are at stride 8. */
export function featuresOf(values, size) {
  const places = (size / 8) ** 2;
  return { places, count: values.length / places, values };
}

/** Means over the places of a square. */
function meansOf(square, side) {
  const times = Math.sqrt(square.length) / side;
  const means = new Float32Array(side ** 2);
  square.forEach((value, at) => {
    const [row, column] = [Math.floor(at / (side * times)), at % (side * times)];
    means[Math.floor(row / times) * side + Math.floor(column / times)] += value / times ** 2;
  });
  return means;
}

/** Places that have a hint. */
function placesOf(painted, side) {
  const size = Math.sqrt(painted.length / 3);
  const places = new Set();
  for (let at = 0; at < size ** 2; at++) {
    if (painted[3 * at + 2] === 0) continue;
    const [row, column] = [Math.floor(at / size), at % size];
    places.add(Math.floor((row * side) / size) * side + Math.floor((column * side) / size));
  }
  return places;
}
