/** Hints files that the visitor opens, each for one photo. */

import * as hintsFile from "../photo/hints_file.js";
import { complain } from "./notices.js";

/** Events: "change" `{photo}` after a file has changed a photo's dots and look. */
export class HintsIntake extends EventTarget {
  #waiting = new Map(); // files for photos that are not open yet

  /**
   * A hints file belongs to the photo of the same name, otherwise to the one on the stage.
   *
   * @param {File} file
   * @param {any[]} photos
   * @param {any} current The photo on the stage, if any.
   */
  receive(file, photos, current) {
    const stem = hintsFile.stemOf(file.name);
    const photo = photos.findLast(({ name }) => hintsFile.stemOf(name) === stem) ?? current;
    if (!photo) complain(file.name, "Open its photo first.");
    else if (photo.width) this.#open(file, photo);
    else this.#waiting.set(photo, file);
  }

  /** Opens the file that waits for a photo, if any. */
  photoIsOpen(photo) {
    if (this.#waiting.has(photo)) this.#open(this.#waiting.get(photo), photo);
    this.#waiting.delete(photo);
  }

  async #open(file, photo) {
    try {
      const { hints, look, rest } = hintsFile.read(await file.text(), photo);
      // Without a look in the file, the photo's stays.
      const all = look ? rest : { ...rest, look: photo.hints.rest.look };
      photo.hints.replace(hints, look ?? photo.look, all);
      const names = hintsFile.unused({ hints, rest }).map((name) => `“${name}”`);
      if (names.length > 0) complain(file.name, `This page does not use ${names.join(", ")}, but saves it again with the hints.`);
      this.dispatchEvent(new CustomEvent("change", { detail: { photo } }));
    } catch (error) {
      complain(file.name, error.message);
    }
  }
}
