/** Undo and redo of a photo's changes, by button and by key. */

const element = (id) => document.getElementById(id);

/** Events: "change" `{photo}` after a step. */
export class Undoing extends EventTarget {
  #photo = null;

  constructor() {
    super();
    element("undo").addEventListener("click", () => this.#step("undo"));
    element("redo").addEventListener("click", () => this.#step("redo"));
    document.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {{hints: import("../photo/hints.js").Hints} | null} photo Without one, there is nothing to undo. */
  show(photo) {
    this.#photo = photo;
    element("history").hidden = !photo;
    element("undo").disabled = !photo?.hints.canUndo;
    element("redo").disabled = !photo?.hints.canRedo;
  }

  /** @param {"undo" | "redo"} step */
  #step(step) {
    this.#photo.hints[step]();
    this.dispatchEvent(new CustomEvent("change", { detail: { photo: this.#photo } }));
  }

  #onKey(event) {
    if (!this.#photo || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.matches?.("input[type=text]")) return; // which undoes its own text
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    this.#step(key === "y" || event.shiftKey ? "redo" : "undo");
  }
}
