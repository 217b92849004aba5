/** Hints files and looks that the visitor opens, each for one photo. */

import * as references from "../photo/references.js";
import * as hintsFile from "../photo/hints_file.js";
import { complain } from "./notices.js";

/** Events: "change" `{photo}` after a file has changed a photo's dots and look. */
export class HintsIntake extends EventTarget {
  #waiting = new Map(); // files for photos that are not open yet
  #ask;

  /** @param {(task: string, request: Record<string, any>) => Promise<any>} ask Of the worker. */
  constructor(ask) {
    super();
    this.#ask = ask;
  }

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
      const read = look && Object.freeze({ ...look, reference: await this.#read(look.reference) });
      // What the file does not have, hints or a look, stays as the photo has it.
      const all = hints === null ? { ...photo.hints.rest, look: rest.look } : look ? rest : { ...rest, look: photo.hints.rest.look };
      photo.hints.replace(hints ?? photo.hints.list, read ?? photo.look, all);
      const names = hintsFile.unused({ hints: hints ?? [], rest }).map((name) => `“${name}”`);
      if (names.length > 0) complain(file.name, `This page does not use ${names.join(", ")}, but saves it again with the hints.`);
      this.dispatchEvent(new CustomEvent("change", { detail: { photo } }));
    } catch (error) {
      complain(file.name, error.message);
    }
  }

  /** Pictures of any kind become references as the page makes them. */
  async #read(list) {
    const read = [];
    for (const reference of list) {
      const { photo } = await this.#ask("lend", { file: references.blobOf(reference), name: reference.name });
      read.push(Object.freeze({ ...reference, photo }));
    }
    return read.length > 0 ? Object.freeze(read) : list;
  }
}
