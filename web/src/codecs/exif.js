/**
 * The camera's metadata of a JPEG (date, place, exposure), for the JPEG that is saved from it. Libraries such as exifr
 * give its fields; what is needed here is the segment itself, byte for byte.
 */

import { walkJpeg } from "./inspect.js";

const EXIF_MARKER = 0xffe1;
const ORIENTATION_TAG = 0x0112;
const HEADER = "Exif\0\0";

/**
 * Copies the EXIF segment of a JPEG, marked as upright because the saved pixels are.
 *
 * @param {Uint8Array} bytes A JPEG file.
 * @returns {Uint8Array | null} The whole segment with its marker.
 */
export function exifSegment(bytes) {
  let segment = null;
  walkJpeg(bytes, (marker, start, length) => {
    const isExif = marker === EXIF_MARKER && String.fromCharCode(...bytes.subarray(start, start + 6)) === HEADER;
    if (isExif && !segment) segment = bytes.slice(start - 4, start + length);
  });
  return segment && uprightWithoutThumbnail(segment) ? segment : null;
}

/**
 * @param {Blob} jpeg As `JpegWriter` makes it.
 * @param {any} segment Bytes, or null.
 * @returns {Blob}
 */
export function withExif(jpeg, segment) {
  return segment ? new Blob([jpeg.slice(0, 2), segment, jpeg.slice(2)], { type: jpeg.type }) : jpeg;
}

/** Changes the segment in place; returns false if it is malformed. */
function uprightWithoutThumbnail(segment) {
  const data = new DataView(segment.buffer, 10); // past marker, length and header
  try {
    const isLittle = data.getUint16(0) === 0x4949;
    const directory = data.getUint32(4, isLittle);
    const count = data.getUint16(directory, isLittle);
    for (let entry = directory + 2; entry < directory + 2 + 12 * count; entry += 12) {
      if (data.getUint16(entry, isLittle) === ORIENTATION_TAG) data.setUint16(entry + 8, 1, isLittle);
    }
    data.setUint32(directory + 2 + 12 * count, 0, isLittle); // the next directory is the thumbnail's
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
