/** The changes of one photo: its dots, which are the user's colors at places in it, and its look, with undo and redo. */

import { PLAIN } from "./look.js";
import { withDot } from "./variants.js";

export const MOST = 500;

/** A dot is `{id, x, y, color}`: pixels from the left and top edge of the upright photo, and "#rrggbb". */
export class Hints {
  #now;
  #before = null; // the state before the current change
  #past = [];
  #future = [];
  #lastId = 0;

  /**
   * @param {readonly {x: number, y: number, color: string, size?: number}[]} [dots] The initial dots.
   * @param {Record<string, number>} [look] The initial look.
   */
  constructor(dots = [], look = PLAIN) {
    this.#now = { list: Object.freeze(this.#numbered(dots)), look };
  }

  /** @returns {readonly {id: number, x: number, y: number, color: string, size?: number}[]} Another array after each change. */
  get list() {
    return this.#now.list;
  }

  /** @returns {Record<string, number>} Another object after each change. */
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
    const id = ++this.#lastId;
    this.#become({ list: [...this.list, { ...dot, id }] });
    return id;
  }

  /** Replaces all dots and the look. */
  replace(dots, look = this.look) {
    this.settle();
    this.#become({ list: this.#numbered(dots), look });
  }

  /**
   * Changes the look; with `isFinal: false` the change continues, and undo reverts all of it.
   *
   * @param {Record<string, number>} look
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
    this.#change({ list: this.list.map((dot) => (dot.id === id ? { ...dot, ...change } : dot)) }, isFinal);
  }

  /** Takes a look and, if given, a dot, which replaces one at its place. */
  choose(look, dot) {
    this.settle();
    this.#become({ list: dot ? withDot(this.list, { ...dot, id: ++this.#lastId }) : this.list, look });
  }

  remove(id) {
    this.settle();
    this.#become({ list: this.list.filter((dot) => dot.id !== id) });
  }

  /** Removes a dot that was placed by mistake, without an undo step. */
  withdraw(id) {
    const before = this.#past.at(-1);
    const isLatest = this.list.at(-1)?.id === id && before?.list.every((dot) => dot.id !== id);
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

  #with({ list = this.list, look = this.look }) {
    return { list: Object.freeze(list), look: Object.freeze(look) };
  }

  #numbered(dots) {
    return dots.map((dot) => ({ ...dot, id: ++this.#lastId }));
  }
}

function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
