/** The network: LiteRT.js on WebGPU where a real GPU is available, otherwise on WebAssembly. */

import * as litert from "@litertjs/core";

const MAX_THREADS = 8; // the network is small: more threads wait for each other
// A hundredth of normalized ab is about one Lab unit, which nobody sees.
const GPU_TOLERANCE = 0.01;
const GPU_SHARE = 0.995; // of the values that must be within it

let runtime;

/**
 * Loads the runtime once.
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
  // In a worker, the runtime would look for its files beside the worker's script.
  /** @type {any} */ (self).Module = {
    locateFile: (name) => folder + name,
    mainScriptUrlOrBlob: `${folder}litert_wasm_threaded_internal.js`,
    printErr: console.debug, // it reports every step as an error
  };
  const loaded = await litert.loadLiteRt(folder, { threads });
  return { threads: Math.min(MAX_THREADS, loaded.liteRtWasm.getThreadCount()), hasGpu: await hasRealGpu() };
}

async function hasRealGpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !adapter.info?.isFallbackAdapter && Boolean(litert.getWebGpuDevice());
}

/** A model, compiled for what this device has. */
export class Network {
  #cpu;
  #gpu = null;
  #cpuName;
  #compileForCpu;
  /** Side in pixels of the square that it sees. */
  size = 0;

  /**
   * @param {Uint8Array} bytes A `.tflite` file.
   * @param {string} folder As for `start`.
   * @returns {Promise<Network>}
   * @throws {Error} It is not a colorizer.
   */
  static async compile(bytes, folder) {
    const { threads, hasGpu } = await start(folder);
    const network = new Network();
    network.#cpuName = threads > 1 ? `WebAssembly, ${threads} threads` : "WebAssembly, 1 thread";
    const compileForCpu = () => compiled(bytes, { accelerator: "wasm", cpuOptions: { numThreads: threads } });
    network.#cpu = await compileForCpu();
    network.size = checkedSize(network.#cpu);
    if (hasGpu) network.#gpu = await compiledForGpu(bytes);
    if (network.#gpu) network.#compileForCpu = compileForCpu; // a function that keeps the file's bytes
    return network;
  }

  /** What runs the model, in words. */
  get accelerator() {
    return this.#gpu ? "WebGPU" : this.#cpuName;
  }

  /**
   * @param {Float32Array} lightness `size * size` values in [-1, 1].
   * @returns {Promise<Float32Array>} Pairs a, b in [-1, 1].
   * @throws {Error} The model gives something that is not a number.
   */
  async run(lightness) {
    if (this.#gpu && this.#cpu) return this.#firstRun(lightness);
    if (this.#gpu) {
      try {
        return finite(await this.#predict(this.#gpu, lightness));
      } catch {
        this.#gpu = null; // systems can take the GPU away from a page, especially on phones
        this.#cpu = await this.#compileForCpu();
      }
    }
    return finite(await this.#predict(this.#cpu, lightness));
  }

  /** Some GPU drivers compute nonsense, so the first photo is computed on both, and one is kept. */
  async #firstRun(lightness) {
    const expected = finite(await this.#predict(this.#cpu, lightness));
    const received = await this.#predict(this.#gpu, lightness).catch(() => []);
    const agrees = (value, index) => Math.abs(value - received[index]) < GPU_TOLERANCE;
    if (expected.filter(agrees).length >= GPU_SHARE * expected.length) {
      this.#cpu.delete();
      this.#cpu = null;
    } else {
      console.info("WebGPU gives different colors than WebAssembly for this model, so it is not used for it.");
      this.#gpu.delete();
      this.#gpu = null;
    }
    return expected;
  }

  async #predict(model, lightness) {
    const input = new litert.Tensor(lightness, [1, this.size, this.size, 1]);
    try {
      const [output] = await model.run(input);
      const ab = await output.data();
      output.delete();
      return ab;
    } finally {
      input.delete();
    }
  }
}

function finite(ab) {
  if (!ab.every(Number.isFinite)) throw new Error("The model gives values that are not numbers.");
  return ab;
}

/** Returns the side of the square that a model sees; throws an error if it is not a colorizer. */
function checkedSize(model) {
  const [input, output] = [model.getInputDetails(), model.getOutputDetails()];
  const size = input[0]?.shape[1];
  const shapes = [...input, ...output].map(({ shape, dtype }) => `${dtype} ${[...shape].join(" × ")}`);
  const wanted = [1, 2].map((channels) => `float32 1 × ${size} × ${size} × ${channels}`);
  if (shapes.join() === wanted.join()) return size;
  model.delete();
  throw new Error(`It does not map lightness to color: ${shapes.join(" to ")}.`);
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
