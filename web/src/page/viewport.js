/** Computes the visible part of a photo and its size, in CSS pixels. */

/** A view of a photo: `zoom` 1 shows all of it, `x` and `y` are the center, in shares of the sides. */
export const WHOLE = Object.freeze({ zoom: 1, x: 0.5, y: 0.5 });

/**
 * @param {{width: number, height: number}} stage
 * @param {{width: number, height: number}} photo
 * @param {{zoom: number, x: number, y: number}} view
 * @returns {{scale: number, width: number, height: number, part: Record<string, any>}} Size of the visible
 *   frame, CSS pixels per photo pixel, and the part of the photo in it.
 */
export function layout(stage, photo, view) {
  const scale = fitScale(stage, photo) * view.zoom;
  const width = Math.min(stage.width, photo.width * scale);
  const height = Math.min(stage.height, photo.height * scale);
  const part = { width: width / scale, height: height / scale };
  part.x = clamp(view.x * photo.width - part.width / 2, 0, photo.width - part.width);
  part.y = clamp(view.y * photo.height - part.height / 2, 0, photo.height - part.height);
  return { scale, width, height, part };
}

/** The same with the part starting at a whole CSS pixel: at half of one, single pixels would be mixed with their neighbors. */
export function snapped({ scale, width, height, part }) {
  const whole = (place) => Math.round(place * scale) / scale;
  return { scale, width, height, part: { ...part, x: whole(part.x), y: whole(part.y) } };
}

/** CSS pixels per photo pixel at which the whole photo is visible. */
export function fitScale(stage, photo) {
  return Math.min(stage.width / photo.width, stage.height / photo.height);
}

/**
 * Zooms, keeping the point under the pointer in place.
 *
 * @param {{zoom: number, x: number, y: number}} view
 * @param {number} zoom New zoom.
 * @param {{x: number, y: number}} point The point, in shares of the frame.
 */
export function zoomed(stage, photo, view, zoom, point = { x: 0.5, y: 0.5 }) {
  const before = layout(stage, photo, view);
  const limited = clamp(zoom, 1, maxZoom(stage, photo));
  const after = layout(stage, photo, { ...view, zoom: limited });
  const fixed = {
    x: before.part.x + point.x * before.part.width,
    y: before.part.y + point.y * before.part.height,
  };
  return moved(stage, photo, {
    zoom: limited,
    x: (fixed.x + (0.5 - point.x) * after.part.width) / photo.width,
    y: (fixed.y + (0.5 - point.y) * after.part.height) / photo.height,
  });
}

/** Moves the visible part by CSS pixels, but not past the photo's edges. */
export function moved(stage, photo, view, dx = 0, dy = 0) {
  const { scale } = layout(stage, photo, view);
  const wanted = { ...view, x: view.x + dx / scale / photo.width, y: view.y + dy / scale / photo.height };
  const { part } = layout(stage, photo, wanted);
  return {
    zoom: view.zoom,
    x: (part.x + part.width / 2) / photo.width,
    y: (part.y + part.height / 2) / photo.height,
  };
}

/** Far enough to see single pixels, even of small photos. */
export function maxZoom(stage, photo) {
  return Math.max(8, 8 / fitScale(stage, photo));
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), Math.max(low, high));
}
