/**
 * Colors at the lightness of things, as tf_colorize/color/oklab.py computes them: of the same hue, which OKLab keeps also for blue, where
 * CIE Lab turns violet.
 *
 * Source: Ottosson 2020, "A perceptual color space for image processing".
 */

import { abOfLinear, inverse, lightnessOf, linearOfHex, luminanceOf, LUMINANCE_FROM_RGB } from "./lab.js";

const CONES_FROM_LINEAR_RGB = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
];
const LINEAR_RGB_FROM_CONES = inverse(/** @type {any} */ (CONES_FROM_LINEAR_RGB));
const OKLAB_FROM_CONE_ROOTS = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
];
const CONE_ROOTS_FROM_OKLAB = inverse(/** @type {any} */ (OKLAB_FROM_CONE_ROOTS));
const LUMINANCE_OF_CONES = [0, 1, 2].map((cone) =>
  LUMINANCE_FROM_RGB.reduce((sum, share, channel) => sum + share * LINEAR_RGB_FROM_CONES[channel][cone], 0),
);

const HALVINGS = 24; // of the interval of chroma, down to 6e-8
const [DARK, BRIGHT] = [-0.5, 0.5]; // normalized lightness, L* of 25 and 75
const TOLERANCE = 1e-5; // of linear light at the boundary of the gamut

/**
 * The a and b in [-1, 1] that a color gives to a thing: of its hue, and with as much of its chroma as sRGB has. A thing has light and
 * shade: very dark and very bright places count as less so, or as the color's own lightness, at which it is unchanged.
 *
 * @param {string} color "#rrggbb".
 * @param {number} lightness Of a place in the thing, in [-1, 1].
 * @returns {[number, number]}
 */
export function abOfThing(color, lightness) {
  const [, a, b] = times(OKLAB_FROM_CONE_ROOTS, times(CONES_FROM_LINEAR_RGB, linearOfHex(color)).map(Math.cbrt));
  const roots = times(CONE_ROOTS_FROM_OKLAB, [0, a, b]); // what they add to those of a gray
  const own = lightnessOf(color);
  const luminance = luminanceOf(Math.min(Math.max(lightness, Math.min(own, DARK)), Math.max(own, BRIGHT)));
  const at = (share) => {
    const reduced = roots.map((root) => share * root);
    return linear(reduced, luminance);
  };
  let [low, high] = [isInGamut(at(1)) ? 1 : 0, 1];
  for (let step = 0; step < HALVINGS && low < 1; step++) {
    const middle = (low + high) / 2;
    if (isInGamut(at(middle))) low = middle;
    else high = middle;
  }
  return abOfLinear(at(low));
}

/** Luminance is a sum of the cones, and thus a cubic function of the lightness of OKLab; its largest root is wanted. */
function linear(roots, luminance) {
  const [mean, square, cube] = [1, 2, 3].map((power) => roots.reduce((sum, root, cone) => sum + LUMINANCE_OF_CONES[cone] * root ** power, 0));
  const third = square - mean ** 2;
  const half = (cube - 3 * mean * square + 2 * mean ** 3 - luminance) / 2;
  const rest = half ** 2 + third ** 3;
  let root;
  if (rest >= 0) {
    const one = Math.cbrt(-half - (half < 0 ? -1 : 1) * Math.sqrt(rest));
    root = one - third / (one || 1);
  } else {
    const radius = Math.sqrt(-third);
    root = 2 * radius * Math.cos(Math.acos(Math.max(-1, Math.min(1, -half / radius ** 3))) / 3);
  }
  return times(
    LINEAR_RGB_FROM_CONES,
    roots.map((one) => (root - mean + one) ** 3),
  );
}

function isInGamut(rgb) {
  return rgb.every((value) => value >= -TOLERANCE && value <= 1 + TOLERANCE);
}

function times(matrix, vector) {
  return matrix.map((row) => row.reduce((sum, value, index) => sum + value * vector[index], 0));
}
