/** Stores photos in the browser, with their dots and looks, until the user removes them. Independent of the page. */

import { openDB } from "idb";

import { merged } from "./merging.js";

const NAME = "tf-colorize-photos";
const VERSION = 1;

/**
 * All windows of the page share the store. Events, caused by another window: "edited" `{key, version, hints, look, rest}`,
 * "removed" `{key}`, "cleared"; "changed" when the stored amount may have changed; "closed" `{reason}` when nothing can be stored any longer.
 */
export class Store extends EventTarget {
  #database; // promise
  #channel = typeof BroadcastChannel === "function" ? new BroadcastChannel(NAME) : null;

  constructor() {
    super();
    this.#database = this.#open();
    this.#database.catch(() => undefined); // each method reports it
    this.#channel?.addEventListener("message", ({ data: { type, ...detail } }) => {
      if (type !== "changed") this.#tell(type, detail);
      this.#tell("changed");
    });
  }

  async #open() {
    const close = (reason) => {
      this.#database = Promise.reject(new Error(reason));
      this.#database.catch(() => undefined);
      this.#tell("closed", { reason });
    };
    const blocking = (_version, _blocked, event) => {
      event.target.close(); // otherwise the window with the later version would wait for this one
      close("A newer version of this page is open in another window. Reload this one.");
    };
    return openDB(NAME, VERSION, {
      upgrade(database) {
        // A photo's file is written once; data that changes often is separate.
        database.createObjectStore("photos", { keyPath: "key", autoIncrement: true });
        database.createObjectStore("edits", { keyPath: "key" });
      },
      blocking,
      terminated: () => close("The browser has closed its store of photos. Reload this page."),
    });
  }

  /**
   * @returns {Promise<{key: number, version?: number, name: string, file: Blob, hints: object[], look?: object, rest?: object}[]>} In the order in which they were added.
   * @throws {Error} The browser stores nothing.
   */
  async all() {
    const database = await this.#database;
    const transaction = database.transaction(["photos", "edits"]);
    const [photos, edits] = await Promise.all(["photos", "edits"].map((name) => transaction.objectStore(name).getAll()));
    const edited = new Map(edits.map(({ key, ...edit }) => [key, edit]));
    return photos.map((photo) => ({ hints: [], ...photo, ...edited.get(photo.key) }));
  }

  /**
   * @param {{name: string, file: Blob, hints: readonly object[], look: object, rest: object}} photo
   * @returns {Promise<number>} Its key. Its content has version 0.
   * @throws {Error} There is no space, or the browser stores nothing.
   */
  async add({ name, file, hints, look, rest }) {
    const database = await this.#database;
    const transaction = database.transaction(["photos", "edits"], "readwrite");
    const write = async () => {
      const key = await transaction.objectStore("photos").add({ name, file });
      await transaction.objectStore("edits").put({ key, version: 0, hints, look, rest });
      return key;
    };
    const [key] = await Promise.all([write(), transaction.done]);
    this.#changed({ type: "changed" });
    return key;
  }

  /**
   * Stores what a window has changed of a photo. What other windows have changed meanwhile stays.
   *
   * @param {number} key
   * @param {import("./merging.js").Content} base What the window knew of the stored content.
   * @param {import("./merging.js").Content} mine What it has made of that.
   * @returns {Promise<(import("./merging.js").Content & {version: number}) | null>} What is stored now; null if the photo has been removed.
   * @throws {Error} There is no space, or the browser stores nothing.
   */
  async edit(key, base, mine) {
    const database = await this.#database;
    const transaction = database.transaction(["photos", "edits"], "readwrite");
    const write = async () => {
      const edits = transaction.objectStore("edits");
      const isThere = (await transaction.objectStore("photos").count(key)) > 0;
      if (!isThere) return null;
      const { version = 0, ...stored } = (await edits.get(key)) ?? {};
      const content = { ...merged(base, mine, { ...base, ...stored }), version: version + 1 };
      await edits.put({ ...content, key });
      return content;
    };
    const [content] = await Promise.all([write(), transaction.done]);
    if (content) this.#changed({ type: "edited", key, ...content });
    return content;
  }

  async remove(key) {
    await this.#write((stores) => stores.map((store) => store.delete(key)));
    this.#changed({ type: "removed", key });
  }

  /** Removes everything. */
  async clear() {
    await this.#write((stores) => stores.map((store) => store.clear()));
    this.#changed({ type: "cleared" });
  }

  /** @returns {Promise<{count: number, bytes: number}>} The stored amount. */
  async size() {
    const photos = await this.all();
    return { count: photos.length, bytes: photos.reduce((sum, { file }) => sum + file.size, 0) };
  }

  async #write(change) {
    const database = await this.#database;
    const transaction = database.transaction(["photos", "edits"], "readwrite");
    await Promise.all([...change(["photos", "edits"].map((name) => transaction.objectStore(name))), transaction.done]);
  }

  #changed(message) {
    this.#channel?.postMessage(message);
    this.#tell("changed");
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
