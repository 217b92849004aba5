/** From a colorized photo to files on the device: one, or all in a zip archive. */

import { zip } from "./zip.js";

const JPEG_QUALITY = 92;
const SUFFIX = { "image/jpeg": ".jpg", "image/png": ".png" };

/** The type a photo is saved as: JPEG stays JPEG, everything else is saved losslessly. */
export function typeFor(format, choice) {
  if (choice !== "same") return choice;
  return format === "JPEG" ? "image/jpeg" : "image/png";
}

/** `grandma.jpg` becomes `grandma.color.jpg`, as on the command line. */
export function resultName(name, type) {
  const stem = name.replace(/\.[^.]+$/, "");
  const suffix = name.slice(stem.length);
  const fits = type === "image/jpeg" ? /^\.jpe?g$/i : /^\.png$/i;
  return `${stem}.color${fits.test(suffix) ? suffix : SUFFIX[type]}`;
}

/**
 * @param {(request: object) => Promise<Blob>} save See `Workshop.save`.
 * @param {{id: number, name: string, format: string}} photo
 * @param {{model: string, hints: readonly object[], vividness: number, choice: string}} settings
 * @returns {Promise<{name: string, blob: Blob}>}
 */
export async function resultFile(save, photo, { model, hints, vividness, choice }) {
  const type = typeFor(photo.format, choice);
  const blob = await save({ photo: photo.id, model, hints, vividness, type, quality: JPEG_QUALITY });
  return { name: resultName(photo.name, type), blob };
}

/** One archive; files of the same name get a number. */
export function archive(files) {
  const taken = new Set();
  const unique = files.map(({ name, blob }) => {
    let candidate = name;
    for (let count = 2; taken.has(candidate); count++) candidate = name.replace(/(\.\w+)$/, ` ${count}$1`);
    taken.add(candidate);
    return { name: candidate, blob };
  });
  return zip(unique);
}

/** Downloads a file through the browser. */
export function download({ name, blob }) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // Some browsers read the address only after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
