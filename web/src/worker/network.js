/** The network: LiteRT.js on WebGPU where a real GPU is available, otherwise on WebAssembly. */

import * as litert from "@litertjs/core";
import { checkedForms, runnerOf } from "./forms.js";
import { HINTS_ONLY, withHintsEntry } from "./hints_entry.js";
import { paint } from "./painting.js";
import { resized } from "./resample.js";
import { sizeFor } from "./sizes.js";

const MAX_THREADS = 8; // the network is small: more threads wait for each other
// A hundredth of normalized ab is about one Lab unit, which is invisible.
const GPU_TOLERANCE = 0.01;
const GPU_SHARE = 0.995; // share of the values that must be within it

const KEPT = 2; // photos whose outputs are kept: 6 MB each with the shipped model, and up to 1.4 MB of a larger size

let runtime;

/**
 * Loads the runtime once; returns the name of its files, its threads, and whether there is a GPU.
 *
 * @param {string} folder Address of LiteRT's .js and .wasm files, ending in a slash.
 */
export function start(folder) {
  runtime ??= load(folder).catch((error) => {
    runtime = undefined; // the next photo tries again
    throw error;
  });
  return runtime;
}

async function load(folder) {
  const threads = self.crossOriginIsolated && (await litert.supportsFeature("relaxedSimd"));
  let runtime;
  // In a worker, the runtime would look for its files beside the worker's script.
  /** @type {any} */ (self).Module = {
    locateFile: (name) => {
      if (name.endsWith(".wasm")) runtime = name.replace(/\.wasm$/, "");
      return folder + name;
    },
    mainScriptUrlOrBlob: `${folder}litert_wasm_threaded_internal.js`,
    printErr: console.debug, // it reports every step as an error
  };
  const loaded = await litert.loadLiteRt(folder, { threads });
  return { runtime, threads: Math.min(MAX_THREADS, loaded.liteRtWasm.getThreadCount()), hasGpu: await hasRealGpu() };
}

async function hasRealGpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !adapter.info?.isFallbackAdapter && Boolean(litert.getWebGpuDevice());
}

/** A model, compiled for this device. */
export class Network {
  #cpu;
  #gpu = null;
  #cpuName;
  #compileForCpu;
  #forms; // by the side of its square input
  #hasHintsEntry; // at the smallest size; see `withHintsEntry`
  #kept = []; // of the latest photos: `{lightness, outputs}` without hints
  /** @type {WeakMap<Float32Array, Float32Array<ArrayBuffer>>} */
  #reduced = new WeakMap(); // squares at the smallest size
  /** The palette of the network's distributions, as pairs a, b in [-1, 1], if it has one. */
  palette = [];
  #temperature;

  /**
   * @param {{bytes: Uint8Array, sizes: number[], palette: number[][], temperature: number}} file From `openModel`.
   * @param {string} folder As for `start`.
   * @returns {Promise<Network>}
   * @throws {Error} It is not a colorizer.
   */
  static async compile({ bytes, sizes, palette, temperature }, folder) {
    const { threads, hasGpu } = await start(folder);
    const network = new Network();
    network.#cpuName = threads > 1 ? `WebAssembly, ${threads} threads` : "WebAssembly, 1 thread";
    const entry = withHintsEntry(bytes);
    network.#hasHintsEntry = entry !== null;
    const content = entry?.bytes ?? bytes;
    const compileForCpu = () => compiled(content, { accelerator: "wasm", cpuOptions: { numThreads: threads } });
    network.#cpu = await compileForCpu();
    network.#forms = checkedForms(network.#cpu, sizes, entry?.seen);
    if (network.#form.entries === palette.length) network.palette = palette;
    network.#temperature = temperature;
    if (hasGpu) network.#gpu = await compiledForGpu(content);
    if (network.#gpu) network.#compileForCpu = compileForCpu; // a function that keeps the file's bytes
    return network;
  }

  get #form() {
    return this.#forms.get(this.size);
  }

  /** Side of its square input, in pixels; the smallest if it has several sizes. */
  get size() {
    return Math.min(...this.#forms.keys());
  }

  /**
   * @param {{width: number, height: number}} picture
   * @returns {number} The side of the square on which it should see a picture.
   */
  sizeFor(picture) {
    return sizeFor(picture, [...this.#forms.keys()]);
  }

  /**
   * @param {Float32Array} lightness Of any size.
   * @returns {Float32Array<ArrayBuffer>} The same at the smallest size, at which the command, too, compares places and suggests colors.
   */
  atSmallest(lightness) {
    if (!this.#reduced.has(lightness)) this.#reduced.set(lightness, /** @type {any} */ (resized(lightness, this.size)));
    return this.#reduced.get(lightness);
  }

  get takesHints() {
    return this.#form.inputs.hints !== undefined;
  }

  /** A description of what runs the model. */
  get accelerator() {
    return this.#gpu ? "WebGPU" : this.#cpuName;
  }

  /**
   * @param {Float32Array} lightness `side * side` values in [-1, 1], of one of its sizes.
   * @param {Float32Array} [hints] The result of `painting.paint`, with at least one, for a network that takes hints.
   * @returns {Promise<Float32Array>} Pairs a, b in [-1, 1].
   * @throws {Error} The model returns values that are not numbers.
   */
  async run(lightness, hints) {
    if (this.#gpu && this.#cpu) return this.#firstRun(lightness, hints);
    if (this.#gpu) {
      try {
        return finite(await this.#predict(lightness, hints));
      } catch {
        this.#gpu = null; // systems can take the GPU away from a page, especially on phones
        this.#kept = [];
        this.#cpu = await this.#compileForCpu();
      }
    }
    return finite(await this.#predict(lightness, hints));
  }

  /**
   * @param {Float32Array} lightness Of any size.
   * @returns {Promise<Float32Array>} For each place of the smallest size, a logit for each entry of the palette.
   */
  async logits(lightness) {
    const { logits } = await this.#seen(this.atSmallest(lightness));
    return logits.map((logit) => logit * this.#temperature);
  }

  /** Whether it returns features, by which places of photos are compared. */
  get hasFeatures() {
    return this.#form.outputs.features !== undefined;
  }

  /**
   * @param {Float32Array} lightness Of any size.
   * @returns {Promise<Float32Array>} For each place of the smallest square, row by row, the same number of features.
   */
  async features(lightness) {
    return (await this.#seen(this.atSmallest(lightness))).features;
  }

  /** Frees what is kept of a photo. */
  forget(lightness) {
    const squares = [lightness, this.#reduced.get(lightness)];
    this.#kept = this.#kept.filter((other) => !squares.includes(other.lightness));
  }

  /** Some GPU drivers compute wrong results, so the first photo is computed on both, and one is kept. */
  async #firstRun(lightness, hints = this.#noHints(lightness)) {
    const { ab } = this.#formFor(lightness).outputs;
    const { ab: result } = await this.#outputs(this.#cpu, { lightness, hints }, { ab });
    finite(result);
    // Without hints, most of the spreading multiplies zeros.
    const trial = { lightness, hints: this.takesHints ? trialHints(lightness) : hints };
    const expected = this.takesHints ? (await this.#outputs(this.#cpu, trial, { ab })).ab : result;
    const received = await this.#outputs(this.#gpu, trial, { ab }).catch(() => ({ ab: [] }));
    const agrees = (value, index) => Math.abs(value - received.ab[index]) < GPU_TOLERANCE;
    if (expected.filter(agrees).length >= GPU_SHARE * expected.length) {
      this.#cpu.delete();
      this.#cpu = null;
    } else {
      console.info("WebGPU gives different colors than WebAssembly for this model, so it is not used for it.");
      this.#gpu.delete();
      this.#gpu = null;
    }
    return result;
  }

  async #predict(lightness, hints) {
    if (!hints) return (await this.#seen(lightness)).ab;
    if (!this.#gpu && this.#hasHintsEntry && this.#formFor(lightness) === this.#form) return this.#spread(lightness, hints);
    const { ab } = this.#formFor(lightness).outputs;
    return (await this.#outputs(this.#gpu ?? this.#cpu, { lightness, hints }, { ab })).ab;
  }

  /** All outputs without hints. Those of the latest photos are kept. */
  async #seen(lightness) {
    const known = this.#kept.find((other) => other.lightness === lightness);
    const given = { lightness, hints: this.#noHints(lightness) };
    const wanted = this.#formFor(lightness).outputs;
    const entry = known ?? { lightness, outputs: await this.#outputs(this.#gpu ?? this.#cpu, given, wanted) };
    this.#kept = [...this.#kept.filter((other) => other !== entry), entry].slice(-KEPT * Math.min(2, this.#forms.size));
    return entry.outputs;
  }

  /** Runs only the branch for hints, on what the network has seen. */
  async #spread(lightness, hints) {
    const branch = this.#cpu.signatures[HINTS_ONLY];
    const given = { ...(await this.#seen(lightness)) };
    for (const [name, values] of Object.entries({ lightness, hints })) given[this.#form.inputs[name].name] = values;
    const inputs = branch.getInputDetails().map(({ name, shape }) => new litert.Tensor(given[name], [...shape]));
    return (await computed(() => branch.run(inputs), inputs, { ab: 0 })).ab;
  }

  /**
   * @param {any} model
   * @param {Record<string, Float32Array>} given Lightness and hints.
   * @param {Record<string, number>} wanted The numbers of outputs.
   * @returns {Promise<Record<string, Float32Array>>}
   */
  async #outputs(model, given, wanted) {
    const form = this.#formFor(given.lightness);
    const inputs = [];
    for (const [name, { index, shape }] of Object.entries(form.inputs)) inputs[index] = new litert.Tensor(given[name], shape);
    return computed(() => runnerOf(model, form.signature).run(inputs), inputs, wanted);
  }

  #formFor(lightness) {
    return this.#forms.get(Math.sqrt(lightness.length));
  }

  /** @returns {Float32Array} */
  #noHints(lightness) {
    return new Float32Array(this.takesHints ? 3 * lightness.length : 0);
  }
}

/** The wanted outputs of a model. Frees its inputs. */
async function computed(run, inputs, wanted) {
  try {
    const outputs = await run();
    const values = {};
    for (const [name, index] of Object.entries(wanted)) values[name] = await outputs[index].data();
    for (const output of outputs) output.delete();
    return values;
  } finally {
    for (const input of inputs) input.delete();
  }
}

/** Two hints that contradict each other. */
function trialHints(lightness) {
  const size = Math.sqrt(lightness.length);
  const photo = { width: size, height: size };
  const [near, far] = [Math.floor(size / 4), Math.floor((3 * size) / 4)];
  return paint([{ x: near, y: near, color: "#a03020" }, { x: far, y: far, color: "#2040a0" }], photo, lightness);
}

function finite(ab) {
  if (!ab.every(Number.isFinite)) throw new Error("The model returns values that are not numbers.");
  return ab;
}

/** Returns the model on the GPU, or null if not all of it can run there. */
async function compiledForGpu(bytes) {
  try {
    const model = await compiled(bytes, { accelerator: "webgpu", gpuOptions: { precision: "fp32" } });
    if (model.isFullyAccelerated) return model;
    model.delete();
  } catch (error) {
    console.info("WebGPU is available but cannot run this model:", error.cause ?? error);
  }
  return null;
}

async function compiled(bytes, options) {
  try {
    return await litert.loadAndCompile(bytes, options);
  } catch (error) {
    throw new Error("It is not a TFLite model that LiteRT can run.", { cause: error });
  }
}
