/** Parses and names colors. */

const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

/**
 * @param {any} text "#7a4b2c", "#754", a CSS name, also with spaces ("dark blue"), or any other CSS
 *   color.
 * @returns {string | null} "#rrggbb", or null if it is not an opaque color.
 */
export function parsed(text) {
  const color = String(text).trim();
  return inCss(color) ?? (/^[a-z\s]+$/i.test(color) ? inCss(color.replace(/\s+/g, "")) : null);
}

function inCss(color) {
  if (!CSS.supports("color", color) || /^(currentcolor|inherit|initial|unset|revert.*)$/i.test(color)) return null;
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  return alpha === 255 ? hex(red, green, blue) : null;
}

/** Explains why a text is not a color, and what is valid. */
export function objection(text) {
  const wanted = String(text).trim();
  const known = wanted.split(/[^a-z]+/i).find((word) => word && parsed(word)) ?? "navy";
  const form = `Give a code such as #7a4b2c, or a CSS name such as ${known.toLowerCase()}.`;
  if (wanted === "") return form;
  return `${/^#[\da-f]*$/i.test(wanted) ? "This code" : `“${wanted}”`} is not a color. ${form}`;
}

/** The color of a picture's only pixel. */
export function ofBitmap(bitmap) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.drawImage(bitmap, 0, 0, 1, 1);
  bitmap.close();
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return hex(red, green, blue);
}

/** @type {[number, string][]} Where each ends, in degrees. */
const HUES = [
  [15, "red"],
  [45, "orange"],
  [70, "yellow"],
  [160, "green"],
  [195, "turquoise"],
  [255, "blue"],
  [290, "purple"],
  [340, "pink"],
  [360, "red"],
];

/** A word for a color, for screen readers. */
export function named(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  const most = Math.max(red, green, blue);
  const span = most - Math.min(red, green, blue);
  const tone = most < 100 ? "dark " : most > 215 && span < 120 ? "light " : "";
  if (span < 20) return `${tone}gray`;
  const sixth = most === red ? ((green - blue) / span + 6) % 6 : most === green ? (blue - red) / span + 2 : (red - green) / span + 4;
  const [, name] = HUES.find(([end]) => sixth * 60 <= end);
  return name === "orange" && most < 190 ? `${tone}brown` : tone + name;
}

function hex(...channels) {
  return `#${channels.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}
