/** The user's adjustments of the colors: the same as in tf_colorize/color/look.py. */

import * as lab from "./lab.js";
import * as references from "./references.js";

/** @typedef {{vividness: number, warmth: number, reference: readonly references.Reference[]}} Look */

/** @type {Readonly<Look>} The network's colors unchanged. */
export const PLAIN = Object.freeze({ vividness: 1, warmth: 0, reference: references.NONE });

/** @type {Record<string, [number, number]>} The range of each number of a look. */
const RANGES = { vividness: [0, 2], warmth: [-1, 1] };

const UNDOING_STEPS = 8;
const LITTLE_COLOR = 0.1 / 40; // with references: prior of the measurement of strength
const STRENGTHS = [0.75, 1.5]; // of the network's colors, with references
const [WARMEST, NEUTRAL] = [4000, 6504]; // kelvin

/** @returns {[number, number]} The least and the greatest value of a number of a look. */
export function rangeOf(name) {
  return RANGES[name];
}

/** Whether no color is left, so that hints have no effect. */
export function dropsHints({ vividness }) {
  return vividness === 0;
}

export function isPlain(look) {
  return isUnadjusted(look) && look.reference.length === 0;
}

/** Whether the numbers of a look change nothing. */
export function isUnadjusted(look) {
  return Object.keys(RANGES).every((name) => look[name] === PLAIN[name]);
}

/** A text that differs between any two looks. */
export function keyOf({ reference, ...numbers }) {
  return [...Object.values(numbers), ...reference.map(({ photo }) => photo)].join();
}

/**
 * @param {any} wishes From a file; missing numbers are plain.
 * @returns {Look} A look, with those references that hold their photo.
 * @throws {Error} A value is not a number, or out of range, or a reference is none.
 */
export function checked(wishes = {}) {
  const look = { ...PLAIN, reference: references.checked(wishes?.reference).list };
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = wishes?.[name] ?? PLAIN[name];
    if (!(typeof value === "number" && value >= least && value <= most)) {
      throw new Error(`Its ${name} ${JSON.stringify(value)} must be a number from ${least} to ${most}.`);
    }
    look[name] = value;
  }
  return look;
}

/** A stored look, or a plain one if it is invalid. */
export function usable(wishes) {
  try {
    return Object.freeze(checked(wishes));
  } catch {
    return PLAIN;
  }
}

/**
 * @param {Float32Array} lightness In [-1, 1].
 * @param {Float32Array} ab Two per lightness, in [-1, 1].
 * @param {Look} look
 * @returns {Float32Array} The colors that are shown.
 */
export function applied(lightness, ab, { vividness, warmth }) {
  const vivid = lab.withVividness(lightness, ab, vividness);
  if (warmth === 0) return vivid;
  const factors = factorsOf(warmth);
  return vivid.map((value, index) => {
    const [gain, shift] = lightOn(lightness[index >> 1], factors, index & 1);
    return value * gain + shift;
  });
}

/**
 * @param {number} lightness Of one place.
 * @param {number[]} ab The color to show there.
 * @param {Look} look One that leaves color.
 * @returns {number[]} The color that `applied` turns into it.
 */
export function undone(lightness, ab, { vividness, warmth }) {
  const factors = factorsOf(warmth);
  const wanted = ab.map((value, axis) => {
    const [gain, shift] = lightOn(lightness, factors, axis);
    return (value - shift) / gain;
  });
  let scaled = wanted;
  for (let step = 0; vividness !== 1 && step < UNDOING_STEPS; step++) {
    const got = Math.hypot(...lab.withVividness(Float32Array.of(lightness), Float32Array.from(scaled), vividness));
    const gain = got > 0 ? Math.hypot(...wanted) / Math.max(got, 1e-9) : 1;
    scaled = scaled.map((value) => value * gain);
  }
  return scaled;
}

/**
 * Measures colors from references against a network's own, once for each photo: `Look.prepared` in Python.
 *
 * @param {Float32Array} ab Two per value of a square, the network's own colors.
 * @param {{side: number, cells: Float32Array}} wanted `side * side` places with a, b and their certainty.
 * @returns {{strength: number, hints: Float32Array}} Factor on the network's colors, and hints for the network.
 */
export function prepared(ab, { side, cells }) {
  const size = Math.sqrt(ab.length / 2);
  const placeOf = (at) => 3 * (Math.floor((Math.floor(at / size) * side) / size) * side + Math.floor(((at % size) * side) / size));
  const hints = new Float32Array(3 * size ** 2);
  if (!cells.some((value) => value !== 0)) return { strength: 1, hints };
  let [there, here] = [0, 0];
  for (let at = 0; at < size ** 2; at++) {
    const place = placeOf(at);
    there += (cells[place + 2] * Math.hypot(cells[place], cells[place + 1])) / size ** 2;
    here += (cells[place + 2] * Math.hypot(ab[2 * at], ab[2 * at + 1])) / size ** 2;
  }
  const ratio = (there + LITTLE_COLOR) / (here + LITTLE_COLOR);
  const strength = Math.min(STRENGTHS[1], Math.max(STRENGTHS[0], ratio));
  for (let at = 0; at < size ** 2; at++) {
    const [place, sure] = [placeOf(at), cells[placeOf(at) + 2]];
    if (sure === 0) continue;
    const mixed = [0, 1].map((axis) => ab[2 * at + axis] + sure * (cells[place + axis] - ab[2 * at + axis]));
    hints.set([mixed[0] / strength, mixed[1] / strength, 1], 3 * at);
  }
  return { strength, hints };
}

/** The effect of colored light on a* (axis 0) or b* (axis 1) at a lightness: `[factor, summand]`, over 110. */
function lightOn(lightness, factors, axis) {
  const falling = 1 - lightness ** 2; // black and white are the same in any light
  const luminance = (lab.LIGHTNESS_SCALE * (lightness + 1) + 16) / 116;
  const scale = (axis === 0 ? 500 : -200) / lab.AB_SCALE;
  return [1 + factors[axis] * falling, scale * luminance * factors[axis] * falling];
}

/** The cube roots of X and Z of the light over those of D65, minus 1. */
function factorsOf(warmth) {
  const mired = 1e6 / NEUTRAL + warmth * (1e6 / WARMEST - 1e6 / NEUTRAL);
  const [light, neutral] = [daylight(1e6 / mired), daylight(NEUTRAL)];
  return light.map((value, index) => Math.cbrt(value / neutral[index]) - 1);
}

/** X / Y and Z / Y of CIE daylight, 4000 to 25000 K. */
function daylight(kelvin) {
  const thousands = 1000 / kelvin;
  const x =
    kelvin <= 7000
      ? 0.244063 + 0.09911 * thousands + 2.9678 * thousands ** 2 - 4.607 * thousands ** 3
      : 0.23704 + 0.24748 * thousands + 1.9018 * thousands ** 2 - 2.0064 * thousands ** 3;
  const y = -3 * x ** 2 + 2.87 * x - 0.275;
  return [x / y, (1 - x - y) / y];
}
