/**
 * A second entry to a model file: its branch for hints alone. The network's file runs the branch only if there are hints, as
 * one operation (IF) on a subgraph with its own inputs. In memory, that subgraph gets a signature, and what it takes from the
 * rest of the network becomes an output. So the rest, which takes longer, runs once for each photo, and weights and
 * operations stay as they are.
 *
 * The file is a FlatBuffer; its tables are in tensorflow/compiler/mlir/lite/schema/schema.fbs.
 */

/** Name of the signature of the branch. */
export const HINTS_ONLY = "tf_colorize_hints_only";

const IDENTIFIER = "TFL3";

// The numbers of fields, in the order of the schema.
const MODEL = { codes: 1, subgraphs: 2, signatures: 7 };
const SUBGRAPH = { inputs: 1, outputs: 2, operators: 3 };
const OPERATOR = { code: 0, inputs: 1, outputs: 2, options: 4 };
const CODE = { old: 0, code: 3 };
const IF = { code: 118, then: 0 };
const SIGNATURE = { inputs: 0, outputs: 1, key: 2, subgraph: 4 };
const NAMED = { name: 0, tensor: 1 };

/**
 * @param {Uint8Array} bytes A model file.
 * @returns {{bytes: Uint8Array, seen: string[]} | null} The file with the entry, and the names of those of its outputs that
 *   the branch takes, without inputs of the network; null if it has no such branch.
 */
export function withHintsEntry(bytes) {
  if (new TextDecoder().decode(bytes.subarray(4, 8)) !== IDENTIFIER) return null;
  try {
    return added(bytes);
  } catch (error) {
    if (error instanceof RangeError) return null; // offsets lead out of a broken file
    throw error;
  }
}

function added(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const model = new Table(view, view.getUint32(0, true));
  const signatures = model.tables(MODEL.signatures).map(signatureOf);
  const subgraphs = model.tables(MODEL.subgraphs);
  const [first] = signatures;
  const main = subgraphs[first?.subgraph];
  const branch = main && branchOf(model, main, first);
  if (!branch) return null;
  const sources = branch.numbers(OPERATOR.inputs).slice(1); // without the condition
  const inputs = main.numbers(SUBGRAPH.inputs);
  const made = new Set(main.tables(SUBGRAPH.operators).flatMap((operator) => operator.numbers(OPERATOR.outputs)));
  if (!sources.every((tensor) => made.has(tensor) || inputs.includes(tensor))) return null; // a constant is no output
  const then = branch.table(OPERATOR.options).number(IF.then, "Int32");
  const names = new Map([...first.inputs, ...first.outputs].map(({ name, tensor }) => [tensor, name]));
  const outputs = main.numbers(SUBGRAPH.outputs);
  for (const tensor of sources.filter((tensor) => !names.has(tensor))) {
    names.set(tensor, `seen_${outputs.length}`);
    outputs.push(tensor);
    first.outputs.push({ name: names.get(tensor), tensor });
  }
  const named = (tensors, name) => tensors.map((tensor, index) => ({ name: name(index), tensor }));
  signatures.push({
    key: HINTS_ONLY,
    subgraph: then,
    inputs: named(subgraphs[then].numbers(SUBGRAPH.inputs), (index) => names.get(sources[index])),
    outputs: named(subgraphs[then].numbers(SUBGRAPH.outputs), () => "ab"),
  });
  const seen = sources.filter((tensor) => !inputs.includes(tensor)).map((tensor) => names.get(tensor));
  return { bytes: withTail(bytes, [main.position(SUBGRAPH.outputs), outputs], [model.position(MODEL.signatures), signatures]), seen };
}

/** The operation whose result is that of the network, and that has another result without hints. */
function branchOf(model, main, { outputs }) {
  const codes = model.tables(MODEL.codes).map((code) => Math.max(code.number(CODE.old, "Int8"), code.number(CODE.code, "Int32")));
  const found = main.tables(SUBGRAPH.operators).filter((operator) => codes[operator.number(OPERATOR.code, "Uint32")] === IF.code);
  const results = found.flatMap((operator) => operator.numbers(OPERATOR.outputs));
  return found.length === 1 && results.length === 1 && outputs.some(({ tensor }) => tensor === results[0]) ? found[0] : null;
}

function signatureOf(table) {
  const named = (slot) => table.tables(slot).map((one) => ({ name: one.text(NAMED.name), tensor: one.number(NAMED.tensor, "Uint32") }));
  return {
    key: table.text(SIGNATURE.key),
    subgraph: table.number(SIGNATURE.subgraph, "Uint32"),
    inputs: named(SIGNATURE.inputs),
    outputs: named(SIGNATURE.outputs),
  };
}

/** Reads a table of a FlatBuffer. */
class Table {
  #view;
  #at;

  constructor(view, at) {
    this.#view = view;
    this.#at = at;
  }

  /** Where a field is, or 0 if the table does not have it. */
  position(slot) {
    const types = this.#at - this.#view.getInt32(this.#at, true);
    const at = 4 + 2 * slot;
    const offset = at < this.#view.getUint16(types, true) ? this.#view.getUint16(types + at, true) : 0;
    return offset && this.#at + offset;
  }

  /** @param {"Int8" | "Int32" | "Uint32"} type */
  number(slot, type) {
    const at = this.position(slot);
    return at && this.#view[`get${type}`](at, true);
  }

  table(slot) {
    return new Table(this.#view, this.#target(this.position(slot)));
  }

  tables(slot) {
    return this.#elements(slot).map((at) => new Table(this.#view, this.#target(at)));
  }

  numbers(slot) {
    return this.#elements(slot).map((at) => this.#view.getInt32(at, true));
  }

  text(slot) {
    const at = this.#target(this.position(slot));
    const { buffer, byteOffset } = this.#view;
    return new TextDecoder().decode(new Uint8Array(buffer, byteOffset + at + 4, this.#view.getUint32(at, true)));
  }

  #elements(slot) {
    const field = this.position(slot);
    if (field === 0) return [];
    const at = this.#target(field);
    const length = this.#view.getUint32(at, true);
    if (length > this.#view.byteLength / 4) throw new RangeError();
    return Array.from({ length }, (_, index) => at + 4 + 4 * index);
  }

  #target(at) {
    return at + this.#view.getUint32(at, true);
  }
}

/** The file with other outputs and signatures, which follow at its end. */
function withTail(bytes, [outputsAt, outputs], [signaturesAt, signatures]) {
  const tail = new Tail();
  const named = (list) => tail.offsets(list.map(({ name, tensor }) => tail.table([tail.text(name), tensor])));
  const tables = signatures.map(({ key, subgraph, inputs, outputs }) =>
    tail.table([named(inputs), named(outputs), tail.text(key), null, subgraph]),
  );
  const targets = [[outputsAt, tail.numbers(outputs)], [signaturesAt, tail.offsets(tables)]];
  const start = Math.ceil(bytes.length / 8) * 8;
  const result = new Uint8Array(start + 4 * tail.words.length);
  result.set(bytes);
  const view = new DataView(result.buffer);
  tail.words.forEach((word, index) => view.setInt32(start + 4 * index, word, true));
  for (const [at, { fromEnd }] of targets) view.setUint32(at, result.length - 4 * fromEnd - at, true);
  return result;
}

/**
 * Writes parts of a FlatBuffer from the end to the start, because offsets lead only forward. A part is known by its
 * distance from the end, in words.
 *
 * @typedef {{fromEnd: number}} Part
 */
class Tail {
  /** @type {number[]} */
  words = [];

  /** @param {(number | Part)[]} content Parts become offsets. */
  #put(content) {
    const begin = this.words.length + content.length;
    const offset = (part, index) => 4 * (begin - index - part.fromEnd);
    this.words.unshift(...content.map((one, index) => (typeof one === "number" ? one : offset(one, index))));
    return { fromEnd: begin };
  }

  numbers(list) {
    return this.#put([list.length, ...list]);
  }

  offsets(parts) {
    return this.#put([parts.length, ...parts]);
  }

  text(content) {
    const bytes = new TextEncoder().encode(content);
    const padded = new Uint8Array(4 * (Math.floor(bytes.length / 4) + 1)); // with a zero at the end
    padded.set(bytes);
    const view = new DataView(padded.buffer);
    return this.#put([bytes.length, ...Array.from({ length: padded.length / 4 }, (_, index) => view.getInt32(4 * index, true))]);
  }

  /** @param {(number | Part | null)[]} fields In the order of the schema; null is a field that the table does not have. */
  table(fields) {
    const present = fields.filter((field) => field !== null);
    let count = 0;
    const offsets = fields.map((field) => (field === null ? 0 : 4 * ++count));
    const shorts = [4 + 2 * fields.length, 4 + 4 * present.length, ...offsets];
    if (shorts.length % 2) shorts.push(0);
    const types = Array.from({ length: shorts.length / 2 }, (_, index) => shorts[2 * index] + (shorts[2 * index + 1] << 16));
    const { fromEnd } = this.#put([...types, 4 * types.length, ...present]);
    return { fromEnd: fromEnd - types.length };
  }
}
