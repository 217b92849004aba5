/** Mouse, touch and trackpad on the photo: tap, drag the divider, move, pinch, zoom. */

const TAP = 6; // CSS pixels of movement that still count as a tap
const HANDLE = 24; // CSS pixels around the middle of the divider's handle

export class Gestures {
  #element;
  #actions;
  #pointers = new Map();
  #tapped = null; // where the pointer went down that may still be a tap

  /**
   * @param {HTMLElement} element
   * @param {{isZoomed: () => boolean, split: Function, move: Function, zoom: Function, toggle: Function, tap: Function}} actions
   *   Points and the divider's position are shares of the element; movements are CSS pixels.
   */
  constructor(element, actions) {
    this.#element = element;
    this.#actions = actions;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#moved(event));
    element.addEventListener("pointerup", (event) => this.#tapped && actions.tap(this.#point(event)));
    for (const end of ["pointerup", "pointercancel"]) {
      element.addEventListener(end, (event) => {
        this.#tapped = null;
        this.#pointers.delete(event.pointerId);
      });
    }
    element.addEventListener("dblclick", (event) => actions.toggle(this.#point(event)));
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  #down(event) {
    if (event.button !== 0) return;
    this.#element.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.#tapped = this.#pointers.size === 1 && !this.#isOnHandle(event) ? event : null;
    const isHandle = Math.abs(this.#point(event).x - this.#split()) * this.#element.clientWidth < 28;
    this.dragsDivider = isHandle || !this.#actions.isZoomed();
  }

  #moved(event) {
    const last = this.#pointers.get(event.pointerId);
    if (!last) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.#tapped && distance(now, { x: this.#tapped.clientX, y: this.#tapped.clientY }) < TAP) return;
    this.#tapped = null;
    if (this.#pointers.size === 2) {
      this.#pinch(event.pointerId, last, now);
    } else if (this.dragsDivider) {
      this.#actions.split(this.#point(event).x);
    } else {
      this.#actions.move(last.x - now.x, last.y - now.y);
    }
    this.#pointers.set(event.pointerId, now);
  }

  #pinch(id, last, now) {
    const [, other] = [...this.#pointers].find(([key]) => key !== id);
    const factor = distance(now, other) / Math.max(1, distance(last, other));
    const middle = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 };
    this.#actions.zoom(factor, this.#point(middle));
    this.#actions.move((last.x - now.x) / 2, (last.y - now.y) / 2);
  }

  /** Only a trackpad's pinch and Ctrl with the wheel; the wheel alone scrolls the page. */
  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.#actions.zoom(Math.exp(-event.deltaY / 200), this.#point(event));
  }

  #isOnHandle(event) {
    const { x, y } = this.#point(event);
    const { clientWidth, clientHeight } = this.#element;
    return Math.hypot((x - this.#split()) * clientWidth, (y - 0.5) * clientHeight) < HANDLE;
  }

  #split() {
    return Number.parseFloat(this.#element.style.getPropertyValue("--split")) / 100;
  }

  #point({ clientX, clientY }) {
    const box = this.#element.getBoundingClientRect();
    return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height };
  }
}

function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
