/** Recognizes films, which only the command line colorizes. */

import { ending, FILMS } from "../photo/suffixes.js";

const NAMES = ending([...FILMS, "h265", "m1v", "mjpeg", "mjpg"]); // also those that the command looks for in no folder
const BRANDS = /^(isom|iso\d|mp4\d|mp71|avc1|qt {2}|M4V|3g[2p]|dash|cmf|MSNV|mmp4|f4v|XAVC)/;
const HEADS = [
  [0x1a, 0x45, 0xdf, 0xa3], // Matroska and WebM
  [0x30, 0x26, 0xb2, 0x75], // Windows Media
  [0x46, 0x4c, 0x56, 0x01], // Flash
  [0x00, 0x00, 0x01, 0xba], // MPEG, as on DVDs
  [0x00, 0x00, 0x01, 0xb3],
  [0x06, 0x0e, 0x2b, 0x34], // MXF
  [0x2e, 0x52, 0x4d, 0x46], // RealMedia
];
const PACKET = 188; // bytes, in the streams of television

/** Enough of a file's start for `isFilm`. */
export const HEAD = 1024;

/**
 * @param {Uint8Array} head The first `HEAD` bytes of a file.
 * @param {{name?: string, type?: string}} file The browser's data about it.
 */
export function isFilm(head, { name = "", type = "" }) {
  const text = (from, to) => String.fromCharCode(...head.subarray(from, to));
  const isPacketed = [0, 4].some((from) => [1, 2].every((n) => head[from] === 0x47 && head[from + n * (PACKET + from)] === 0x47));
  if (isPicture(head)) return false; // whatever its name is
  return (
    HEADS.some((bytes) => bytes.every((byte, index) => head[index] === byte)) ||
    (text(4, 8) === "ftyp" ? BRANDS.test(text(8, 12)) : /^(moov|mdat|wide)$/.test(text(4, 8))) ||
    (text(0, 4) === "RIFF" && text(8, 12) === "AVI ") ||
    isPacketed ||
    NAMES.test(name) ||
    type.startsWith("video/")
  );
}

function isPicture(head) {
  const text = String.fromCharCode(...head.subarray(0, 12));
  return /^(\xff\xd8\xff|\x89PNG|GIF8|RIFF....WEBP|BM|II\*\0|MM\0\*)/s.test(text) || /^....ftyp(avi[fs]|hei|hevc|mif1|msf1)/s.test(text);
}

/** A file name for a terminal. */
export function quoted(name) {
  return /^[\w.-]+$/.test(name) ? name : `"${name}"`;
}

/** A message about what to do with a film. */
export function advice(name) {
  return `This is a film, and this page colorizes photos. In a terminal: tf-colorize film ${quoted(name)}`;
}
