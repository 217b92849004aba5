/** The row of thumbnails: the visitor's photos and the samples. */

const THUMBNAIL = 144; // pixels; shown at 72 on most screens
const MARGIN = 8; // CSS pixels; the frame of the selected one is outside it

/** Events with a photo: "select", "remove", and "drag" when one is dragged, with null when it no longer is. */
export class Shelf extends EventTarget {
  #list = document.getElementById("photos");
  #items = new Map();

  /** @param {{id: number, name: string}} photo */
  add(photo, { isBusy }) {
    const item = document.createElement("li");
    item.classList.toggle("busy", isBusy);
    const thumb = button("thumb", photo.name, () => this.#tell("select", photo));
    thumb.append(document.createElement("canvas"));
    thumb.draggable = true;
    thumb.addEventListener("dragstart", ({ dataTransfer }) => {
      dataTransfer.setData("text/plain", photo.name); // some browsers drag nothing without data
      dataTransfer.effectAllowed = "copy";
      this.#tell("drag", photo);
    });
    thumb.addEventListener("dragend", () => this.#tell("drag", null));
    const remove = button("remove", `Remove ${photo.name}`, () => this.#tell("remove", photo));
    remove.textContent = "×";
    item.append(thumb, remove);
    const later = [...this.#items.keys()].filter(({ id }) => id > photo.id).sort((a, b) => a.id - b.id);
    this.#list.insertBefore(item, this.#items.get(later[0]) ?? null);
    this.#items.set(photo, item);
  }

  remove(photo) {
    this.#tell("drag", null); // what is gone does not say that it is no longer dragged
    this.#items.get(photo)?.remove();
    this.#items.delete(photo);
  }

  /** Marks the photo on the stage. */
  mark(photo) {
    for (const [other, item] of this.#items) {
      const thumb = item.querySelector(".thumb");
      if (other === photo) thumb.setAttribute("aria-current", "true");
      else thumb.removeAttribute("aria-current");
    }
    this.#reveal(this.#items.get(photo));
  }

  /** Scrolls the row only: the page stays where it is. */
  #reveal(item) {
    if (!item) return;
    const [row, box] = [this.#list.getBoundingClientRect(), item.getBoundingClientRect()];
    if (box.left < row.left) this.#list.scrollLeft -= row.left - box.left + MARGIN;
    if (box.right > row.right) this.#list.scrollLeft += box.right - row.right + MARGIN;
  }

  setBusy(photo, isBusy) {
    this.#items.get(photo)?.classList.toggle("busy", isBusy);
  }

  /** @param {ImageBitmap} bitmap The result of `thumbnailOf`. */
  picture(photo, bitmap) {
    const canvas = this.#items.get(photo)?.querySelector("canvas");
    if (!canvas) return;
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("bitmaprenderer").transferFromImageBitmap(bitmap);
  }

  /** @returns {HTMLCanvasElement} What a thumbnail shows. */
  pictureOf(photo) {
    return this.#items.get(photo).querySelector("canvas");
  }

  focus(photo) {
    this.#items.get(photo)?.querySelector(".thumb").focus();
  }

  #tell(type, photo) {
    this.dispatchEvent(new CustomEvent(type, { detail: photo }));
  }
}

/** The central square of a photo, and its size as a thumbnail, for `Workshop.draw`. */
export function thumbnailOf({ width, height }) {
  const side = Math.min(width, height);
  const size = Math.min(side, THUMBNAIL);
  const part = { x: (width - side) / 2, y: (height - side) / 2, width: side, height: side };
  return { part, width: size, height: size };
}

/**
 * Makes the buttons of the samples work.
 *
 * @param {(file: File) => void} receive Receives the chosen sample.
 */
export function listenToSamples(receive) {
  for (const choose of document.querySelectorAll("[data-sample]")) {
    const name = choose.dataset.sample;
    // Fetched at the start, so samples work without a network, too.
    const blob = fetch(`samples/${name}`).then((response) => response.blob());
    choose.addEventListener("click", async () => receive(new File([await blob], name, { type: "image/jpeg" })));
  }
}

function button(className, label, onClick) {
  const element = Object.assign(document.createElement("button"), { type: "button", className });
  element.setAttribute("aria-label", label);
  element.title = label;
  element.addEventListener("click", onClick);
  return element;
}
