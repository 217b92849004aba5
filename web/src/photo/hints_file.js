/**
 * Hints files, as tf_colorize/hints.py reads and writes them: `NAME.hints.json` for the photo `NAME.jpg`. They also
 * hold the photo's look, unless it is plain.
 */

import { parsed } from "./colors.js";
import { MOST } from "./hints.js";
import * as looks from "./look.js";

const VERSION = 1;
const SUFFIX = ".hints.json";
// Only these are suffixes, not everything after a dot: "Reel No. 5" has none. As in photos/find.py.
const KNOWN = new RegExp(
  String.raw`\.(avif|bmp|gif|hei[cf]|jfif|jpe|jpe?g|png|tiff?|webp` +
    String.raw`|3g[2p]|asf|avi|divx|dv|f4v|flv|h264|hevc|m2ts|m2v|m4v|mkv|mov|mp4|mpe|mpe?g|mts|mxf|og[mv]|qt|rm|rmvb|ts|vob|webm|wmv|y4m)$`,
  "i",
);
const FORM = '{"version": 1, "hints": [{"x": 120, "y": "40%", "color": "#7a4b2c"}]}';

/** The common part of the names of a photo and of its hints file. */
export function stemOf(name) {
  if (name.toLowerCase().endsWith(SUFFIX)) return name.slice(0, -SUFFIX.length);
  const start = name.search(KNOWN);
  return start > 0 ? name.slice(0, start) : name;
}

/** The name of a hints file. */
export function nameFor(stem) {
  return stem + SUFFIX;
}

/** Whether a photo has anything to save in a hints file. */
export function isNeeded({ hints, look }) {
  return hints.list.length > 0 || !looks.isPlain(look);
}

/**
 * @param {{name: string, hints: import("./hints.js").Hints, look: Record<string, number>}} photo
 * @returns {{name: string, blob: Blob}}
 */
export function write(photo) {
  const hints = photo.hints.list.map(({ x, y, color, size }) => ({ x, y, color, size })); // JSON leaves out what is undefined
  const look = looks.isPlain(photo.look) ? undefined : photo.look;
  const text = `${JSON.stringify({ version: VERSION, hints, look }, null, 1)}\n`;
  return { name: nameFor(stemOf(photo.name)), blob: new Blob([text], { type: "application/json" }) };
}

/**
 * @param {string} text Content of a file.
 * @param {{width: number, height: number}} photo
 * @returns {{hints: {x: number, y: number, color: string, size?: number}[], look: Record<string, number> | null}} In whole
 *   pixels of the photo; no look, if the file has none.
 * @throws {Error} It is not a hints file, or not one for this photo.
 */
export function read(text, photo) {
  const content = json(text);
  if (!Array.isArray(content?.hints)) throw new Error(`It is not a hints file. It must be like ${FORM}`);
  if (content.version !== VERSION) {
    throw new Error(`It has version ${JSON.stringify(content.version) ?? "none"}; this page reads ${VERSION}.`);
  }
  if (content.hints.length > MOST) throw new Error(`It has ${content.hints.length} hints; a photo can have ${MOST}.`);
  const hints = content.hints.map((hint) => checked(hint, photo));
  return { hints, look: content.look === undefined ? null : looks.checked(content.look) };
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`It is not valid JSON (${error.message}).`, { cause: error });
  }
}

function checked(hint, { width, height }) {
  const [x, y] = [pixels(hint?.x, width), pixels(hint?.y, height)];
  if (x === null || y === null) throw new Error(`The hint ${JSON.stringify(hint)} must be like {"x": 120, "y": "40%", "color": "#7a4b2c"}.`);
  if (!(x >= 0 && x < width && y >= 0 && y < height)) {
    throw new Error(`The hint at ${hint.x}, ${hint.y} is not inside the photo, which has ${width} × ${height} pixels.`);
  }
  const color = parsed(hint.color);
  if (!color) throw new Error(`The hint color ${JSON.stringify(hint.color)} must be like #7a4b2c or a color name.`);
  const size = hint.size ?? undefined;
  if (size !== undefined && !(size > 0 && Number.isFinite(size))) {
    throw new Error(`The hint size ${JSON.stringify(size)} must be a number of pixels over 0.`);
  }
  return { x: Math.floor(x), y: Math.floor(y), color, size };
}

/** A number of pixels, or null if it is neither a number nor a percentage. */
function pixels(value, length) {
  if (typeof value === "number") return value;
  const [, number, percent] = /^\s*(-?[\d.]+(?:e[-+]?\d+)?)\s*(%?)\s*$/i.exec(typeof value === "string" ? value : "") ?? [];
  const amount = Number.parseFloat(number);
  if (!Number.isFinite(amount)) return null;
  if (!percent) return amount;
  return amount === 100 ? length - 1 : (amount / 100) * length; // 100 % is the last pixel
}
