/** Stores photos and their dots in the browser: what is kept, its size, and the button that forgets everything. */

import * as looks from "../photo/look.js";
import { isSame } from "../photo/merging.js";
import { Store } from "../photo/store.js";
import { complain, speak } from "./notices.js";

const SOON_MS = 400;
const ON_STAGE = "tf-colorize-on-stage";
const storage = storageOfTexts();
const element = (id) => document.getElementById(id);
const EMPTY = "Photos, dots and sliders are kept in this browser, on this device, until you remove them.";
const NOTHING = "This browser keeps nothing, as in a private window: photos and dots are gone when the page is closed.";

/**
 * Events: "edited" `{photo}`, "removed" `{photo}` and "cleared" when another window of the page changed what both show; "forget" when the
 * visitor wants all photos gone.
 */
export class Keeping extends EventTarget {
  #store = new Store();
  #keys = new Map(); // photo -> promise of its key; null if it is not kept
  #known = new WeakMap(); // photo -> the stored content, as far as this window knows: `{version, content}`
  #turns = new WeakMap(); // photo -> promise of the end of what is done with its stored content
  #unkept = new Set(); // photos for which there was no space
  #onStage = null;
  #waiting = null; // a photo that will be written soon
  #soon;
  #underWay = 0; // what is being written
  #isClosed = false;
  #isFull = false; // which has been said

  constructor() {
    super();
    this.#store.addEventListener("edited", ({ detail }) => this.#receive(detail));
    this.#store.addEventListener("removed", async ({ detail: { key } }) => {
      const photo = await this.#find(key);
      if (photo) this.#tell("removed", { photo });
    });
    this.#store.addEventListener("cleared", () => this.#tell("cleared"));
    this.#store.addEventListener("changed", () => this.#show());
    this.#store.addEventListener("closed", ({ detail: { reason } }) => this.#close(`${reason} Until then, nothing new is kept.`));
    element("forget").addEventListener("click", () => element("forget-dialog").showModal());
    element("forget-dialog").addEventListener("close", () => {
      if (element("forget-dialog").returnValue === "forget") this.#forgetAll();
      element("forget-dialog").returnValue = "";
    });
  }

  /** @returns {Promise<Record<string, any>[]>} Photos of earlier visits: `{key, version, name, file, hints, look, rest}`. */
  async restored() {
    try {
      const kept = await this.#store.all();
      this.#show();
      return kept.map((photo) => ({ ...photo, ...contentOf(photo) }));
    } catch (error) {
      const isLater = error.name === "VersionError";
      if (isLater) this.#close("A newer version of this page has been used here: reload the page. Until then, nothing is kept.");
      else this.#close(NOTHING);
      return [];
    }
  }

  /** Keeps a photo from now on; one that was restored has its key. */
  keep(photo) {
    if (this.#keys.has(photo)) return;
    if (photo.key === undefined) {
      this.#keys.set(photo, this.#add(photo));
    } else {
      this.#keys.set(photo, Promise.resolve(photo.key));
      this.#known.set(photo, { version: photo.version ?? 0, content: photo.hints.content });
    }
  }

  /** Whether something would be lost if the page were closed now, and could still be kept or downloaded. */
  get isBehind() {
    return !this.#isClosed && (this.#waiting !== null || this.#underWay > 0 || this.#unkept.size > 0);
  }

  /** The same as `update` during a change that may be the last one. */
  updateSoon(photo) {
    if (this.#waiting !== photo) this.flush();
    this.#waiting = photo;
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => this.flush(), SOON_MS);
  }

  /** Does at once what `updateSoon` has put off. */
  flush() {
    if (this.#waiting) this.update(this.#waiting);
  }

  /** Keeps the current dots and look of a photo. */
  update(photo) {
    if (photo === this.#waiting) this.#waiting = null;
    return this.#inTurn(photo, () => this.#write(photo));
  }

  async #write(photo) {
    if (!this.#keys.has(photo)) return; // `keep` will take what it then has
    try {
      const key = await this.#keys.get(photo);
      if (key === null) return this.#retry(photo);
      const mine = photo.hints.content;
      const stored = await this.#store.edit(key, this.#known.get(photo).content, mine);
      if (stored) this.#take(photo, mine, stored);
    } catch (error) {
      this.#complain(photo, error);
    }
  }

  /** Handles what another window has stored. Messages of several windows may come in any order. */
  async #receive(stored) {
    const photo = await this.#find(stored.key);
    if (!photo) return;
    this.#inTurn(photo, () => {
      const { version, content } = this.#known.get(photo);
      if (!(stored.version <= version)) this.#take(photo, content, stored);
    });
  }

  /** Joins stored content into a photo that has come from `base`. */
  #take(photo, base, { version = 0, ...stored }) {
    const content = contentOf(stored);
    this.#known.set(photo, { version, content });
    if (isSame(base, content)) return;
    photo.hints.merge(base, content);
    this.#tell("edited", { photo });
  }

  /** One after another, so that each starts from what is stored. */
  #inTurn(photo, task) {
    this.#underWay++;
    const turn = (this.#turns.get(photo) ?? Promise.resolve()).then(task, task).finally(() => this.#underWay--);
    this.#turns.set(photo, turn);
    return turn;
  }

  /** Remembers which photo is on the stage. */
  async remember(photo) {
    this.#onStage = photo;
    const key = await this.#keys.get(photo);
    try {
      if (typeof key === "number" && photo === this.#onStage) storage?.setItem(ON_STAGE, String(key));
    } catch {
      // Without space, the first photo will be shown.
    }
  }

  /** @returns {number | undefined} The key of the photo that was on the stage last. */
  remembered() {
    return Number(storage?.getItem(ON_STAGE) ?? undefined);
  }

  async #find(wanted) {
    for (const [photo, key] of this.#keys) if ((await key) === wanted) return photo;
    return null;
  }

  async forget(photo) {
    const keeping = this.#keys.get(photo);
    this.#keys.delete(photo);
    this.#unkept.delete(photo);
    const key = await keeping;
    if (key !== undefined && key !== null) await this.#store.remove(key).catch((error) => this.#complain(photo, error));
    this.#show();
  }

  /** Handles photos removed in another window. */
  drop(photo) {
    this.#keys.delete(photo);
    this.#unkept.delete(photo);
  }

  async #add(photo) {
    this.#underWay++;
    try {
      const { name, file } = photo;
      const { content } = photo.hints;
      const key = await this.#store.add({ name, file, ...content });
      this.#known.set(photo, { version: 0, content });
      this.#unkept.delete(photo);
      this.#isFull = false;
      navigator.storage?.persist?.().catch(() => false); // otherwise a full disk may cost the photos
      if (photo.hints.content !== content) this.update(photo);
      return key;
    } catch (error) {
      this.#unkept.add(photo);
      this.#complain(photo, error);
      this.#show();
      return null;
    } finally {
      this.#underWay--;
    }
  }

  /** There may be space now. */
  #retry(photo) {
    if (this.#isClosed) return;
    this.#keys.set(photo, this.#add(photo));
    if (photo === this.#onStage) this.remember(photo);
  }

  async #forgetAll() {
    try {
      if (!this.#isClosed) await this.#store.clear();
    } catch (error) {
      complain("", `The photos cannot be removed (${error.message}).`);
      return;
    }
    this.#keys.clear();
    this.#unkept.clear();
    this.#tell("forget");
    speak("All photos are forgotten");
    this.#show();
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #complain({ name }, error) {
    if (this.#isClosed) return; // which has been said
    const isFull = error.name === "QuotaExceededError";
    if (isFull && this.#isFull) return;
    this.#isFull = isFull;
    const reason = isFull ? "There is no space left for it in this browser." : `This browser cannot keep it (${error.message}).`;
    complain(name, `${reason} It stays here until the page is closed; download it to keep it.`);
  }

  #close(text) {
    this.#isClosed = true;
    element("kept").textContent = text;
    element("forget").classList.add("unused");
  }

  async #show() {
    if (this.#isClosed) return;
    const size = await this.#store.size().catch(() => null);
    if (this.#isClosed || !size) return;
    element("kept").textContent = size.count + this.#unkept.size === 0 ? EMPTY : lineOf(size, this.#unkept.size);
    element("forget-text").textContent = questionOf(size.count + this.#unkept.size);
    element("forget").classList.toggle("unused", size.count === 0);
  }
}

/** Browsers that store nothing throw on access. */
function storageOfTexts() {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

/** What this page can use of stored content, which may be that of an earlier or later version. */
function contentOf(/** @type {any} */ { hints, look, rest = {} }) {
  return { hints, look: looks.usable(look), rest };
}

function lineOf({ count, bytes }, unkept) {
  if (count === 0) return `${photos(unkept)} cannot be kept in this browser, and will be gone when the page is closed.`;
  const size = bytes < 1e5 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  const kept = `${photos(count)} (${size}) with ${count === 1 ? "its" : "their"} dots`;
  const rest = unkept === 0 ? "" : ` ${photos(unkept)} ${unkept === 1 ? "is" : "are"} not, and will be gone when the page is closed.`;
  return `${kept} ${count === 1 ? "is" : "are"} kept in this browser, on this device, until you remove ${count === 1 ? "it" : "them"}.${rest}`;
}

function questionOf(count) {
  return `${photos(count)} and all dots will be removed from this page and this browser. The files on your device stay.`;
}

function photos(count) {
  return count === 1 ? "1 photo" : `${count} photos`;
}
