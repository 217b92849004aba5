/** The changes of one photo: its dots, which are the user's colors at places in it, and its look, with undo and redo. */

import { PLAIN } from "./look.js";
import { isSame, merged } from "./merging.js";
import { withDot } from "./variants.js";

export const MOST = 500;

/**
 * A dot is `{id, x, y, color}`: pixels from the left and top edge of the upright photo, and "#rrggbb"; `rest` is what else a file had
 * of it. Its id is the same in all windows of the page.
 */
export class Hints {
  #now;
  #before = null; // the state before the current change
  #past = [];
  #future = [];

  /**
   * @param {readonly {x: number, y: number, color: string, size?: number}[]} [dots] The initial dots.
   * @param {import("./look.js").Look} [look] The initial look.
   * @param {Record<string, any>} [rest] What else its file had; see hints_file.js.
   */
  constructor(dots = [], look = PLAIN, rest = {}) {
    this.#now = Object.freeze({ hints: Object.freeze(numbered(dots)), look, rest });
  }

  /** @returns {any} All that belongs to the photo: `{hints, look, rest}`. Another object after each change. */
  get content() {
    return this.#now;
  }

  /** @returns {readonly {id: number, x: number, y: number, color: string, size?: number, rest?: object}[]} */
  get list() {
    return this.#now.hints;
  }

  /** @returns {Record<string, any>} What else a file had. */
  get rest() {
    return this.#now.rest;
  }

  /** @returns {import("./look.js").Look} Another object after each change. */
  get look() {
    return this.#now.look;
  }

  get canUndo() {
    return this.#past.length > 0 || this.#before !== null;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** @returns {{id: number, x: number, y: number, color: string} | undefined} */
  get(id) {
    return this.list.find((dot) => dot.id === id);
  }

  /**
   * @param {{x: number, y: number, color: string}} dot
   * @returns {number} Its id.
   */
  put(dot) {
    this.settle();
    const id = newId();
    this.#become({ hints: [...this.list, { ...dot, id }] });
    return id;
  }

  /** Replaces all dots, the look, and what else a file has. */
  replace(dots, look, rest) {
    this.settle();
    this.#become({ hints: numbered(dots), look, rest });
  }

  /**
   * Joins in what another window has changed, in all states: undo reverts only what was done here, and brings back no dot that was
   * removed there.
   *
   * @param {import("./merging.js").Content} base What the other window started from.
   * @param {import("./merging.js").Content} theirs
   */
  merge(base, theirs) {
    this.#now = merged(base, this.#now, theirs);
    const there = new Set([...theirs.hints, ...this.list].map(({ id }) => id));
    const gone = new Set(base.hints.map(({ id }) => id).filter((id) => !there.has(id)));
    const joined = (state) => {
      const { hints, ...others } = merged(base, state, theirs);
      return Object.freeze({ hints: Object.freeze(hints.filter(({ id }) => !gone.has(id))), ...others });
    };
    this.#before &&= joined(this.#before);
    this.#past = this.#past.map(joined);
    this.#future = this.#future.map(joined);
  }

  /**
   * Changes the look; with `isFinal: false` the change continues, and undo reverts all of it.
   *
   * @param {import("./look.js").Look} look
   */
  adjust(look, { isFinal = true } = {}) {
    this.#change({ look }, isFinal);
  }

  /**
   * Changes a dot; with `isFinal: false` the change continues, and undo reverts all of it.
   *
   * @param {number} id
   * @param {{x?: number, y?: number, color?: string}} change
   */
  change(id, change, { isFinal = true } = {}) {
    this.#change({ hints: this.list.map((dot) => (dot.id === id ? { ...dot, ...change } : dot)) }, isFinal);
  }

  /** Takes a look and, if given, a dot, which replaces one at its place. */
  choose(look, dot) {
    this.settle();
    this.#become({ hints: dot ? withDot(this.list, { ...dot, id: newId() }) : this.list, look });
  }

  remove(id) {
    this.settle();
    this.#become({ hints: this.list.filter((dot) => dot.id !== id) });
  }

  /** Removes a dot that was placed by mistake, without an undo step. */
  withdraw(id) {
    const before = this.#past.at(-1);
    const isLatest = this.get(id) && before?.hints.every((dot) => dot.id !== id);
    if (isLatest) this.#now = this.#past.pop();
  }

  /** Ends the current change. */
  settle() {
    if (this.#before) this.#become({});
  }

  undo() {
    this.settle();
    this.#step(this.#past, this.#future);
  }

  redo() {
    this.settle();
    this.#step(this.#future, this.#past);
  }

  #step(from, to) {
    if (from.length === 0) return;
    to.push(this.#now);
    this.#now = from.pop();
  }

  #change(change, isFinal) {
    if (isFinal) {
      this.#become(change);
    } else {
      this.#before ??= this.#now;
      this.#now = this.#with(change);
    }
  }

  #become(change) {
    const before = this.#before ?? this.#now;
    this.#before = null;
    this.#now = this.#with(change);
    if (isSame(before, this.#now)) return;
    this.#past.push(before);
    this.#future = [];
  }

  #with({ hints = this.list, look = this.look, rest = this.rest }) {
    return Object.freeze({ hints: Object.freeze(hints), look: Object.freeze(look), rest });
  }
}

/** Stored dots have ids. */
function numbered(dots) {
  return dots.map((dot) => ({ ...dot, id: dot.id ?? newId() }));
}

/** By chance, so that no two windows give the same one. */
function newId() {
  return Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
}
