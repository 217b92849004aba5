/** Joins what two windows of the page have done to one photo. */

/** @typedef {{hints: readonly {id: number}[], look: import("./look.js").Look, rest: Record<string, any>}} Content */

/**
 * Takes from each side what it has changed: dot by dot, and one number of the look at a time.
 *
 * @param {Content} base What both sides started from.
 * @param {Content} mine The side that is later: of what both have changed, its state stays.
 * @param {Content} theirs
 * @returns {Content}
 */
export function merged(base, mine, theirs) {
  const dots = [base, mine, theirs].map(({ hints }) => new Map(hints.map((dot) => [dot.id, dot])));
  const fields = (name) => [base, mine, theirs].map((content) => new Map(Object.entries(content[name])));
  return Object.freeze({
    hints: Object.freeze([...joined(dots).values()]),
    look: Object.freeze(/** @type {any} */ (Object.fromEntries(joined(fields("look"))))),
    rest: Object.freeze(Object.fromEntries(joined(fields("rest")))),
  });
}

/** @param {Map<any, any>[]} sides Those of `merged`; what is missing has been removed. */
function joined([base, mine, theirs]) {
  const result = new Map();
  for (const key of [...theirs.keys(), ...mine.keys()]) {
    const value = isSame(mine.get(key), base.get(key)) ? theirs.get(key) : mine.get(key);
    if (value !== undefined) result.set(key, value);
  }
  return result;
}

/** Whether two contents, or parts of them, are equal. */
export function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
