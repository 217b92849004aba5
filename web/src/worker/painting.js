/** Hints, painted for the network exactly as tf_colorize/hints.py does. */

import * as looks from "../photo/look.js";
import { abOfThing } from "../photo/oklab.js";

/**
 * Paints hints: each is a square of at least 3 pixels, in its color at the square's mean lightness; where squares overlap, the
 * nearer hint gets the pixel.
 *
 * @param {{x: number, y: number, color: string, size?: number}[]} hints Pixels of the upright photo, from its left and
 *   top edge, "#rrggbb", of which only hue and chroma count, and the width of the hint in pixels of the photo.
 * @param {{width: number, height: number}} photo
 * @param {Float32Array} lightness The network's square input, in [-1, 1].
 * @returns {Float32Array} For each of its pixels: a, b and 1 at hints, zeros elsewhere.
 */
export function paint(hints, { width, height }, lightness) {
  const size = Math.sqrt(lightness.length);
  const painted = new Float32Array(size * size * 3);
  const nearest = new Float64Array(size * size).fill(Infinity);
  for (const { x, y, color, size: wide = 0 } of hints) {
    const columns = reached(x, wide, width, size);
    const rows = reached(y, wide, height, size);
    const [a, b] = abOfThing(color, meanOf(lightness, rows, columns, size));
    for (const [row, down] of rows) {
      for (const [column, across] of columns) {
        const at = row * size + column;
        const distance = Math.max(down, across);
        if (!(distance < nearest[at])) continue;
        nearest[at] = distance;
        painted.set([a, b, 1], at * 3);
      }
    }
  }
  return painted;
}

function meanOf(lightness, rows, columns, size) {
  let sum = 0;
  for (const [row] of rows) for (const [column] of columns) sum += lightness[row * size + column];
  return sum / (rows.length * columns.length);
}

/** Pairs of a network's row or column that a hint covers and its distance from the hint's center. */
function reached(place, wide, length, size) {
  const scale = size / length;
  const center = (Math.floor(place) + 0.5) * scale - 0.5; // center of the photo's pixel
  const offsets = Array.from({ length: size }, (_, pixel) => [pixel, Math.abs(pixel - center)]);
  const reach = Math.max(0.5 * wide * scale, 1, scale, Math.min(...offsets.map(([, offset]) => offset)));
  return offsets.filter(([, offset]) => offset <= reach);
}

/**
 * Changes painted hints so that the look turns their colors into the requested ones.
 *
 * @param {Float32Array} painted From `paint`; changed in place.
 * @param {Float32Array} lightness `size * size` values in [-1, 1].
 * @param {looks.Look} look One that leaves color.
 * @param {number} [strength] Factor on the network's colors before the look.
 */
export function undoLook(painted, lightness, look, strength = 1) {
  if (looks.isUnadjusted(look) && strength === 1) return;
  for (let at = 0; at < lightness.length; at++) {
    if (painted[3 * at + 2] === 0) continue;
    const before = looks.undone(lightness[at], [...painted.subarray(3 * at, 3 * at + 2)], look);
    painted.set(before.map((value) => value / strength), 3 * at);
  }
}

/** Adds hints where none are painted; `painted` is changed in place. */
export function fill(painted, more) {
  for (let at = 0; at < painted.length; at += 3) {
    if (painted[at + 2] === 0 && more[at + 2] !== 0) painted.set(more.subarray(at, at + 3), at);
  }
}
