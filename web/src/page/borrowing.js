/** "Colors from…": another photo whose colors the photo on the stage takes on. */

import * as hintsFile from "../photo/hints_file.js";
import * as references from "../photo/references.js";
import { Lenders } from "./lenders.js";
import { complain, speak } from "./notices.js";

const element = (id) => document.getElementById(id);
const OLDER = "The model's file brings no features, so photos cannot lend each other colors. Export it again.";

/** Events: "change" `{photo}` after the photo has another reference, or none. */
export class Borrowing extends EventTarget {
  #ask;
  #color;
  #model;
  #photo = null;
  #shown = references.NONE; // of which the picture is shown

  /**
   * @param {(task: string, request: Record<string, any>) => Promise<any>} ask Of the worker.
   * @param {any} shelf See `Lenders`.
   * @param {{photos: () => any[], color: (photo: any, model: string) => Promise<boolean>}} darkroom Its photos, and what
   *   colorizes one.
   */
  constructor(ask, shelf, { photos, color }) {
    super();
    this.#ask = ask;
    this.#color = color;
    const input = /** @type {HTMLInputElement} */ (element("lender-input"));
    const lenders = new Lenders(shelf, () => photos().filter((photo) => photo !== this.#photo));
    lenders.addEventListener("file", () => input.click());
    lenders.addEventListener("choose", ({ detail: { photo } }) => this.#borrowFrom(photo));
    input.addEventListener("change", () => {
      this.receive([...input.files]);
      input.value = ""; // the same file may be chosen again
    });
    element("return").addEventListener("click", () => {
      this.#put(this.#photo, references.NONE);
      element("borrow").focus(); // the button that had the focus is gone
    });
  }

  /**
   * @param {any} photo On the stage, or null.
   * @param {{model?: string, takesHints?: boolean, takesColors?: boolean}} [model] Its name, and whether it takes dots, and
   *   colors of other photos.
   */
  show(photo, { model, takesHints = false, takesColors = false } = {}) {
    this.#photo = photo;
    this.#model = model;
    element("lender").hidden = !photo || !takesHints;
    element("borrow").hidden = element("lent").hidden = !takesColors;
    element("lender-line").textContent = takesColors ? "" : OLDER;
    const list = photo?.look.reference ?? references.NONE;
    element("lent").hidden ||= list.length === 0;
    if (list === this.#shown) return;
    this.#shown = list;
    this.#showPicture(list);
  }

  /** @param {File[]} files Photos in color, of which the last is taken. */
  receive(files) {
    const file = files.at(-1);
    if (!file) return;
    const name = file.name || "pasted.png";
    return this.#borrow(name, () => this.#ask("lend", { file, name }));
  }

  /** Takes colors of a photo of the page: those of its file or, if that is gray, those that it has here. */
  #borrowFrom(other) {
    const [model, { id, name }] = [this.#model, other];
    return this.#borrow(name, async () => {
      if (!other.hasColor && !(await this.#color(other, model))) return null; // which has been said
      const { list: hints, look } = other.hints;
      return this.#ask("lendShown", { photo: id, name, model, hints, look });
    });
  }

  async #borrow(name, read) {
    const photo = this.#photo;
    if (!photo || element("borrow").hidden) return;
    try {
      const reference = await read();
      if (!reference) return;
      this.#put(photo, Object.freeze([reference]));
      speak(`${photo.name} has colors from ${name}`);
    } catch (error) {
      complain(name, error.message);
    }
  }

  #put(photo, reference) {
    photo.hints.replace(photo.hints.list, { ...photo.look, reference }, hintsFile.withoutReferences(photo.hints.rest));
    this.dispatchEvent(new CustomEvent("change", { detail: { photo } }));
  }

  #showPicture(list) {
    const picture = /** @type {HTMLImageElement} */ (element("lent-picture"));
    URL.revokeObjectURL(picture.src);
    if (list.length === 0) return;
    const text = list.length === 1 ? list[0].name : `${list[0].name} and ${list.length - 1} more`;
    picture.src = URL.createObjectURL(references.blobOf(list[0]));
    element("lent-name").textContent = text;
    element("return").setAttribute("aria-label", `No colors from ${text}`);
  }
}
