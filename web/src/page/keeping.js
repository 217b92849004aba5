/** Stores photos and their dots in the browser: what is kept, its size, and the button that forgets everything. */

import { Store } from "../photo/store.js";
import { complain, speak } from "./notices.js";

const SOON_MS = 400;
const ON_STAGE = "tf-colorize-on-stage";
const storage = storageOfTexts();
const element = (id) => document.getElementById(id);
const EMPTY = "Photos, dots and sliders are kept in this browser, on this device, until you remove them.";
const NOTHING = "This browser keeps nothing, as in a private window: photos and dots are gone when the page is closed.";

/**
 * Events: "edited" `{key, hints, look}`, "removed" `{key}` and "cleared" when another window of the page changed what both
 * show; "forget" when the visitor wants all photos gone.
 */
export class Keeping extends EventTarget {
  #store = new Store();
  #keys = new Map(); // photo -> promise of its key; null if it is not kept
  #unkept = new Set(); // photos for which there was no space
  #onStage = null;
  #soon;
  #isClosed = false;
  #isFull = false; // which has been said

  constructor() {
    super();
    for (const type of ["edited", "removed", "cleared"]) {
      this.#store.addEventListener(type, ({ detail }) => this.dispatchEvent(new CustomEvent(type, { detail })));
    }
    this.#store.addEventListener("changed", () => this.#show());
    this.#store.addEventListener("closed", ({ detail: { reason } }) => this.#close(`${reason} Until then, nothing new is kept.`));
    element("forget").addEventListener("click", () => element("forget-dialog").showModal());
    element("forget-dialog").addEventListener("close", () => {
      if (element("forget-dialog").returnValue === "forget") this.#forgetAll();
      element("forget-dialog").returnValue = "";
    });
  }

  /** @returns {Promise<{key: number, name: string, file: Blob, hints: object[], look?: object}[]>} Photos of earlier visits. */
  async restored() {
    try {
      const kept = await this.#store.all();
      this.#show();
      return kept;
    } catch (error) {
      const isLater = error.name === "VersionError";
      if (isLater) this.#close("A newer version of this page has been used here: reload the page. Until then, nothing is kept.");
      else this.#close(NOTHING);
      return [];
    }
  }

  /** Keeps a photo from now on; one that was restored has its key. */
  keep(photo) {
    if (!this.#keys.has(photo)) this.#keys.set(photo, photo.key === undefined ? this.#add(photo) : Promise.resolve(photo.key));
  }

  /** The same during a change that may be the last one. */
  updateSoon(photo) {
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => this.update(photo), SOON_MS);
  }

  /** Keeps the current dots and look of a photo. */
  async update(photo) {
    if (!this.#keys.has(photo)) return; // `keep` will take what it then has
    try {
      const key = await this.#keys.get(photo);
      if (key === null) return this.#retry(photo);
      await this.#store.edit(key, contentOf(photo));
    } catch (error) {
      this.#complain(photo, error);
    }
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

  /** Whether a photo is the one with a key. */
  async isKey(photo, key) {
    return (await this.#keys.get(photo)) === key;
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
    try {
      const { name, file } = photo;
      const content = contentOf(photo);
      const key = await this.#store.add({ name, file, ...content });
      this.#unkept.delete(photo);
      this.#isFull = false;
      navigator.storage?.persist?.().catch(() => false); // otherwise a full disk may cost the photos
      if (contentOf(photo).hints !== content.hints || photo.look !== content.look) this.update(photo);
      return key;
    } catch (error) {
      this.#unkept.add(photo);
      this.#complain(photo, error);
      this.#show();
      return null;
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
    this.dispatchEvent(new CustomEvent("forget"));
    speak("All photos are forgotten");
    this.#show();
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

function contentOf({ hints, look }) {
  return { hints: hints.list, look };
}

function lineOf({ count, bytes }, unkept) {
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
