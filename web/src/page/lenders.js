/** Photos of the page that can lend their colors: dragged from the shelf onto "Colors from…", or chosen from a list. */

const element = (id) => document.getElementById(id);

/** Events: "choose" `{photo}` when a photo of the page is to lend its colors; "file" when it is to be a file. */
export class Lenders extends EventTarget {
  #dialog = /** @type {HTMLDialogElement} */ (element("lenders"));
  #others;
  #pictureOf;
  #dragged = null;

  /**
   * @param {EventTarget & {pictureOf: (photo: object) => HTMLCanvasElement}} shelf See `Shelf`.
   * @param {() => {name: string}[]} others Returns the photos that can lend their colors to the one on the stage.
   */
  constructor(shelf, others) {
    super();
    this.#others = others;
    this.#pictureOf = (photo) => shelf.pictureOf(photo);
    shelf.addEventListener("drag", ({ detail }) => this.#drag(detail));
    const target = element("lender");
    target.addEventListener("dragover", (event) => {
      if (this.#dragged) event.preventDefault(); // so that it can be dropped here
    });
    target.addEventListener("drop", (event) => {
      if (!this.#dragged) return;
      event.preventDefault();
      this.#choose(this.#dragged);
    });
    element("borrow").addEventListener("click", () => this.#ask());
    element("lender-file").addEventListener("click", () => {
      this.#dialog.close();
      this.#tell("file");
    });
    this.#dialog.addEventListener("close", () => element("lenders-list").replaceChildren());
  }

  #drag(photo) {
    this.#dragged = this.#others().includes(photo) ? photo : null;
    document.body.classList.toggle("lending", this.#dragged !== null);
  }

  /** Without other photos, only a file can be chosen. */
  #ask() {
    const others = this.#others();
    if (others.length === 0) return this.#tell("file");
    element("lenders-list").replaceChildren(...others.map((photo) => this.#item(photo)));
    this.#dialog.showModal();
  }

  #item(photo) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "lender" });
    button.append(copyOf(this.#pictureOf(photo)), Object.assign(document.createElement("span"), { textContent: photo.name }));
    button.addEventListener("click", () => {
      this.#dialog.close();
      this.#choose(photo);
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  /** @param {any} photo Which another window may have removed meanwhile. */
  #choose(photo) {
    if (this.#others().includes(photo)) this.#tell("choose", { photo });
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function copyOf(canvas) {
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy;
}
