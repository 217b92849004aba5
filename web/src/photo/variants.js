/** Variants of a photo to choose from: the same looks as in tf_colorize/albums/variants.py. */

import { rangeOf } from "./look.js";

/** The steps between pictures: vividness across, warmth down. */
const STEPS = { vividness: 0.4, warmth: 0.5 };

/**
 * @param {import("./look.js").Look} look
 * @returns {import("./look.js").Look[]} Nine looks, row by row, including the look itself.
 */
export function nine(look) {
  const [strengths, warmths] = Object.keys(STEPS).map((name) => around(look[name], STEPS[name], rangeOf(name)));
  return warmths.flatMap((warmth) => strengths.map((vividness) => Object.freeze({ ...look, vividness, warmth })));
}

/** Three numbers a step apart, including the value. */
function around(value, step, [least, most]) {
  const first = value + step > most ? -2 : value - step < least ? 0 : -1;
  return [0, 1, 2].map((index) => Number((value + step * (first + index)).toFixed(6)));
}

/**
 * @template {{x: number, y: number, color: string}} Dot
 * @param {readonly Dot[]} list The dots of a photo.
 * @param {{x: number, y: number, color: string}} dot
 * @returns {(Dot | {x: number, y: number, color: string})[]} The same with another one, which replaces one at its place.
 */
export function withDot(list, dot) {
  return [...list.filter(({ x, y }) => x !== dot.x || y !== dot.y), dot];
}
