/** Colors as people write them. */

const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

/**
 * @param {any} text "#7a4b2c", "#754", a name of CSS, or whatever else CSS calls a color.
 * @returns {string | null} "#rrggbb", or null if it is not an opaque color.
 */
export function parsed(text) {
  const color = String(text).trim();
  if (!CSS.supports("color", color) || /^(currentcolor|inherit|initial|unset|revert.*)$/i.test(color)) return null;
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  return alpha === 255 ? hex(red, green, blue) : null;
}

/** The color of a picture's only pixel. */
export function ofBitmap(bitmap) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.drawImage(bitmap, 0, 0, 1, 1);
  bitmap.close();
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return hex(red, green, blue);
}

function hex(...channels) {
  return `#${channels.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}
