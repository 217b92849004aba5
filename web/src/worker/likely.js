/** Selects likely, distinct colors from a distribution over a palette. */

import { AB_SCALE } from "../photo/lab.js";

const NEAR = 10 / AB_SCALE; // colors this close look alike: the grid of the palette
const MOST = 6;
const LEAST = 0.01; // of the likeliest one's share

/**
 * Selects colors one by one. Each also removes similar ones, so that the next is distinct.
 *
 * @param {number[][]} palette Pairs a, b in [-1, 1].
 * @param {ArrayLike<number>} shares One per entry; need not sum to 1.
 * @returns {number[][]} At most `MOST` entries, the likeliest first.
 */
export function distinct(palette, shares) {
  const total = Array.from(shares).reduce((sum, share) => sum + share, 0);
  const entries = palette.map((ab, index) => ({ ab, left: shares[index] / total })).filter(({ left }) => left > 1e-5);
  const found = [];
  let first = 0;
  while (found.length < MOST && entries.length > 0) {
    const densities = entries.map(({ ab }) => entries.reduce((sum, other) => sum + other.left * likeness(ab, other.ab, NEAR), 0));
    const best = densities.reduce((top, density, index) => (density > densities[top] ? index : top), 0);
    first ||= densities[best];
    if (densities[best] < LEAST * first) break;
    const { ab } = entries[best];
    found.push(ab);
    for (const entry of entries) entry.left *= 1 - likeness(ab, entry.ab, 2 * NEAR);
  }
  return found;
}

/**
 * 1 for the same color, falling with the distance.
 *
 * @param {number[]} one
 * @param {number[]} other
 */
function likeness(one, other, width) {
  return Math.exp(-((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) / (2 * width ** 2));
}

/**
 * @param {Float32Array} logits Of all places of a photo.
 * @param {number} side Places along one side.
 * @param {{x: number, y: number}} share Place, in shares of the sides.
 * @returns {Float64Array} The probabilities there.
 */
export function probabilities(logits, side, { x, y }) {
  const count = logits.length / side ** 2;
  const from = count * (Math.floor(y * side) * side + Math.floor(x * side));
  const here = logits.subarray(from, from + count);
  const most = here.reduce((top, value) => Math.max(top, value), -Infinity);
  return Float64Array.from(here, (logit) => Math.exp(logit - most));
}

/**
 * For networks without a palette: the photo's automatic colors, first those of equally bright places.
 *
 * @param {Float32Array} lightness `size * size` values.
 * @param {Float32Array} ab Two per value.
 * @param {number} size
 * @param {number} here Lightness of the place.
 */
export function alike(lightness, ab, size, here) {
  const [palette, shares] = [[], []];
  const step = Math.max(1, size >> 5);
  for (let row = step >> 1; row < size; row += step) {
    for (let at = row * size + (step >> 1); at < (row + 1) * size; at += step) {
      palette.push([ab[2 * at], ab[2 * at + 1]]);
      shares.push(Math.exp(-(((lightness[at] - here) / 0.2) ** 2)));
    }
  }
  return { palette, shares };
}
