/** Hints: handles the user's changes to the dots of the photo on the stage. */

import { ofBitmap } from "../photo/colors.js";
import { Dots } from "./dots.js";
import { MOST } from "../photo/hints.js";
import { hexAt, lightnessOf } from "../photo/lab.js";
import { abOfThing } from "../photo/oklab.js";
import { complain, speak } from "./notices.js";
import { Panel } from "./panel.js";

const DOUBLE_MS = 1000; // no system's double click is slower

const element = (id) => document.getElementById(id);

/** Events: "change" `{photo, isFinal}` after each change of a photo's hints. */
export class Hinting extends EventTarget {
  #dots = new Dots();
  #panel = new Panel();
  #ask;
  #photo = null; // a photo that can have dots
  #view;
  #selected; // id of a dot
  #latest = null; // the dot that was put last, by a tap that may become a double one: `{id, time}`
  #putting = null; // where a dot is being put
  #tones = new Map(); // dot's id -> `{place, gray}`: what the gray photo has there, or had where the dot was before
  #asking = new Set(); // ids of dots whose gray is being asked for
  #suggested = {}; // the latest suggestions: `{key, colors}`

  /**
   * @param {(task: string, request: Record<string, any>) => Promise<any>} ask Of the worker.
   * @param {EventTarget} viewer The stage; see `Viewer`.
   */
  constructor(ask, viewer) {
    super();
    this.#ask = ask;
    viewer.addEventListener("layout", ({ detail }) => this.#dots.arrange(detail));
    viewer.addEventListener("tap", ({ detail }) => this.#onPlace(detail));
    viewer.addEventListener("doubletap", () => this.#withdraw());
    this.#listenToDots();
    this.#listenToPanel();
  }

  /**
   * Enables or disables dots on a photo.
   *
   * @param {{id: number, name: string, width: number, height: number, hints: import("../photo/hints.js").Hints, look: object} | null} photo
   * @param {Record<string, any>} [view] What the right side shows, as in `Workshop.draw`, with whether the model `takesHints`.
   */
  show(photo, view = {}) {
    const canHave = photo && view.kind === "color" && view.takesHints ? photo : null;
    if (canHave !== this.#photo) {
      this.#close();
      this.#tones.clear();
    }
    this.#photo = canHave;
    this.#view = view;
    this.#refresh();
    element("hint-line").textContent = view.kind === "color" ? advice(view.takesHints, view.model, photo) : "";
  }

  /** @returns {number | undefined} The id of the dot whose panel is open. */
  get selected() {
    return this.#selected;
  }

  #listenToDots() {
    this.#dots.addEventListener("put", ({ detail }) => this.#onPlace(detail, { byKey: true }));
    this.#dots.addEventListener("select", ({ detail }) => this.#select(detail.id, detail));
    this.#dots.addEventListener("remove", ({ detail }) => this.#remove(detail.id));
    this.#dots.addEventListener("move", ({ detail: { id, x, y, isFinal } }) => {
      this.#photo.hints.change(id, { x, y }, { isFinal });
      this.#changed({ isFinal });
    });
  }

  #listenToPanel() {
    this.#panel.addEventListener("color", ({ detail: { color, isFinal } }) => this.#color(color, { isFinal }));
    this.#panel.addEventListener("pick", ({ detail: { isOn } }) => {
      this.#panel.isPicking = isOn;
      if (isOn) speak("Choose a place on the photo that has the color");
      this.#refresh();
    });
    this.#panel.addEventListener("remove", () => this.#remove(this.#selected));
    this.#panel.addEventListener("close", () => {
      const id = this.#selected;
      this.#photo.hints.settle();
      this.#close();
      this.#changed();
      this.#dots.focus(id);
    });
  }

  async #onPlace(place, { byKey = false } = {}) {
    const photo = this.#photo;
    if (!photo || this.#putting) return;
    if (photo.hints.list.length >= MOST && !this.#panel.isPicking) return complain("", `A photo can have ${MOST} dots.`);
    this.#putting = place;
    try {
      const color = await this.#colorAt(place);
      if (photo !== this.#photo || this.#putting !== place) return;
      if (this.#panel.isPicking) this.#color(color);
      else this.#put({ ...place, color }, byKey);
    } catch (error) {
      complain(photo.name, error.message);
    } finally {
      this.#putting = null;
    }
  }

  /** A new dot has the current color of its place until another one is chosen. */
  #put(dot, byKey) {
    this.#selected = this.#photo.hints.put(dot);
    this.#latest = { id: this.#selected, time: performance.now() };
    this.#changed();
    this.#panel.reveal();
    if (byKey) this.#panel.focus();
    else this.#dots.focus(this.#selected);
  }

  #withdraw() {
    this.#putting = null;
    if (!this.#photo || !this.#latest || performance.now() - this.#latest.time > DOUBLE_MS) return;
    this.#photo.hints.withdraw(this.#latest.id);
    this.#close();
    this.#changed();
  }

  async #colorAt({ x, y }, { kind, model, hints } = this.#view) {
    const part = { x, y, width: 1, height: 1 };
    const { id, look } = this.#photo;
    const request = { photo: id, part, width: 1, height: 1, views: [{ kind, model, hints }], look };
    const [bitmap] = await this.#ask("draw", request);
    return ofBitmap(bitmap);
  }

  #showDots() {
    const list = this.#photo?.hints.list ?? [];
    this.#dots.show(
      this.#photo,
      list.map((dot) => ({ ...dot, coming: this.#coming(dot) })),
      this.#selected,
    );
  }

  /** What the color of a dot becomes at the lightness of its place, as soon as that is known. */
  #coming(dot) {
    const known = this.#tones.get(dot.id);
    if (known?.place !== placeOf(dot)) this.#learnTone(dot);
    if (!known?.gray) return undefined;
    const lightness = lightnessOf(known.gray);
    return hexAt(lightness, abOfThing(dot.color, lightness));
  }

  /** Asks for one place of a dot at a time, because it may be dragged. */
  async #learnTone(dot) {
    if (this.#asking.has(dot.id)) return;
    this.#asking.add(dot.id);
    const photo = this.#photo;
    let gray;
    try {
      gray = await this.#colorAt(dot, { kind: "gray" });
    } catch (error) {
      console.warn("No lightness of a dot:", error);
    }
    this.#asking.delete(dot.id);
    if (photo !== this.#photo) return;
    this.#tones.set(dot.id, { place: placeOf(dot), gray });
    this.#showDots();
  }

  #select(id, { byKey = false } = {}) {
    if (this.#panel.isPicking && id !== this.#selected) return this.#color(this.#photo.hints.get(id).color);
    this.#selected = id;
    this.#refresh();
    this.#panel.reveal();
    if (byKey) this.#panel.focus();
    else this.#dots.focus(id);
  }

  #color(color, { isFinal = true } = {}) {
    this.#latest = null;
    this.#panel.isPicking = false;
    this.#photo.hints.change(this.#selected, { color }, { isFinal });
    this.#changed({ isFinal });
  }

  #remove(id) {
    this.#photo.hints.remove(id);
    this.#close();
    this.#changed();
    speak("Dot removed");
    this.#dots.focus();
  }

  /** Fills in the colors that the network considers likely at a dot, as soon as they are known. */
  async #suggest({ x, y, color }) {
    const request = { photo: this.#photo.id, model: this.#view.model, x, y };
    const key = JSON.stringify(request);
    if (this.#suggested.key !== key) {
      this.#suggested = { key, colors: null };
      this.#panel.showLikely(null, color);
      try {
        const { colors } = await this.#ask("suggest", request);
        if (this.#suggested.key !== key) return; // the dot has been moved
        this.#suggested.colors = colors;
      } catch (error) {
        this.#suggested.colors = [];
        console.warn("No colors to suggest:", error);
      }
    }
    const dot = this.#photo?.hints.get(this.#selected);
    if (dot) this.#panel.showLikely(this.#suggested.colors, dot.color);
  }

  #close() {
    this.#selected = undefined;
    this.#latest = null;
    this.#panel.hide();
  }

  #changed({ isFinal = true } = {}) {
    this.dispatchEvent(new CustomEvent("change", { detail: { photo: this.#photo, isFinal } }));
  }

  #refresh() {
    const photo = this.#photo;
    const list = photo?.hints.list ?? [];
    const dot = photo?.hints.get(this.#selected);
    if (!dot) this.#close();
    this.#showDots();
    element("frame").classList.toggle("picking", this.#panel.isPicking);
    if (!dot) return;
    const others = list.filter(({ id }) => id !== dot.id);
    this.#panel.show(dot, [...new Set(others.map(({ color }) => color))]);
    this.#suggest(dot);
  }
}

function placeOf({ x, y }) {
  return `${x},${y}`;
}

function advice(takesHints, model, { hints: { list } }) {
  if (!takesHints) return `The model ${model} takes no hints, so you cannot set colors yourself.`;
  if (list.length === 0) return "Click or tap where you know the color.";
  return `${list.length === 1 ? "1 dot" : `${list.length} dots`}. Drag a dot, or select it to change it.`;
}
