/** From a colorized photo to files on the device: one, or all in a zip archive; downloaded or shared. */

import * as hintsFile from "../photo/hints_file.js";
import { zip } from "./archive.js";

const JPEG_QUALITY = 92;
const SUFFIX = { "image/jpeg": ".jpg", "image/png": ".png" };

/** The type a photo is saved as: JPEG stays JPEG, everything else is saved losslessly. */
export function typeFor(format, choice) {
  if (choice !== "same") return choice;
  return format === "JPEG" ? "image/jpeg" : "image/png";
}

/** `grandma.jpg` becomes `grandma.color.jpg`, as on the command line. */
export function resultName(name, type) {
  const stem = hintsFile.stemOf(name);
  const suffix = name.slice(stem.length);
  const fits = type === "image/jpeg" ? /^\.jpe?g$/i : /^\.png$/i;
  return `${stem}.color${fits.test(suffix) ? suffix : SUFFIX[type]}`;
}

/**
 * @param {(request: object) => Promise<Blob>} save See `Workshop.save`.
 * @param {{id: number, name: string, format: string, look: object, hints: import("../photo/hints.js").Hints}} photo
 * @param {{model: string, choice: string}} settings
 * @returns {Promise<{name: string, blob: Blob}>}
 */
export async function resultFile(save, photo, { model, choice }) {
  const type = typeFor(photo.format, choice);
  const wish = { photo: photo.id, model, hints: photo.hints.list, look: photo.look };
  const blob = await save({ ...wish, type, quality: JPEG_QUALITY });
  return { name: resultName(photo.name, type), blob };
}

/**
 * One archive of all results, each with its hints file beside it. Photos with the same name are numbered: `a 2.color.jpg` and `a 2.hints.json` belong to `a 2.jpg`.
 *
 * @param {{photo: any, result: {name: string, blob: Blob}}[]} saved
 * @returns {Promise<Blob>}
 */
export function archive(saved) {
  const taken = new Set();
  const files = [];
  for (const { photo, result } of saved) {
    const added = unusedNames(photo, result, taken);
    for (const { name } of added) taken.add(key(name));
    files.push(...added);
  }
  return zip(files);
}

function unusedNames(photo, { name, blob }, taken) {
  const [stem, suffix] = [hintsFile.stemOf(photo.name), name.slice(name.lastIndexOf("."))];
  const hints = hintsFile.isNeeded(photo) ? hintsFile.write(photo).blob : null;
  for (let count = 1; ; count++) {
    const numbered = count === 1 ? stem : `${stem} ${count}`;
    const files = [{ name: `${numbered}.color${suffix}`, blob }];
    if (hints) files.push({ name: hintsFile.nameFor(numbered), blob: hints });
    if (!files.some((file) => taken.has(key(file.name)))) return files;
  }
}

/** Some systems do not distinguish `A.jpg` from `a.jpg`. */
function key(name) {
  return name.normalize("NFC").toLowerCase();
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

/** Whether this browser can hand pictures to other apps. */
export function canShare() {
  const sample = new File([new Uint8Array(1)], "photo.jpg", { type: "image/jpeg" });
  return Boolean(navigator.canShare?.({ files: [sample] }));
}

/**
 * Hands a file to another app that the visitor chooses.
 *
 * @param {{name: string, blob: Blob}} file
 * @returns {Promise<boolean>} False if the browser needs another click, because the last one was too long ago.
 * @throws {Error} It cannot be shared.
 */
export async function share({ name, blob }) {
  const files = [new File([blob], name, { type: blob.type })];
  if (!navigator.canShare({ files })) throw new Error("This browser cannot share this file; download it.");
  try {
    await navigator.share({ files });
  } catch (error) {
    if (error.name === "NotAllowedError") return false;
    if (error.name !== "AbortError") throw error; // which says that the visitor changed their mind
  }
  return true;
}
