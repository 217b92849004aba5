/** Selects the two sides of the stage: black and white, the original, or a model's colors. */

const OPEN = "open";
export const GRAY = { kind: "gray", label: "Black and white" };
const ORIGINAL = { kind: "original", label: "Original" };
const AUTOMATIC = { kind: "color", label: "Without dots", isAutomatic: true };

export class Sides extends EventTarget {
  #left = document.getElementById("left-look");
  #right = document.getElementById("right-look");
  #names = [];
  #model; // name of the model on the right
  #hasOriginal = false;
  #hasDots = false;

  constructor() {
    super();
    const input = document.getElementById("model-input");
    input.addEventListener("change", () => {
      for (const file of input.files) this.#tell("open", file);
      input.value = "";
    });
    this.#left.addEventListener("change", () => this.#tell("change"));
    this.#right.addEventListener("change", () => {
      if (this.#right.value === OPEN) {
        this.#right.value = this.#model;
        input.click();
      } else {
        this.#model = this.#right.value;
        this.#tell("change");
      }
    });
    this.#fill();
  }

  /** Name of the model on the right. */
  get model() {
    return this.#model;
  }

  get left() {
    return this.#view(this.#left.value);
  }

  get right() {
    return this.#view(this.#model);
  }

  /** Adds a model to choose from, by name; `chosen` puts it on the right. */
  add(name, { chosen = false } = {}) {
    this.#names.push(name);
    if (chosen || !this.#model) this.#model = name;
    this.#fill();
  }

  /** Offers choices for some photos only: original colors, and colors with and without dots. */
  offer({ original, dots }) {
    if (original === this.#hasOriginal && dots === this.#hasDots) return;
    this.#hasOriginal = original;
    this.#hasDots = dots;
    this.#fill();
  }

  #view(value) {
    if (value === ORIGINAL.kind) return ORIGINAL;
    if (value === GRAY.kind || value === undefined) return GRAY;
    if (value === "automatic") return { ...AUTOMATIC, model: this.#model };
    return { kind: "color", model: value, label: this.#names.length > 1 ? value : "Color" };
  }

  #fill() {
    const models = this.#names.map((name) => [name, this.#view(name).label]);
    const left = [[GRAY.kind, GRAY.label]];
    if (this.#hasOriginal) left.push([ORIGINAL.kind, ORIGINAL.label]);
    if (this.#hasDots) left.push(["automatic", AUTOMATIC.label]);
    if (models.length > 1) left.push(...models);
    setOptions(this.#left, left, this.#left.value);
    setOptions(this.#right, [...models, [OPEN, "Open a model file…"]], this.#model);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function setOptions(select, options, value) {
  select.replaceChildren(...options.map(([key, label]) => new Option(label, key)));
  select.value = value;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}
