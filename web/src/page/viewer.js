/** The stage: two views of a photo with a divider between them, which can be zoomed and moved. */

import * as looks from "../photo/look.js";
import { Gestures } from "./gestures.js";
import * as viewport from "./viewport.js";

const SIDES = ["left", "right"];
const DRAFT = 0.5; // while a control moves, a quarter of the pixels is enough
const SETTLED_MS = 150;
const KEY_STEP = 80; // CSS pixels
const LAYOUT_STEP = 1 / 64; // CSS pixels; browsers do not place anything more exactly

/**
 * Events: "layout" `{isZoomed, percent, part, scale}`, see `viewport.layout`; "tap" `{x, y}` in pixels of the photo
 * and "doubletap" when the photo is clicked; "failure" `{photo, error}` when a photo cannot be drawn.
 */
export class Viewer extends EventTarget {
  #element = document.getElementById("viewer");
  #frame = document.getElementById("frame");
  #splitInput = document.getElementById("split");
  #canvases = { left: document.getElementById("left"), right: document.getElementById("right") };
  #drawn = {}; // what each canvas holds: `{photo, part, quality, key}`
  #photo = null;
  #views = {};
  #view = viewport.WHOLE;
  #drawing = false;
  #quality = 1; // of the requested drawing
  #settle = 0;
  #revealing = null;
  #ask;

  /** @param {(request: Record<string, any>) => Promise<ImageBitmap[]>} ask Draws views; see `Workshop.draw`. */
  constructor(ask) {
    super();
    this.#ask = ask;
    this.#splitInput.addEventListener("input", () => this.#dragSplit(Number(this.#splitInput.value)));
    this.#splitInput.addEventListener("keydown", (event) => this.#onKey(event));
    new ResizeObserver(() => this.#update()).observe(this.#element);
    new Gestures(this.#frame, {
      isZoomed: () => this.#view.zoom > 1,
      split: (share) => this.#dragSplit(share * 100),
      move: (dx, dy) => this.#look(viewport.moved(this.#stage, this.#photo, this.#view, dx, dy)),
      zoom: (factor, point) => this.zoomBy(factor, point),
      toggle: (point) => {
        this.dispatchEvent(new CustomEvent("doubletap"));
        this.toggleZoom(point);
      },
      tap: (point) => this.#tap(point),
    });
    this.#setSplit(50);
    this.#listenToButtons();
  }

  #listenToButtons() {
    const zooms = { "zoom-in": () => this.zoomBy(1.5), "zoom-out": () => this.zoomBy(1 / 1.5), "zoom-fit": () => this.toggleZoom() };
    for (const [id, zoom] of Object.entries(zooms)) document.getElementById(id).addEventListener("click", zoom);
    this.addEventListener("layout", ({ detail: { isZoomed, percent } }) => {
      document.getElementById("zoom-fit").textContent = isZoomed ? `${Math.round(percent)}%` : "Fit";
    });
  }

  /**
   * Shows a photo.
   *
   * @param {{id: number, name: string, width: number, height: number, look: import("../photo/look.js").Look}} photo In the look
   *   that it has then.
   * @param {{left: Record<string, any>, right: Record<string, any>}} views As in `Workshop.draw`, with a `label`.
   */
  show(photo, views) {
    if (photo !== this.#photo) this.#view = viewport.WHOLE;
    this.#photo = photo;
    this.#views = views;
    this.#element.hidden = false;
    for (const side of SIDES) this.#canvases[side].setAttribute("aria-label", `${photo.name}, ${views[side].label}`);
    this.#splitInput.setAttribute("aria-label", `Divider between ${views.left.label} and ${views.right.label}`);
    this.#update();
  }

  hide() {
    this.#photo = null;
    this.#drawn = {};
    this.#element.hidden = true;
  }

  /** Wipes the right side in. */
  reveal() {
    this.#setSplit(50);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const options = { duration: 900, easing: "cubic-bezier(0.3, 0, 0.1, 1)" };
    this.#revealing = this.#frame.animate([{ "--split": "100%" }, { "--split": "50%" }], options);
  }

  focus() {
    this.#splitInput.focus();
  }

  #tap(point) {
    const { part, scale } = this.#layout();
    const near = LAYOUT_STEP / scale;
    const at = (share, start, length, whole) => viewport.clamp(Math.floor(start + share * length + near), 0, whole - 1);
    const detail = {
      x: at(point.x, part.x, part.width, this.#photo.width),
      y: at(point.y, part.y, part.height, this.#photo.height),
    };
    this.dispatchEvent(new CustomEvent("tap", { detail }));
  }

  zoomBy(factor, point) {
    this.#look(viewport.zoomed(this.#stage, this.#photo, this.#view, this.#view.zoom * factor, point));
  }

  /** The whole photo, or one photo pixel per screen pixel. */
  toggleZoom(point) {
    const full = 1 / devicePixelRatio / viewport.fitScale(this.#stage, this.#photo);
    const zoom = this.#view.zoom > 1 ? 1 : Math.max(2, full);
    this.#look(viewport.zoomed(this.#stage, this.#photo, this.#view, zoom, point));
  }

  /** Plus and minus zoom, 0 shows all, Shift with an arrow moves the photo. */
  #onKey(event) {
    const zooms = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 };
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in zooms) {
      this.zoomBy(zooms[event.key]);
    } else if (event.shiftKey && event.key in moves) {
      const [dx, dy] = moves[event.key].map((direction) => direction * KEY_STEP);
      this.#look(viewport.moved(this.#stage, this.#photo, this.#view, dx, dy));
    } else {
      return;
    }
    event.preventDefault();
  }

  #layout() {
    return viewport.snapped(viewport.layout(this.#stage, this.#photo, this.#view));
  }

  get #stage() {
    return { width: this.#element.clientWidth, height: this.#element.clientHeight };
  }

  #look(view) {
    this.#view = view;
    this.#update();
  }

  /** Moves the divider to the user's position, stopping any animation. */
  #dragSplit(percent) {
    this.#revealing?.cancel();
    this.#setSplit(percent);
  }

  #setSplit(percent) {
    const limited = viewport.clamp(percent, 0, 100);
    this.#frame.style.setProperty("--split", `${limited}%`);
    this.#splitInput.value = String(Math.round(limited));
    this.#splitInput.setAttribute("aria-valuetext", `${Math.round(limited)}%`);
  }

  #update() {
    if (!this.#photo || this.#stage.width === 0) return;
    const { width, height, part, scale } = this.#layout();
    const isZoomed = this.#view.zoom > 1;
    this.#frame.style.width = `${width}px`;
    this.#frame.style.height = `${height}px`;
    this.#center(width, height);
    this.#frame.classList.toggle("zoomed", isZoomed);
    // Until the new drawing arrives, the last one is moved to its new place.
    for (const side of SIDES) this.#place(side, part, scale);
    const detail = { isZoomed, percent: scale * devicePixelRatio * 100, part, scale };
    this.dispatchEvent(new CustomEvent("layout", { detail }));
    const isFirst = SIDES.some((side) => this.#canvases[side].hidden);
    this.#draw(isFirst ? 1 : DRAFT);
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.#draw(1), SETTLED_MS);
  }

  /** Puts the frame in the middle of the stage, on a whole pixel of the screen: between two, single pixels would blur. */
  #center(width, height) {
    const box = this.#element.getBoundingClientRect();
    const whole = (start, room) => Math.round((start + room / 2) * devicePixelRatio) / devicePixelRatio - start;
    this.#frame.style.left = `${whole(box.left + scrollX, box.width - width)}px`;
    this.#frame.style.top = `${whole(box.top + scrollY, box.height - height)}px`;
  }

  #place(side, part, scale) {
    const canvas = this.#canvases[side];
    const drawn = this.#drawn[side];
    canvas.hidden = drawn?.photo !== this.#photo;
    if (canvas.hidden) return;
    canvas.style.left = `${(drawn.part.x - part.x) * scale}px`;
    canvas.style.top = `${(drawn.part.y - part.y) * scale}px`;
    canvas.style.width = `${drawn.part.width * scale}px`;
    canvas.style.height = `${drawn.part.height * scale}px`;
  }

  /** Draws the latest request that is not shown yet, one at a time. */
  async #draw(quality) {
    this.#quality = quality;
    if (!this.#photo || this.#drawing) return;
    const photo = this.#photo;
    const { part, width, height } = this.#layout();
    const sides = SIDES.filter((side) => this.#isMissing(side, quality));
    if (sides.length === 0) return;
    const wanted = sides.map((side) => ({ photo, part, quality, key: this.#key(side) }));
    const density = devicePixelRatio * quality;
    this.#drawing = true;
    try {
      const bitmaps = await this.#ask({
        photo: photo.id,
        part,
        width: Math.max(1, Math.round(width * density)),
        height: Math.max(1, Math.round(height * density)),
        look: photo.look,
        views: sides.map((side) => this.#views[side]),
      });
      sides.forEach((side, index) => this.#take(side, bitmaps[index], wanted[index]));
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failure", { detail: { photo, error } }));
      if (photo === this.#photo) return; // trying again would fail again
    } finally {
      this.#drawing = false;
    }
    this.#draw(this.#quality); // what changed meanwhile
  }

  #isMissing(side, quality) {
    const drawn = this.#drawn[side];
    return Boolean(this.#photo) && (drawn?.key !== this.#key(side) || drawn.quality < quality);
  }

  /** Everything that determines what a side shows. */
  #key(side) {
    const { part, width, height } = this.#layout();
    const { kind, model, hints = [] } = this.#views[side];
    const wishes = hints.flatMap(({ x, y, color, size }) => [x, y, color, size]);
    const color = kind === "color" ? [model, looks.keyOf(this.#photo.look), ...wishes] : [];
    return [this.#photo.id, ...Object.values(part), width, height, devicePixelRatio, kind, ...color].join();
  }

  #take(side, bitmap, drawn) {
    const canvas = this.#canvases[side];
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("bitmaprenderer").transferFromImageBitmap(bitmap);
    this.#drawn[side] = drawn;
    if (!this.#photo) return;
    const { part, scale } = this.#layout();
    this.#place(side, part, scale);
  }
}
