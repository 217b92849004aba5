/** The dots of one photo: the user's colors at places in it, with undo and redo. */

export const MOST = 500;

/** A dot is `{id, x, y, color}`: pixels from the left and top edge of the upright photo, and "#rrggbb". */
export class Hints {
  #list;
  #before = null; // the list before the current change
  #past = [];
  #future = [];
  #lastId = 0;

  /** @param {readonly {x: number, y: number, color: string, size?: number}[]} [dots] The initial dots. */
  constructor(dots = []) {
    this.#list = Object.freeze(dots.map((dot) => ({ ...dot, id: ++this.#lastId })));
  }

  /** @returns {readonly {id: number, x: number, y: number, color: string, size?: number}[]} Another array after each change. */
  get list() {
    return this.#list;
  }

  get canUndo() {
    return this.#past.length > 0 || this.#before !== null;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** @returns {{id: number, x: number, y: number, color: string} | undefined} */
  get(id) {
    return this.#list.find((dot) => dot.id === id);
  }

  /**
   * @param {{x: number, y: number, color: string}} dot
   * @returns {number} Its id.
   */
  put(dot) {
    this.settle();
    const id = ++this.#lastId;
    this.#become([...this.#list, { ...dot, id }]);
    return id;
  }

  /** Replaces all dots. */
  replace(dots) {
    this.settle();
    this.#become(dots.map((dot) => ({ ...dot, id: ++this.#lastId })));
  }

  /**
   * Changes a dot; with `isFinal: false` the change continues, and undo reverts all of it.
   *
   * @param {number} id
   * @param {{x?: number, y?: number, color?: string}} change
   */
  change(id, change, { isFinal = true } = {}) {
    const list = this.#list.map((dot) => (dot.id === id ? { ...dot, ...change } : dot));
    if (isFinal) {
      this.#become(list);
    } else {
      this.#before ??= this.#list;
      this.#list = Object.freeze(list);
    }
  }

  remove(id) {
    this.settle();
    this.#become(this.#list.filter((dot) => dot.id !== id));
  }

  /** Removes a dot that was placed by mistake, without an undo step. */
  withdraw(id) {
    if (this.#list.at(-1)?.id === id && this.#past.length > 0) this.#list = this.#past.pop();
  }

  /** Ends the current change. */
  settle() {
    if (this.#before) this.#become(this.#list);
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
    to.push(this.#list);
    this.#list = from.pop();
  }

  #become(list) {
    const before = this.#before ?? this.#list;
    this.#before = null;
    this.#list = Object.freeze(list);
    if (isSame(before, list)) return;
    this.#past.push(before);
    this.#future = [];
  }
}

function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
