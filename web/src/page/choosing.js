/** Variants of the photo on the stage that fill the screen, to choose one: nine looks, and other likely colors. */

import { named } from "../photo/colors.js";
import * as variants from "../photo/variants.js";
import { layout, WHOLE } from "./viewport.js";

const element = (id) => document.getElementById(id);
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const RESIZED_MS = 200;

/** Events: "choose" `{photo, look, dot}`, of which `dot` may be missing; "failure" `{photo, error}`. */
export class Choosing extends EventTarget {
  #dialog = /** @type {HTMLDialogElement} */ (element("variants"));
  #ask;
  #photo = null; // on the stage, if it can be chosen for
  #model;
  #takesColors = false;
  /** @type {Map<HTMLElement, {look: import("../photo/look.js").Look, dot?: {x: number, y: number, color: string}}>} */
  #tiles = new Map();
  #drawing = 0; // number of the latest drawing
  #resized;

  /** @param {(task: string, request: Record<string, any>) => Promise<any>} ask Of the worker. */
  constructor(ask) {
    super();
    this.#ask = ask;
    element("choose-look").addEventListener("click", () => this.#open());
    element("viewer").addEventListener("keydown", (event) => this.#onStageKey(event));
    element("close-variants").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("keydown", (event) => this.#onKey(event));
    this.#dialog.addEventListener("close", () => this.#clear());
    addEventListener("resize", () => {
      clearTimeout(this.#resized);
      if (this.#dialog.open) this.#resized = setTimeout(() => this.#draw(), RESIZED_MS);
    });
  }

  /**
   * @param {any} photo Of which a variant can be chosen, or null. Another one than before closes the view.
   * @param {string} [model]
   * @param {boolean} [takesColors] Whether the model takes dots, and there are features to tell things apart by.
   */
  show(photo, model, takesColors = false) {
    if (photo !== this.#photo || model !== this.#model) this.#dialog.close();
    this.#photo = photo;
    this.#model = model;
    this.#takesColors = takesColors;
  }

  async #open() {
    const photo = this.#photo;
    if (!photo || this.#dialog.open) return;
    const hasColors = this.#takesColors && photo.look.vividness > 0;
    element("nine").append(...variants.nine(photo.look).map((look) => this.#tile({ look })));
    element("likely-colors").hidden = !hasColors;
    element("likely-state").textContent = hasColors ? "Looking for other likely colors…" : "";
    this.#dialog.showModal();
    element("nine").querySelector("[aria-pressed=true]").focus();
    const opening = this.#draw();
    if (hasColors) await this.#offerColors(photo, opening);
  }

  /** Adds the largest thing of uncertain color in other colors. */
  async #offerColors(photo, drawing) {
    try {
      const { region } = await this.#ask("region", { photo: photo.id, model: this.#model });
      if (drawing !== this.#drawing) return;
      const dots = region?.colors.map((color) => ({ x: region.x, y: region.y, color })) ?? [];
      const tiles = dots.map((dot) => this.#tile({ look: photo.look, dot }));
      element("likely-tiles").append(...tiles);
      element("likely-state").textContent = tiles.length ? "" : "No large part of this photo has other likely colors.";
      this.#drawTiles(tiles, drawing);
    } catch (error) {
      this.#fail(photo, error);
    }
  }

  /** @param {{look: import("../photo/look.js").Look, dot?: {x: number, y: number, color: string}}} variant */
  #tile(variant) {
    const { look, dot } = variant;
    const tile = Object.assign(document.createElement("button"), { type: "button", className: "variant" });
    const lines = dot ? [named(dot.color), dot.color] : [`Vividness ${percent(look.vividness)}`, `Warmth ${percent(look.warmth)}`];
    const isCurrent = dot ? this.#photo.hints.list.some((other) => isSame(other, dot)) : isEqual(look, this.#photo.look);
    tile.setAttribute("aria-pressed", String(isCurrent));
    const label = document.createElement("span");
    if (dot) label.append(swatch(dot.color));
    label.append(...lines.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
    const well = Object.assign(document.createElement("span"), { className: "well" });
    well.append(document.createElement("canvas"));
    tile.append(well, label);
    tile.setAttribute("aria-label", lines.join(", "));
    tile.addEventListener("click", () => this.#choose(variant));
    this.#tiles.set(tile, variant);
    return tile;
  }

  /** @param {{look: import("../photo/look.js").Look, dot?: {x: number, y: number, color: string}}} variant */
  #choose({ look, dot }) {
    const photo = this.#photo;
    this.#dialog.close();
    this.dispatchEvent(new CustomEvent("choose", { detail: { photo, look, dot } }));
  }

  /** Draws all tiles, the current one first; returns the number of the drawing. */
  #draw() {
    const drawing = ++this.#drawing;
    const first = this.#dialog.querySelector("[aria-pressed=true]");
    this.#drawTiles([...this.#tiles.keys()].sort((one, other) => Number(other === first) - Number(one === first)), drawing);
    return drawing;
  }

  async #drawTiles(tiles, drawing) {
    const [photo, model] = [this.#photo, this.#model];
    try {
      for (const tile of tiles) {
        const { look, dot } = this.#tiles.get(tile);
        const canvas = tile.querySelector("canvas");
        const well = canvas.parentElement.getBoundingClientRect();
        const { width, height } = layout(well, photo, WHOLE);
        const size = [width, height].map((side) => Math.max(1, Math.round(side * devicePixelRatio)));
        const part = { x: 0, y: 0, width: photo.width, height: photo.height };
        const hints = dot ? variants.withDot(photo.hints.list, dot) : photo.hints.list;
        const request = { photo: photo.id, part, width: size[0], height: size[1], views: [{ kind: "color", model, hints }], look };
        const [bitmap] = await this.#ask("draw", request);
        if (drawing !== this.#drawing) return;
        [canvas.width, canvas.height] = size;
        canvas.getContext("bitmaprenderer").transferFromImageBitmap(bitmap);
        tile.classList.add("drawn");
      }
    } catch (error) {
      if (drawing === this.#drawing) this.#fail(photo, error);
    }
  }

  #fail(photo, error) {
    this.#dialog.close();
    this.dispatchEvent(new CustomEvent("failure", { detail: { photo, error } }));
  }

  /** Only on the stage, so that nobody opens it while they type or dictate. */
  #onStageKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.toLowerCase() !== "c") return;
    if (event.target.matches("select")) return; // where letters choose
    event.preventDefault();
    this.#open();
  }

  /** Moves the focus to the nearest tile in the direction of an arrow key. */
  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in DIRECTIONS)) return;
    event.preventDefault();
    const from = centerOf(document.activeElement);
    const [dx, dy] = DIRECTIONS[event.key];
    let nearest = { distance: Infinity, tile: null };
    for (const tile of this.#tiles.keys()) {
      const to = centerOf(tile);
      const ahead = (to.x - from.x) * dx + (to.y - from.y) * dy;
      const aside = Math.abs((to.x - from.x) * dy) + Math.abs((to.y - from.y) * dx);
      const distance = ahead + 3 * aside;
      if (ahead > 1 && distance < nearest.distance) nearest = { distance, tile };
    }
    nearest.tile?.focus();
  }

  #clear() {
    this.#drawing++;
    for (const tile of this.#tiles.keys()) tile.remove();
    this.#tiles.clear();
  }
}

function swatch(color) {
  const mark = Object.assign(document.createElement("i"), { className: "mark" });
  mark.style.setProperty("--color", color);
  return mark;
}

function percent(value) {
  return `${Math.round(100 * value)}%`.replace("-", "−");
}

function isEqual(one, other) {
  return Object.entries(one).every(([name, value]) => other[name] === value);
}

function isSame(one, other) {
  return one.x === other.x && one.y === other.y && one.color === other.color;
}

function centerOf(item) {
  const { left, top, width, height } = item.getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}
