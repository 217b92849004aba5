/** A picture file as pixels in the browser, read and written in strips of about a megapixel. */

import { PictureError, inspect } from "./inspect.js";

const STRIP_PIXELS = 1 << 20;
// Decoded picture and result hold 8 bytes per pixel while a picture is saved: with this,
// an eighth of the memory.
const PIXELS_PER_GIGABYTE = 16e6;
const USUAL_GIGABYTES = 4;
const MAX_PIXELS = 200e6;

/**
 * Decodes a file, upright and in sRGB.
 *
 * @param {Blob} file
 * @returns {Promise<{bitmap: ImageBitmap, format: string}>}
 * @throws {PictureError} It is not a picture that this browser can read completely, or too large.
 */
export async function decode(file) {
  const info = inspect(new Uint8Array(await file.arrayBuffer()));
  checkSize(info.width, info.height);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    const readable = ["HEIC", "TIFF", "AVIF"].includes(info.format)
      ? `This browser cannot read ${info.format} pictures.`
      : "The picture is broken.";
    throw new PictureError(readable);
  }
  checkSize(bitmap.width, bitmap.height);
  return { bitmap, format: info.format };
}

function checkSize(width, height) {
  const limit = Math.min(MAX_PIXELS, (navigator.deviceMemory ?? USUAL_GIGABYTES) * PIXELS_PER_GIGABYTE);
  if (!(width * height > limit)) return;
  throw new PictureError(
    `The picture has ${megapixels(width * height)} megapixels; on this device the limit is ${megapixels(limit)}.`,
  );
}

function megapixels(pixels) {
  return Math.round(pixels / 1e6);
}

/**
 * Hands out the pixels of a picture in strips, from top to bottom.
 *
 * @param {ImageBitmap} bitmap
 * @param {(strip: ImageData, top: number) => void} visit
 */
export function forEachStrip(bitmap, visit) {
  const { width, height } = bitmap;
  const rows = Math.min(height, Math.max(1, Math.floor(STRIP_PIXELS / width)));
  const context = contextOf(width, rows);
  context.globalCompositeOperation = "copy";
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
    visit(context.getImageData(0, 0, width, count), top);
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
  return context.getImageData(0, 0, width, height);
}

/**
 * Paints a picture of the same size, made strip by strip.
 *
 * @param {ImageBitmap} bitmap The picture it is made from.
 * @param {(strip: ImageData, top: number) => void} change Changes a strip in place.
 * @param {{opaque?: boolean}} [options] `opaque` lays the picture on white.
 * @returns {OffscreenCanvas}
 * @throws {PictureError} The browser has no canvas of that size.
 */
export function paint(bitmap, change, { opaque = false } = {}) {
  const { width, height } = bitmap;
  const context = contextOf(width, height);
  let last;
  forEachStrip(bitmap, (strip, top) => {
    change(strip, top);
    context.putImageData(strip, 0, top);
    last = strip.data.slice(-4);
  });
  // Where a canvas is too large, some browsers draw nothing and say nothing.
  const kept = context.getImageData(width - 1, height - 1, 1, 1).data;
  if (kept[3] !== last[3]) {
    throw new PictureError(`This browser cannot save pictures of ${width} × ${height} pixels.`);
  }
  if (opaque) {
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
  }
  return context.canvas;
}

function contextOf(width, height) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new PictureError(`This browser cannot hold pictures of ${width} × ${height} pixels.`);
  return context;
}
