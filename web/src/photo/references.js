/**
 * References of a look: color photos whose colors a photo takes on. Each is `{name, photo}`, of which `photo` is a
 * `data:` URL with a reduced copy, so that a saved look needs no other file.
 */

const DATA_URL = /^data:[\w/+.-]*;base64,([\w+/]+=*)$/;

/** @typedef {{name: string, photo: string, time?: number}} Reference */

/** @type {readonly Reference[]} */
export const NONE = Object.freeze([]);

/**
 * @param {any} wishes "reference" of a look in a file or in the browser's store.
 * @returns {{list: readonly Reference[], missing: any[]}} Those that hold their photo, and the entries of the others, which
 *   are other files.
 * @throws {Error} It is not a list of references.
 */
export function checked(wishes) {
  if (wishes === undefined || wishes === null) return { list: NONE, missing: [] };
  const entries = Array.isArray(wishes) ? wishes : [wishes];
  const photoOf = (entry) => (typeof entry === "string" ? entry : entry?.photo);
  for (const entry of entries) {
    if (typeof photoOf(entry) === "string") continue;
    throw new Error(`Its reference ${JSON.stringify(entry)?.slice(0, 80)} must be like "other.jpg" or {"photo": "other.jpg"}.`);
  }
  const isHeld = (entry) => photoOf(entry).startsWith("data:");
  const list = entries.filter(isHeld).map((entry) => {
    const time = Number.isFinite(entry.time) ? { time: entry.time } : {};
    return Object.freeze({ name: nameOf(entry.name), photo: photoOf(entry), ...time });
  });
  return { list: list.length ? Object.freeze(list) : NONE, missing: entries.filter((entry) => !isHeld(entry)) };
}

/**
 * @param {string} name
 * @param {Uint8Array} bytes Of a PNG file.
 * @returns {Reference}
 */
export function made(name, bytes) {
  let text = "";
  for (let from = 0; from < bytes.length; from += 1 << 14) text += String.fromCharCode(...bytes.subarray(from, from + (1 << 14)));
  return Object.freeze({ name: nameOf(name), photo: `data:image/png;base64,${btoa(text)}` });
}

/**
 * @param {{photo: string}} reference
 * @returns {Blob} Its picture.
 * @throws {Error} It does not hold one.
 */
export function blobOf({ photo }) {
  const base64 = DATA_URL.exec(photo)?.[1];
  if (!base64) throw new Error("Its reference does not hold a picture.");
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]);
}

function nameOf(name) {
  return typeof name === "string" && name ? name : "another photo";
}
