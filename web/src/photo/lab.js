/**
 * sRGB bytes to normalized Lab and back, as tf_colorize/color/lab.py does, pixel by pixel.
 *
 * lightness = L* / 50 - 1 and ab = (a*, b*) / 110, both in [-1, 1]; CIE Lab, D65, 2 degrees.
 */

export const LIGHTNESS_SCALE = 50;
export const AB_SCALE = 110;

const XYZ_FROM_RGB = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
];
const WHITE = [0.95047, 1, 1.08883];
const RELATIVE_XYZ_FROM_RGB = XYZ_FROM_RGB.map((row, index) => row.map((value) => value / WHITE[index]));
/** What linear red, green and blue contribute to luminance. */
export const LUMINANCE_FROM_RGB = RELATIVE_XYZ_FROM_RGB[1];
const RGB_FROM_RELATIVE_XYZ = inverse(/** @type {any} */ (RELATIVE_XYZ_FROM_RGB));
const ENCODE_STEPS = 65536;

/** Linear light of each sRGB byte. */
const DECODE = Float64Array.from({ length: 256 }, (_, byte) => {
  const value = byte / 255;
  return value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92;
});

/** sRGB byte of linear light in equal steps. */
const ENCODE = Uint8Array.from({ length: ENCODE_STEPS }, (_, step) => {
  const linear = step / (ENCODE_STEPS - 1);
  return Math.round(255 * (linear > 0.0031308 ? 1.055 * linear ** (1 / 2.4) - 0.055 : linear * 12.92));
});

const [RED_LUMINANCE, GREEN_LUMINANCE, BLUE_LUMINANCE] = RELATIVE_XYZ_FROM_RGB[1].map((share) =>
  DECODE.map((linear) => linear * share),
);

/** The Lab curve of gray pixels: most input is gray, and a cube root is slow. */
const GRAY_CURVE = Float64Array.from({ length: 256 }, (_, byte) =>
  labCurve(RED_LUMINANCE[byte] + GREEN_LUMINANCE[byte] + BLUE_LUMINANCE[byte]),
);

function labCurve(relative) {
  return relative > 0.008856 ? Math.cbrt(relative) : 7.787 * relative + 16 / 116;
}

function labCurveInverse(curve) {
  return curve > 0.2068966 ? curve * curve * curve : (curve - 16 / 116) / 7.787;
}

function curveOfPixel(pixels, at) {
  const red = pixels[at];
  const green = pixels[at + 1];
  const blue = pixels[at + 2];
  return red === green && green === blue
    ? GRAY_CURVE[red]
    : labCurve(RED_LUMINANCE[red] + GREEN_LUMINANCE[green] + BLUE_LUMINANCE[blue]);
}

/** The linear light of "#rrggbb", three numbers in [0, 1]. */
export function linearOfHex(color) {
  return [1, 3, 5].map((at) => DECODE[Number.parseInt(color.slice(at, at + 2), 16)]);
}

/**
 * @param {number[]} linear Linear light, red, green and blue in [0, 1].
 * @returns {[number, number]} Its a and b, in [-1, 1].
 */
export function abOfLinear(linear) {
  const [x, y, z] = RELATIVE_XYZ_FROM_RGB.map((row) => labCurve(row.reduce((sum, share, index) => sum + share * linear[index], 0)));
  return [(500 * (x - y)) / AB_SCALE, (200 * (y - z)) / AB_SCALE];
}

/** The luminance of a lightness in [-1, 1]; that of white is 1. */
export function luminanceOf(lightness) {
  return labCurveInverse((lightness * LIGHTNESS_SCALE + LIGHTNESS_SCALE + 16) / 116);
}

/** The lightness of "#rrggbb", in [-1, 1]. */
export function lightnessOf(color) {
  const curve = labCurve(LUMINANCE_FROM_RGB.reduce((sum, share, index) => sum + share * linearOfHex(color)[index], 0));
  return (116 * curve - 16) / LIGHTNESS_SCALE - 1;
}

/**
 * @param {number} lightness In [-1, 1].
 * @param {number[]} ab In [-1, 1].
 * @returns {string} "#rrggbb": the color at the nearest lightness at which sRGB has it.
 */
export function hexOf(lightness, [a, b]) {
  let best = { lightness, room: 0 };
  for (let away = 0; away <= 2 && best.room < 1; away += 0.02) {
    for (const other of [lightness + away, lightness - away]) {
      const room = Math.abs(other) < 1 ? headroomOf(other, a, b) : 0;
      if (room > best.room && best.room < 1) best = { lightness: other, room };
    }
  }
  return hexAt(best.lightness, [a, b]);
}

/**
 * @param {number} lightness In [-1, 1].
 * @param {number[]} ab In [-1, 1].
 * @returns {string} "#rrggbb" at this lightness, clamped to the sRGB gamut.
 */
export function hexAt(lightness, [a, b]) {
  const { luminance, linear } = linearOf(lightness, a, b);
  const room = Math.max(0, Math.min(1, headroom(linear[0], linear[1], linear[2], luminance)));
  const inside = linear.map((value) => clamped(luminance + room * (value - luminance)));
  const bytes = inside.map((value) => ENCODE[(value * (ENCODE_STEPS - 1) + 0.5) | 0]);
  return `#${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * Writes the lightness of RGBA pixels.
 *
 * @param {Uint8ClampedArray} pixels RGBA, sRGB.
 * @param {number} from First pixel.
 * @param {Float32Array} lightness Result, one per pixel, in [-1, 1].
 */
export function writeLightness(pixels, from, lightness) {
  const scale = 116 / LIGHTNESS_SCALE;
  const shift = 16 / LIGHTNESS_SCALE + 1;
  for (let index = 0, at = from * 4; index < lightness.length; index++, at += 4) {
    lightness[index] = scale * curveOfPixel(pixels, at) - shift;
  }
}

/**
 * Writes the colors of RGBA pixels.
 *
 * @param {Uint8ClampedArray} pixels RGBA, sRGB.
 * @param {number} from First pixel.
 * @param {Float32Array} a Result, one per pixel, in [-1, 1].
 * @param {Float32Array} b Likewise.
 */
export function writeAb(pixels, from, a, b) {
  const [[rx, gx, bx], [ry, gy, by], [rz, gz, bz]] = RELATIVE_XYZ_FROM_RGB;
  for (let index = 0, at = from * 4; index < a.length; index++, at += 4) {
    const [red, green, blue] = [DECODE[pixels[at]], DECODE[pixels[at + 1]], DECODE[pixels[at + 2]]];
    const y = labCurve(ry * red + gy * green + by * blue);
    a[index] = (500 * (labCurve(rx * red + gx * green + bx * blue) - y)) / AB_SCALE;
    b[index] = (200 * (y - labCurve(rz * red + gz * green + bz * blue))) / AB_SCALE;
  }
}

/**
 * Gives RGBA pixels the colors of `ab`, at their own lightness and clamped to the sRGB gamut.
 *
 * A color outside the gamut is mixed, in linear light, with the gray of its own luminance.
 *
 * @param {Uint8ClampedArray} pixels RGBA, changed in place; alpha stays.
 * @param {number} from First pixel.
 * @param {Float32Array} ab a, b of each pixel, in [-1, 1].
 * @param {number} count Pixels.
 */
export function writeColor(pixels, from, ab, count) {
  const [[rx, ry, rz], [gx, gy, gz], [bx, by, bz]] = RGB_FROM_RELATIVE_XYZ;
  const aScale = AB_SCALE / 500;
  const bScale = AB_SCALE / 200;
  const top = ENCODE_STEPS - 1;
  for (let index = 0, at = from * 4; index < count; index++, at += 4) {
    const curve = curveOfPixel(pixels, at);
    const x = labCurveInverse(curve + ab[2 * index] * aScale);
    const y = labCurveInverse(curve);
    const z = labCurveInverse(curve - ab[2 * index + 1] * bScale);
    let red = rx * x + ry * y + rz * z;
    let green = gx * x + gy * y + gz * z;
    let blue = bx * x + by * y + bz * z;
    if (red < 0 || green < 0 || blue < 0 || red > 1 || green > 1 || blue > 1) {
      const room = Math.max(0, headroom(red, green, blue, y));
      red = clamped(y + room * (red - y));
      green = clamped(y + room * (green - y));
      blue = clamped(y + room * (blue - y));
    }
    pixels[at] = ENCODE[(red * top + 0.5) | 0];
    pixels[at + 1] = ENCODE[(green * top + 0.5) | 0];
    pixels[at + 2] = ENCODE[(blue * top + 0.5) | 0];
  }
}

/** Turns RGBA pixels gray, in place, at their own lightness. */
export function writeGray(pixels) {
  for (let at = 0; at < pixels.length; at += 4) {
    if (pixels[at] === pixels[at + 1] && pixels[at] === pixels[at + 2]) continue;
    const luminance = labCurveInverse(curveOfPixel(pixels, at));
    const gray = ENCODE[(clamped(luminance) * (ENCODE_STEPS - 1) + 0.5) | 0];
    pixels[at] = pixels[at + 1] = pixels[at + 2] = gray;
  }
}

/**
 * Scales chroma: all of it below 1; above 1 toward the boundary of the gamut, never past it.
 *
 * @param {Float32Array} lightness In [-1, 1].
 * @param {Float32Array} ab Two per lightness, in [-1, 1].
 * @param {number} vividness 0 (gray) to 2; 1 returns `ab` unchanged.
 * @returns {Float32Array}
 */
export function withVividness(lightness, ab, vividness) {
  if (vividness === 1) return ab;
  if (vividness < 1) return ab.map((value) => value * vividness);
  const result = new Float32Array(ab.length);
  for (let index = 0; index < lightness.length; index++) {
    const room = 1 - 1 / Math.max(1, headroomOf(lightness[index], ab[2 * index], ab[2 * index + 1]));
    // This avoids amplifying chroma noise in deep shadows and highlights.
    const dark = ((lightness[index] + 1) * LIGHTNESS_SCALE) / 40;
    const bright = ((1 - lightness[index]) * LIGHTNESS_SCALE) / 20;
    const gain = 1 + (vividness - 1) * room * clamped(Math.min(dark, bright));
    result[2 * index] = ab[2 * index] * gain;
    result[2 * index + 1] = ab[2 * index + 1] * gain;
  }
  return result;
}

function headroomOf(lightness, a, b) {
  const { luminance, linear } = linearOf(lightness, a, b);
  return headroom(linear[0], linear[1], linear[2], luminance);
}

function linearOf(lightness, a, b) {
  const curve = (lightness * LIGHTNESS_SCALE + LIGHTNESS_SCALE + 16) / 116;
  const x = labCurveInverse(curve + (a * AB_SCALE) / 500);
  const y = labCurveInverse(curve);
  const z = labCurveInverse(curve - (b * AB_SCALE) / 200);
  return { luminance: y, linear: RGB_FROM_RELATIVE_XYZ.map((row) => row[0] * x + row[1] * y + row[2] * z) };
}

/** The largest factor on chroma, in linear light, that stays within sRGB. */
function headroom(red, green, blue, luminance) {
  const above = Math.max(red, green, blue) - luminance;
  const below = luminance - Math.min(red, green, blue);
  return Math.min((1 - luminance) / Math.max(above, 1e-9), luminance / Math.max(below, 1e-9));
}

function clamped(value) {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

/** The inverse of a matrix of 3 x 3. */
export function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((value) => value / determinant));
}
