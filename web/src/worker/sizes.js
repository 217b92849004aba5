/** The size at which a network of several sizes sees a photo, as in tf_colorize/inference/predictor.py. */

const USUAL_GIGABYTES = 4; // of devices whose browser does not tell
const SHARE_OF_MEMORY = 1 / 16;

/**
 * @param {{width: number, height: number}} picture
 * @param {number[]} sides Of the squares that the network can see.
 * @param {number} [gigabytes] The device's memory.
 * @returns {number} The largest side that enlarges nothing, if the device has the memory for it; at least the smallest.
 */
export function sizeFor({ width, height }, sides, gigabytes = /** @type {any} */ (navigator).deviceMemory ?? USUAL_GIGABYTES) {
  const fitting = sides.filter((side) => side ** 2 <= width * height && bytes(side) <= gigabytes * 1e9 * SHARE_OF_MEMORY);
  return Math.max(Math.min(...sides), ...fitting);
}

/** What LiteRT keeps of a size that it has run, above all two matrices from places at stride 4 to places at stride 8, for hints. */
function bytes(side) {
  return 2 * 4 * (side / 4) ** 2 * (side / 8) ** 2;
}
