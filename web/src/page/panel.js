/** The panel that offers colors for a dot. */

import { named, objection, parsed } from "../photo/colors.js";

const element = (id) => document.getElementById(id);
export const GRAY = "#808080";

/** Events: "color" `{color, isFinal}`; "pick" `{isOn}`, the eyedropper; "remove"; "close". */
export class Panel extends EventTarget {
  #panel = element("hint-panel");
  #any = element("any-color");
  #code = element("code");
  #pick = element("pick");

  constructor() {
    super();
    this.#any.addEventListener("input", () => this.#tell("color", { color: this.#any.value, isFinal: false }));
    this.#any.addEventListener("change", () => this.#tell("color", { color: this.#any.value, isFinal: true }));
    this.#code.addEventListener("input", () => this.#readCode({ isFinal: false }));
    this.#code.addEventListener("change", () => this.#readCode({ isFinal: true }));
    this.#pick.addEventListener("click", () => this.#tell("pick", { isOn: !this.isPicking }));
    element("keep-gray").addEventListener("click", () => this.#choose(GRAY));
    element("remove-dot").addEventListener("click", () => this.#tell("remove"));
    element("close-panel").addEventListener("click", () => this.#tell("close"));
    this.#panel.addEventListener("keydown", (event) => event.key === "Escape" && this.#tell("close"));
  }

  /** Whether the next place on the photo gives the color. */
  get isPicking() {
    return this.#pick.getAttribute("aria-pressed") === "true";
  }

  set isPicking(isOn) {
    this.#pick.setAttribute("aria-pressed", String(isOn));
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  /**
   * @param {{color: string}} dot
   * @param {string[]} used Colors of other dots.
   */
  show({ color }, used) {
    this.#panel.hidden = false;
    this.#any.value = color;
    // Do not overwrite what the user types.
    if (parsed(this.#code.value) !== color && document.activeElement !== this.#code) this.#code.value = color;
    if (parsed(this.#code.value) === color) this.#object("");
    this.#offer("used", used, color);
  }

  /** @param {string[] | null} colors Likely colors at the dot; null while they are not known. */
  showLikely(colors, color) {
    this.#offer("likely", colors ?? [], color);
    element("likely").hidden = colors?.length === 0; // keeps its place while they are not known
  }

  hide() {
    this.#panel.hidden = true;
    this.isPicking = false;
    this.#code.value = "";
    this.#object("");
  }

  /** Scrolls to the panel, but not past the photo. */
  reveal() {
    const below = this.#panel.getBoundingClientRect().bottom - document.documentElement.clientHeight;
    const above = element("frame").getBoundingClientRect().top;
    if (below > 0) scrollBy({ top: Math.min(below, Math.max(0, above)) });
  }

  focus() {
    (this.#panel.querySelector(".swatch") ?? this.#any).focus();
  }

  #offer(id, colors, chosen) {
    const group = element(id);
    const there = [...group.querySelectorAll(".swatch")];
    // The buttons stay while the colors do, and with them the focus.
    if (there.map(({ value }) => value).join() !== colors.join()) {
      for (const swatch of there) swatch.remove();
      group.append(...colors.map((color) => this.#swatch(color)));
    }
    group.hidden = colors.length === 0;
    for (const swatch of group.querySelectorAll(".swatch")) {
      swatch.setAttribute("aria-pressed", String(swatch.value === chosen));
    }
  }

  #swatch(color) {
    const swatch = Object.assign(document.createElement("button"), { type: "button", className: "swatch", value: color });
    swatch.style.setProperty("--color", color);
    swatch.title = `${named(color)}, ${color}`;
    swatch.setAttribute("aria-label", swatch.title);
    swatch.addEventListener("click", () => this.#choose(color));
    return swatch;
  }

  #readCode({ isFinal }) {
    if (!this.isOpen) return;
    const color = parsed(this.#code.value);
    if (color) this.#tell("color", { color, isFinal });
    this.#object(color ? "" : objection(this.#code.value));
  }

  /** Shows what is wrong with the typed text; nothing if it is a color. */
  #object(text) {
    if (text) this.#code.setAttribute("aria-invalid", "true");
    else this.#code.removeAttribute("aria-invalid");
    if (element("code-problem").textContent === text) return;
    element("code-problem").textContent = text;
    if (text) this.reveal();
  }

  #choose(color) {
    this.#tell("color", { color, isFinal: true });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
