/** The dots over the photo, which can be dragged, and the keyboard cursor for placing one. */

import { clamp } from "./viewport.js";

const STEP = 8; // CSS pixels per arrow key; 1 with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const DRAG = 4; // CSS pixels of movement that still count as a click

/**
 * Events: "put" `{x, y}`; "select" and "remove" `{id}`; "move" `{id, x, y, isFinal}`. Places are whole pixels
 * of the photo.
 */
export class Dots extends EventTarget {
  #layer = document.getElementById("dots");
  #point = document.getElementById("point");
  #items = new Map(); // id -> button
  #photo = null;
  /** @type {{part: Record<string, any>, scale: number}} */
  #place = { part: { x: 0, y: 0 }, scale: 1 };
  #target = { x: 0, y: 0 }; // of the point
  /** @type {readonly {id: number, x: number, y: number, color: string, coming?: string}[]} */
  #dots = [];

  constructor() {
    super();
    this.#point.addEventListener("keydown", (event) => this.#onPointKey(event));
    this.#point.addEventListener("click", () => this.#tell("put", this.#target));
    this.#layer.addEventListener("pointerdown", (event) => event.stopPropagation()); // not for the divider
  }

  /**
   * @param {{width: number, height: number} | null} photo Without one, or one without dots, nothing is shown.
   * @param {readonly {id: number, x: number, y: number, color: string, coming?: string}[]} dots `coming` is what the color becomes at
   *   the lightness of its place, if that is known.
   * @param {number} [selected]
   */
  show(photo, dots, selected) {
    if (photo !== this.#photo && photo) this.#target = { x: photo.width >> 1, y: photo.height >> 1 };
    this.#photo = photo;
    this.#dots = dots;
    this.#layer.hidden = !photo;
    const kept = new Set(dots.map(({ id }) => id));
    for (const [id, item] of this.#items) {
      if (kept.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    for (const [index, dot] of dots.entries()) this.#showDot(dot, index + 1, dot.id === selected);
    this.#sort(dots.map(({ id }) => this.#items.get(id)));
    this.#arrange();
  }

  /** The Tab key goes through the dots by their numbers. The button in use is not moved, because it would lose the focus. */
  #sort(items) {
    const there = [...this.#layer.querySelectorAll(".dot")];
    if (items.every((item, index) => item === there[index])) return;
    const fixed = items.findIndex((item) => item.matches(":focus, :active"));
    for (const [index, item] of items.entries()) {
      if (index < fixed) items[fixed].before(item);
      else if (index > fixed) this.#layer.append(item);
    }
  }

  /** @param {{part: Record<string, any>, scale: number}} place The visible part of the photo, and its scale. */
  arrange(place) {
    this.#place = place;
    this.#arrange();
  }

  focus(id) {
    (this.#items.get(id) ?? this.#point).focus({ preventScroll: true });
  }

  #showDot({ id, x, y, color, coming = color }, number, isSelected) {
    if (!this.#items.has(id)) this.#items.set(id, this.#newDot(id));
    const item = this.#items.get(id);
    item.style.setProperty("--color", coming);
    item.setAttribute("aria-label", `Dot ${number}: ${color} at ${x}, ${y}`);
    item.setAttribute("aria-expanded", String(isSelected));
  }

  #newDot(id) {
    const item = Object.assign(document.createElement("button"), { type: "button", className: "dot" });
    item.setAttribute("aria-controls", "hint-panel");
    let drag = null;
    item.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      item.setPointerCapture(event.pointerId);
      drag = { from: event, dot: this.#dots.find((dot) => dot.id === id), isMoving: false };
    });
    item.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const [dx, dy] = [event.clientX - drag.from.clientX, event.clientY - drag.from.clientY];
      drag.isMoving ||= Math.hypot(dx, dy) > DRAG;
      if (drag.isMoving) this.#move(id, drag.dot, dx, dy, { isFinal: false });
    });
    for (const end of ["pointerup", "pointercancel"]) {
      item.addEventListener(end, () => {
        if (drag?.isMoving) this.#settle(id);
        else if (drag) this.#tell("select", { id });
        drag = null;
      });
    }
    item.addEventListener("click", (event) => event.detail === 0 && this.#tell("select", { id, byKey: true }));
    item.addEventListener("keydown", (event) => this.#onDotKey(event, id));
    item.addEventListener("keyup", ({ key }) => key in ARROWS && this.#settle(id));
    this.#layer.append(item);
    return item;
  }

  #onDotKey(event, id) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Delete" || event.key === "Backspace") {
      this.#tell("remove", { id });
    } else if (event.key in ARROWS) {
      const dot = this.#dots.find((other) => other.id === id);
      const [dx, dy] = this.#step(event);
      this.#move(id, dot, dx, dy, { isFinal: false }); // until the key is up again
    } else {
      return;
    }
    event.preventDefault();
  }

  #onPointKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in ARROWS)) return;
    event.preventDefault();
    const [dx, dy] = this.#step(event);
    this.#target = this.#moved(this.#target, dx, dy);
    this.#arrange();
  }

  /** The step of an arrow key, in CSS pixels, at least a pixel of the photo. */
  #step(event) {
    const length = Math.max(event.shiftKey ? 1 : STEP, this.#place.scale);
    return ARROWS[event.key].map((direction) => direction * length);
  }

  /** Ends a movement. */
  #settle(id) {
    const dot = this.#dots.find((other) => other.id === id);
    if (dot) this.#move(id, dot, 0, 0, { isFinal: true });
  }

  #move(id, from, dx, dy, { isFinal }) {
    this.#tell("move", { id, ...this.#moved(from, dx, dy), isFinal });
  }

  #moved({ x, y }, dx, dy) {
    const { scale } = this.#place;
    return {
      x: clamp(Math.round(x + dx / scale), 0, this.#photo.width - 1),
      y: clamp(Math.round(y + dy / scale), 0, this.#photo.height - 1),
    };
  }

  #arrange() {
    if (!this.#photo) return;
    for (const dot of this.#dots) this.#put(this.#items.get(dot.id), dot);
    this.#put(this.#point, this.#target);
    this.#point.setAttribute("aria-label", `Point at ${this.#target.x}, ${this.#target.y}: Enter puts a dot there`);
  }

  #put(item, { x, y }) {
    const { part, scale } = this.#place;
    item.style.left = `${(x + 0.5 - part.x) * scale}px`;
    item.style.top = `${(y + 0.5 - part.y) * scale}px`;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
