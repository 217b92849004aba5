/** What a model's functions take and give. */

const FEATURES = "features"; // name of an output

/**
 * @typedef {{size: number, inputs: Record<string, {index: number, name: string, shape: number[]}>, outputs: Record<string, number>,
 *   entries: number, signature?: string}} Form The size of one of a model's functions, its inputs and outputs, the number of
 *   colors of its palette, and its name unless it is the first.
 */

/**
 * @param {any} model
 * @param {number[]} sizes Those that its metadata promises.
 * @param {string[]} [seen] As for `formOf`.
 * @returns {Map<number, Form>} The form of a model at each of its sizes.
 * @throws {Error} It is not a colorizer.
 */
export function checkedForms(model, sizes, seen) {
  try {
    const smallest = formOf(model, seen);
    /** @type {Map<number, Form>} */
    const forms = new Map([[smallest.size, smallest]]);
    for (const side of sizes.filter((side) => side > smallest.size)) {
      const signature = `size_${side}`; // as tf_colorize/inference/signatures.py names it
      const runner = runnerOf(model, signature);
      if (!runner) throw new Error(`Its metadata promises a size that it lacks: ${side}.`);
      const { size, inputs, outputs } = formOf(runner);
      if (size !== side || Object.keys(inputs).length !== Object.keys(smallest.inputs).length) throw new Error(`Its ${signature} has another form.`);
      forms.set(side, { size, inputs, outputs: { ab: outputs.ab }, entries: 0, signature });
    }
    return forms;
  } catch (error) {
    model.delete();
    throw error;
  }
}

/** What runs one of a model's functions: the first, or the named one. */
export function runnerOf(model, signature) {
  return signature === undefined ? model : model.signatures[signature];
}

/**
 * Returns the size of one of a model's functions, its inputs and its outputs; throws an error if it is not a colorizer's.
 *
 * @param {any} runner
 * @param {string[]} [seen] Names of outputs that its branch for hints takes.
 * @returns {Form}
 */
function formOf(runner, seen = []) {
  const details = { inputs: [...runner.getInputDetails()], outputs: [...runner.getOutputDetails()] };
  const size = details.inputs[0]?.shape[1];
  const isSquare = (detail, channels) => text(detail) === `float32 1 × ${size} × ${size} × ${channels}`;
  const withShape = (list, channels) => list.findIndex((detail) => isSquare(detail, channels) && !seen.includes(detail.name));
  const found = { lightness: withShape(details.inputs, 1), ...(details.inputs.length === 2 && { hints: withShape(details.inputs, 3) }) };
  const named = details.outputs.map(({ name }) => name);
  /** @type {Record<string, number>} */
  const outputs = { ab: withShape(details.outputs, 2), ...Object.fromEntries(seen.map((name) => [name, named.indexOf(name)])) };
  let entries = 0;
  if (found.hints !== undefined) {
    // A file that takes hints may also return features, and its distribution over a palette.
    if (named.includes(FEATURES)) outputs.features = named.indexOf(FEATURES);
    const logits = named.findIndex((_, index) => !Object.values(outputs).includes(index));
    entries = details.outputs[logits]?.shape[3] ?? 0;
    if (entries > 0) outputs.logits = logits;
  }
  const fits = [...Object.values(found), outputs.ab].every((index) => index >= 0);
  if (fits && details.inputs.length <= 2 && new Set(Object.values(outputs)).size === named.length) {
    const inputOf = (index) => ({ index, name: details.inputs[index].name, shape: [...details.inputs[index].shape] });
    const inputs = Object.fromEntries(Object.entries(found).map(([name, index]) => [name, inputOf(index)]));
    return { size, inputs, outputs, entries };
  }
  const shapes = [...details.inputs, ...details.outputs].map(text);
  throw new Error(`It does not map lightness to color: ${shapes.join(" to ")}.`);
}

function text({ shape, dtype }) {
  return `${dtype} ${[...shape].join(" × ")}`;
}
