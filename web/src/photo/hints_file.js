/**
 * Hints files, as tf_colorize/hints.py reads and writes them: `NAME.hints.json` for the photo `NAME.jpg`. They also
 * hold the photo's look, unless it is plain. What this page cannot use of a file is its `rest`, which is written again: of the
 * file, of its look, as in `{look: {reference: ["other.jpg"]}}` for a reference that is another file, and of each hint.
 */

import { parsed } from "./colors.js";
import { MOST } from "./hints.js";
import * as looks from "./look.js";
import * as references from "./references.js";
import { ending, FILMS, PHOTOS } from "./suffixes.js";

const VERSION = 1;
const SUFFIX = ".hints.json";
// Only these are suffixes, not everything after a dot: "Reel No. 5" has none.
const KNOWN = ending([...PHOTOS, ...FILMS]);
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
  return hints.list.length > 0 || !looks.isPlain(look) || unused(hints.content).length > 0;
}

/**
 * The names of what this page keeps of a file and cannot use.
 *
 * @param {{hints: readonly {rest?: object}[], rest: Record<string, any>}} content
 */
export function unused({ hints, rest: { look, ...rest } }) {
  return [...new Set([...Object.keys(rest), ...Object.keys(look ?? {}), ...hints.flatMap((hint) => Object.keys(hint.rest ?? {}))])];
}

/**
 * @param {{name: string, hints: import("./hints.js").Hints, look: looks.Look}} photo
 * @returns {{name: string, blob: Blob}}
 */
export function write(photo) {
  const hints = photo.hints.list.map(({ x, y, color, size, rest }) => ({ x, y, color, size, ...rest })); // JSON leaves out what is undefined
  const { look: restOfLook, ...rest } = photo.hints.rest;
  const look = looks.isPlain(photo.look) ? restOfLook : described(photo.look, restOfLook);
  const text = `${JSON.stringify({ version: VERSION, hints, look, ...rest }, null, 1)}\n`;
  return { name: nameFor(stemOf(photo.name)), blob: new Blob([text], { type: "application/json" }) };
}

/**
 * A look alone, which the command takes with `--look`.
 *
 * @param {{hints: import("./hints.js").Hints, look: looks.Look}} photo
 * @returns {{name: string, blob: Blob}}
 */
export function writeLook({ hints, look }) {
  const text = `${JSON.stringify({ version: VERSION, look: described(look, hints.rest.look) }, null, 1)}\n`;
  return { name: "look.json", blob: new Blob([text], { type: "application/json" }) };
}

/** What a file says of a look, with what the page cannot use of the file that it came from. */
function described({ reference, ...numbers }, rest) {
  const all = [...reference, ...[rest?.reference ?? []].flat()];
  return { ...numbers, ...rest, ...(reference.length > 0 ? { reference: all } : {}) };
}

/**
 * @param {string} text Content of a file.
 * @param {{width: number, height: number}} photo
 * @returns {{hints: {x: number, y: number, color: string, size?: number, rest?: object}[] | null, look: looks.Look | null, rest: Record<string, any>}}
 *   Hints in whole pixels of the photo, null if the file is a look alone; no look, if the file has none.
 * @throws {Error} It is not such a file, or not one for this photo.
 */
export function read(text, photo) {
  const content = json(text);
  const { version, hints: entries, look: lookOfFile, ...rest } = content ?? {};
  const isLook = entries === undefined && lookOfFile?.constructor === Object;
  if (!isLook && !Array.isArray(entries)) throw new Error(`It is not a hints file. It must be like ${FORM}`);
  if (version !== VERSION) throw new Error(`It has version ${JSON.stringify(version) ?? "none"}; this page reads ${VERSION}.`);
  if (entries?.length > MOST) throw new Error(`It has ${entries.length} hints; a photo can have ${MOST}.`);
  const hints = isLook ? null : entries.map((hint) => checked(hint, photo));
  if (lookOfFile === undefined) return { hints, look: null, rest };
  const look = looks.checked(lookOfFile);
  const { list, missing } = references.checked(lookOfFile?.reference);
  const others = list.length > 0 ? missing : lookOfFile?.reference; // as the file has it
  const restOfLook = { ...(missing.length > 0 ? { reference: others } : {}), ...without(Object.keys(look), lookOfFile) };
  return { hints, look, rest: Object.keys(restOfLook).length > 0 ? { ...rest, look: restOfLook } : rest };
}

/** What a file has besides the page's own, without references, which another one replaces. */
export function withoutReferences({ look, ...rest }) {
  const others = without(["reference"], look);
  return others ? { ...rest, look: others } : rest;
}

/** The other fields of an object; undefined if there are none. */
function without(names, fields) {
  const others = Object.entries(fields ?? {}).filter(([name]) => !names.includes(name));
  return others.length > 0 ? Object.fromEntries(others) : undefined;
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
  return { x: Math.floor(x), y: Math.floor(y), color, size, rest: without(["x", "y", "color", "size"], hint) };
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
