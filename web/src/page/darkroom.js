/** Photos and models, and which photo was colorized by which model. Depends on the engine, not on the page. */

import { Hints } from "../photo/hints.js";

/**
 * Events: "model" `{name, state, ...}` while one is loaded; "opened", "colored" and "failed"
 * `{photo, ...}` as photos are processed; "work" `{count}` with the number of photos in progress.
 */
export class Darkroom extends EventTarget {
  photos = [];
  #engine;
  #models = new Map(); // name -> what the worker needs
  #loading = new Map(); // name -> promise of whether it can be used
  #hinted = new Set(); // names of those that take hints
  #borrowing = new Set(); // and of those that also take colors of other photos
  #lastId = 0;
  #queue = Promise.resolve();
  #underWay = 0;
  #unopened = 0;

  /** @param {{ask: Function}} engine */
  constructor(engine) {
    super();
    this.#engine = engine;
  }

  /** @param {{name: string, url?: string, version?: string, bytes?: number, file?: Blob}} model */
  addModel(model) {
    this.#models.set(model.name, model);
  }

  /** Whether photos wait to be opened. */
  get isOpening() {
    return this.#unopened > 0;
  }

  hasModel(name) {
    return this.#models.has(name);
  }

  /** Whether a loaded model takes hints. */
  takesHints(name) {
    return this.#hinted.has(name);
  }

  /** Whether a loaded model takes colors of other photos. */
  takesColors(name) {
    return this.#borrowing.has(name);
  }

  /** @returns {Promise<boolean>} Whether the model can be used; errors come as an event. */
  loadModel(name) {
    if (!this.#loading.has(name)) this.#loading.set(name, this.#load(name));
    return this.#loading.get(name);
  }

  async #load(name) {
    const model = this.#models.get(name);
    this.#tell("model", { name, state: "preparing" });
    try {
      const onProgress = (sizes) => this.#tell("model", { name, state: "downloading", ...sizes });
      const { takesHints, takesColors, ...found } = await this.#engine.ask("loadModel", { model }, onProgress);
      if (takesHints) this.#hinted.add(name);
      if (takesColors) this.#borrowing.add(name);
      this.#tell("model", { name, state: "ready", ...found });
      return true;
    } catch (error) {
      this.#loading.delete(name); // the next request tries again
      this.#tell("model", { name, state: "failed", error });
      return false;
    }
  }

  /**
   * Takes photos: each is opened and colorized in turn.
   *
   * @param {{file: Blob, name: string, dots?: any[], look?: import("../photo/look.js").Look, rest?: object, key?: number}[]} entries Files, with saved data if known.
   * @param {() => string | undefined} model Returns the name of the model when a photo is processed.
   * @param {(photo: any) => boolean} [isUrgent] Whether a photo is processed before the others.
   * @returns {object[]} The photos.
   */
  add(entries, model, isUrgent = () => false) {
    const added = entries.map(({ dots, look, rest, ...entry }) => {
      const [hints, colorizing, results] = [new Hints(dots, look, rest), new Map(), new Map()];
      return {
        ...entry,
        id: ++this.#lastId,
        hints,
        colorizing,
        results,
        get look() {
          return hints.look;
        },
      };
    });
    this.photos.push(...added);
    // One after another: few decoded photos in memory, and the first is ready soon.
    const order = [...added.filter((photo) => isUrgent(photo)), ...added.filter((photo) => !isUrgent(photo))];
    for (const photo of order) {
      this.#queue = this.#queue.then(() => this.#develop(photo, model)).then(() => this.#count(-1));
    }
    this.#unopened += added.length;
    this.#count(added.length);
    return added;
  }

  #count(change) {
    this.#underWay += change;
    this.#tell("work", { count: this.#underWay });
  }

  remove(photo) {
    this.photos = this.photos.filter((other) => other !== photo);
    this.#engine.ask("close", { photo: photo.id });
  }

  async #develop(photo, model) {
    const isOpen = await this.#open(photo);
    this.#unopened--;
    if (!isOpen) return;
    this.#tell("opened", { photo });
    if (model()) await this.color(photo, model());
  }

  async #open(photo) {
    const isWanted = () => this.photos.includes(photo); // the visitor may remove it while it waits or is opened
    if (!isWanted()) return false;
    try {
      Object.assign(photo, await this.#engine.ask("open", { photo: photo.id, file: photo.file, name: photo.name }));
    } catch (error) {
      if (isWanted()) this.#tell("failed", { photo, error, isUnusable: true });
      return false;
    }
    return isWanted();
  }

  /** @returns {Promise<boolean>} Whether it worked; errors come as an event. */
  color(photo, model) {
    if (!photo.colorizing.has(model)) photo.colorizing.set(model, this.#color(photo, model));
    return photo.colorizing.get(model);
  }

  async #color(photo, model) {
    if (!(await this.loadModel(model))) {
      photo.colorizing.delete(model);
      return false;
    }
    try {
      const { seconds, accelerator } = await this.#engine.ask("color", { photo: photo.id, model });
      photo.results.set(model, { seconds: photo.openSeconds + seconds, accelerator });
      this.#tell("colored", { photo, model });
      return true;
    } catch (error) {
      photo.colorizing.delete(model);
      const isRemoved = !this.photos.includes(photo);
      if (!isRemoved) this.#tell("failed", { photo, error });
      return false;
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
