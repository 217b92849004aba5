/** The network: LiteRT.js on WebGPU where a real GPU is available, otherwise on WebAssembly. */

import * as litert from "@litertjs/core";
import { paint } from "./painting.js";

const MAX_THREADS = 8; // the network is small: more threads wait for each other
// A hundredth of normalized ab is about one Lab unit, which is invisible.
const GPU_TOLERANCE = 0.01;
const GPU_SHARE = 0.995; // share of the values that must be within it

const FEATURES = "features"; // name of an output

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
  #form;
  #noHints;
  /** The palette of the network's distributions, as pairs a, b in [-1, 1], if it has one. */
  palette = [];
  #temperature;

  /**
   * @param {{bytes: Uint8Array, palette: number[][], temperature: number}} file From `openModel`.
   * @param {string} folder As for `start`.
   * @returns {Promise<Network>}
   * @throws {Error} It is not a colorizer.
   */
  static async compile({ bytes, palette, temperature }, folder) {
    const { threads, hasGpu } = await start(folder);
    const network = new Network();
    network.#cpuName = threads > 1 ? `WebAssembly, ${threads} threads` : "WebAssembly, 1 thread";
    const compileForCpu = () => compiled(bytes, { accelerator: "wasm", cpuOptions: { numThreads: threads } });
    network.#cpu = await compileForCpu();
    network.#form = checkedForm(network.#cpu);
    if (network.#form.entries === palette.length) network.palette = palette;
    network.#temperature = temperature;
    network.#noHints = new Float32Array(network.takesHints ? 3 * network.size ** 2 : 0);
    if (hasGpu) network.#gpu = await compiledForGpu(bytes);
    if (network.#gpu) network.#compileForCpu = compileForCpu; // a function that keeps the file's bytes
    return network;
  }

  /** Side of its square input, in pixels. */
  get size() {
    return this.#form.size;
  }

  get takesHints() {
    return this.#form.hints !== undefined;
  }

  /** A description of what runs the model. */
  get accelerator() {
    return this.#gpu ? "WebGPU" : this.#cpuName;
  }

  /**
   * @param {Float32Array} lightness `size * size` values in [-1, 1].
   * @param {Float32Array} [hints] The result of `painting.paint`, for a network that takes hints.
   * @returns {Promise<Float32Array>} Pairs a, b in [-1, 1].
   * @throws {Error} The model returns values that are not numbers.
   */
  async run(lightness, hints = this.#noHints) {
    if (this.#gpu && this.#cpu) return this.#firstRun(lightness, hints);
    if (this.#gpu) {
      try {
        return finite(await this.#predict(this.#gpu, lightness, hints));
      } catch {
        this.#gpu = null; // systems can take the GPU away from a page, especially on phones
        this.#cpu = await this.#compileForCpu();
      }
    }
    return finite(await this.#predict(this.#cpu, lightness, hints));
  }

  /**
   * @param {Float32Array} lightness
   * @returns {Promise<Float32Array>} For each place, a logit for each entry of the palette.
   */
  async logits(lightness) {
    const annealed = await this.#predict(this.#gpu ?? this.#cpu, lightness, this.#noHints, this.#form.logits);
    return annealed.map((logit) => logit * this.#temperature);
  }

  /** Whether it returns features, by which places of photos are compared. */
  get hasFeatures() {
    return this.#form.features >= 0;
  }

  /**
   * @param {Float32Array} lightness
   * @returns {Promise<Float32Array>} For each place of a square, row by row, the same number of features.
   */
  async features(lightness) {
    return this.#predict(this.#gpu ?? this.#cpu, lightness, this.#noHints, this.#form.features);
  }

  /** Some GPU drivers compute wrong results, so the first photo is computed on both, and one is kept. */
  async #firstRun(lightness, hints) {
    const result = finite(await this.#predict(this.#cpu, lightness, hints));
    // Without hints, most of the spreading multiplies zeros.
    const trial = this.takesHints ? trialHints(this.size) : hints;
    const expected = this.takesHints ? await this.#predict(this.#cpu, lightness, trial) : result;
    const received = await this.#predict(this.#gpu, lightness, trial).catch(() => []);
    const agrees = (value, index) => Math.abs(value - received[index]) < GPU_TOLERANCE;
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

  async #predict(model, lightness, hints, output = this.#form.ab) {
    const { size } = this;
    const inputs = [];
    inputs[this.#form.lightness] = new litert.Tensor(lightness, [1, size, size, 1]);
    if (this.takesHints) inputs[this.#form.hints] = new litert.Tensor(hints, [1, size, size, 3]);
    try {
      const outputs = await model.run(inputs);
      const values = await outputs[output].data();
      for (const each of outputs) each.delete();
      return values;
    } finally {
      for (const input of inputs) input.delete();
    }
  }
}

/** Two hints that contradict each other. */
function trialHints(size) {
  const photo = { width: size, height: size };
  const [near, far] = [Math.floor(size / 4), Math.floor((3 * size) / 4)];
  return paint([{ x: near, y: near, color: "#a03020" }, { x: far, y: far, color: "#2040a0" }], photo, size);
}

function finite(ab) {
  if (!ab.every(Number.isFinite)) throw new Error("The model returns values that are not numbers.");
  return ab;
}

/** Returns the size of a model, which input and output is which; throws an error if it is not a colorizer. */
function checkedForm(model) {
  const [inputs, outputs] = [[...model.getInputDetails()], [...model.getOutputDetails()]];
  const size = inputs[0]?.shape[1];
  const find = (details, channels) => details.findIndex((detail) => text(detail) === `float32 1 × ${size} × ${size} × ${channels}`);
  const form = { size, lightness: find(inputs, 1), ab: find(outputs, 2), hints: undefined, logits: -1, features: -1, entries: 0 };
  let known = 1; // outputs
  if (inputs.length === 2) {
    form.hints = find(inputs, 3);
    // A file that takes hints may also return features, and its distribution over a palette.
    form.features = outputs.findIndex(({ name }) => name === FEATURES);
    form.logits = outputs.findIndex((_, index) => index !== form.ab && index !== form.features);
    form.entries = outputs[form.logits]?.shape[3] ?? 0;
    known += Number(form.features >= 0) + Number(form.entries > 0);
  }
  const fits = [form.lightness, form.ab, form.hints ?? 0].every((index) => index >= 0);
  if (fits && inputs.length <= 2 && outputs.length === known) return form;
  const shapes = [...inputs, ...outputs].map(text);
  model.delete();
  throw new Error(`It does not map lightness to color: ${shapes.join(" to ")}.`);
}

function text({ shape, dtype }) {
  return `${dtype} ${[...shape].join(" × ")}`;
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
