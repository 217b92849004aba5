/** How a person wants the colors of a photo to look. */

import * as lab from "./lab.js";

/** The network's colors as they are. */
export const PLAIN = Object.freeze({ vividness: 1 });

/** From and to which a number of a look goes. */
export const RANGES = Object.freeze({ vividness: [0, 2] });

/** Whether it leaves no color, whatever the network and the hints say. */
export function isGray({ vividness }) {
  return vividness === 0;
}

export function isPlain(look) {
  return Object.entries(PLAIN).every(([name, value]) => look[name] === value);
}

/**
 * @param {any} wishes Of a file; what it does not name is plain.
 * @returns {Record<string, number>} A look.
 * @throws {Error} A number is none, or out of its range.
 */
export function checked(wishes = {}) {
  const look = { ...PLAIN };
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = wishes?.[name] ?? PLAIN[name];
    if (!(typeof value === "number" && value >= least && value <= most)) {
      throw new Error(`Its ${name} ${JSON.stringify(value)} must be a number from ${least} to ${most}.`);
    }
    look[name] = value;
  }
  return look;
}

/** What was kept, or a plain look instead of one that this page cannot have. */
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
 * @param {Record<string, number>} look
 * @returns {Float32Array} The colors in that look.
 */
export function applied(lightness, ab, { vividness }) {
  return lab.withVividness(lightness, ab, vividness);
}
