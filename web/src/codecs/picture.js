/** A picture file as pixels in the browser, read in strips of about a megapixel. */

import * as films from "./films.js";
import { PictureError, inspect } from "./inspect.js";
import { BAND_ROWS } from "./jpeg.js";
import { ending, PHOTOS } from "../photo/suffixes.js";

const STRIP_PIXELS = 1 << 20;
const STRIP_ROWS = 1024; // keeps narrow pictures within the limits of a canvas, too
const TOO_LARGE = "The picture is too large for this browser.";
// A decoded picture holds 4 bytes per pixel, and up to twice that while it is decoded. With this
// limit, that is at most an eighth of the memory.
const PIXELS_PER_GIGABYTE = 16e6;
const USUAL_GIGABYTES = 4;
const MAX_PIXELS = 200e6;

/** A port without a receiver: transferring to it frees memory. */
const nowhere = new MessageChannel().port1;
nowhere.close();

/**
 * Checks a file before it is decoded.
 *
 * @param {Blob} file
 * @param {string} name
 * @returns {Promise<{format: string}>}
 * @throws {PictureError} It is not a complete still picture, or it is too large.
 */
export async function examine(file, name) {
  const head = new Uint8Array(await file.slice(0, films.HEAD).arrayBuffer()); // a film may be larger than the memory
  if (films.isFilm(head, { name, type: file.type })) throw new PictureError(films.advice(name));
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { format, width, height } = inspect(bytes);
  free(bytes);
  checkSize(width, height);
  return { format };
}

/**
 * Decodes a file, upright and in sRGB.
 *
 * @param {{file: Blob, format: string}} photo
 * @returns {Promise<ImageBitmap>}
 * @throws {PictureError} The browser cannot read it, or it is too large.
 */
export async function decode({ file, format }) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new PictureError(await reasonAgainst(file, format));
  }
  try {
    checkSize(bitmap.width, bitmap.height);
    return bitmap;
  } catch (error) {
    bitmap.close();
    throw error;
  }
}

async function reasonAgainst(file, format) {
  const small = await createImageBitmap(file, { resizeWidth: 16, resizeHeight: 16 }).catch(() => null);
  if (small) return TOO_LARGE;
  if (["HEIC", "TIFF", "AVIF"].includes(format)) return `This browser cannot read ${format} pictures. ${wayOut(file.name)}`;
  return "The picture is broken.";
}

/** The command reads more formats, but not those of raw files, which also are TIFFs. */
function wayOut(name = "") {
  const isKnown = ending(PHOTOS).test(name);
  return `Save it as JPEG${isKnown ? `, or in a terminal: tf-colorize ${films.quoted(name)}` : " or PNG."}`;
}

function checkSize(width, height) {
  const limit = Math.min(MAX_PIXELS, (/** @type {any} */ (navigator).deviceMemory ?? USUAL_GIGABYTES) * PIXELS_PER_GIGABYTE);
  if (!(width * height > limit)) return;
  throw new PictureError(
    `The picture has ${megapixels(width * height)} megapixels; on this device the limit is ${megapixels(limit)}.`,
  );
}

function megapixels(pixels) {
  return Math.round(pixels / 1e6);
}

/**
 * Yields the pixels of a picture in strips, from top to bottom. A strip is freed when the next one is requested.
 *
 * @param {ImageBitmap} bitmap
 * @yields {{pixels: ImageData, top: number}} May be changed. All but the last have the number of rows that `JpegWriter` needs.
 * @throws {PictureError} The browser supports no canvas of this width.
 */
export function* strips(bitmap) {
  const { width, height } = bitmap;
  const wanted = Math.min(STRIP_ROWS, STRIP_PIXELS / width);
  const rows = Math.min(height, BAND_ROWS * Math.max(1, Math.floor(wanted / BAND_ROWS)));
  const context = contextOf(width, rows);
  context.globalCompositeOperation = "copy";
  try {
    for (let top = 0; top < height; top += rows) {
      const count = Math.min(rows, height - top);
      context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
      const pixels = context.getImageData(0, 0, width, count);
      yield { pixels, top };
      free(pixels);
    }
  } finally {
    context.canvas.width = 0; // phones count a canvas until it is garbage-collected
  }
}

/**
 * Draws a part of a picture at another size.
 *
 * @param {ImageBitmap} bitmap
 * @param {{x: number, y: number, width: number, height: number}} part In pixels of the picture.
 * @param {number} width
 * @param {number} height
 * @returns {ImageData}
 */
export function drawPart(bitmap, part, width, height) {
  const context = contextOf(width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, part.x, part.y, part.width, part.height, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  context.canvas.width = 0;
  return pixels;
}

/**
 * Frees the memory of pixels or bytes at once: garbage collectors are slow to notice large buffers outside their heap.
 *
 * @param {ImageData | Uint8Array} pixels Empty afterwards.
 */
export function free(pixels) {
  nowhere.postMessage(null, [(pixels instanceof ImageData ? pixels.data : pixels).buffer]);
}

function contextOf(width, height) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context || !keepsPixels(context, width, height)) throw new PictureError(TOO_LARGE);
  return context;
}

/** If a canvas is too large, some browsers silently draw nothing. */
function keepsPixels(context, width, height) {
  context.fillRect(width - 1, height - 1, 1, 1);
  const [, , , alpha] = context.getImageData(width - 1, height - 1, 1, 1).data;
  context.clearRect(width - 1, height - 1, 1, 1);
  return alpha === 255;
}
