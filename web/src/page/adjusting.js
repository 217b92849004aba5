/** The sliders of the photo on the stage: its look. */

import { PLAIN } from "../photo/look.js";

const sliders = /** @type {NodeListOf<any>} */ (document.querySelectorAll("[data-look]"));

/** Events: "change" `{look, isFinal}`. */
export class Adjusting extends EventTarget {
  /** @type {import("../photo/look.js").Look} */
  #look = PLAIN;

  constructor() {
    super();
    for (const slider of sliders) {
      slider.addEventListener("input", () => this.#read(slider, { isFinal: false }));
      slider.addEventListener("change", () => this.#read(slider, { isFinal: true }));
    }
    this.show(PLAIN);
  }

  /** @param {import("../photo/look.js").Look} look Of a photo. */
  show(look) {
    this.#look = look;
    for (const slider of sliders) {
      const percent = Math.round(100 * (look[slider.dataset.look] ?? PLAIN[slider.dataset.look]));
      if (Number(slider.value) !== percent) slider.value = String(percent);
      document.querySelector(`output[for=${slider.id}]`).textContent = `${percent}%`;
    }
  }

  #read(slider, { isFinal }) {
    const look = { ...this.#look, [slider.dataset.look]: slider.value / 100 };
    this.show(look);
    this.dispatchEvent(new CustomEvent("change", { detail: { look: Object.freeze(look), isFinal } }));
  }
}
