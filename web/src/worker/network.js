/** The network: LiteRT.js on WebGPU where there is a real one, on WebAssembly else. */

import * as litert from "@litertjs/core";

const MAX_THREADS = 8; // the network is small: more threads wait for each other
// In normalised ab: a tenth of what eyes can tell apart.
const GPU_TOLERANCE = 0.005;

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
  // In a worker the runtime would look for its files beside the worker's script.
  self.Module = {
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

/** A compiled model. */
export class Network {
  /**
   * @param {Uint8Array} bytes A `.tflite` file.
   * @param {string} folder As for `start`.
   * @returns {Promise<Network>}
   * @throws {Error} It is not a colorizer.
   */
  static async compile(bytes, folder) {
    const { threads, hasGpu } = await start(folder);
    const onCpu = new Network(await compiled(bytes, { accelerator: "wasm", cpuOptions: { numThreads: threads } }));
    onCpu.accelerator = threads > 1 ? `WebAssembly, ${threads} threads` : "WebAssembly, 1 thread";
    const onGpu = hasGpu ? await Network.#onGpu(bytes, onCpu) : null;
    if (!onGpu) return onCpu;
    onCpu.model.delete();
    return onGpu;
  }

  /** The model on the GPU, if that gives what the CPU gives: some drivers calculate nonsense. */
  static async #onGpu(bytes, onCpu) {
    try {
      const model = await compiled(bytes, { accelerator: "webgpu", gpuOptions: { precision: "fp32" } });
      const onGpu = new Network(model);
      onGpu.accelerator = "WebGPU";
      const probe = Float32Array.from({ length: onCpu.size ** 2 }, (_, index) => Math.sin(index / 97) * 0.8);
      const [expected, received] = [await onCpu.run(probe), await onGpu.run(probe)];
      const agrees = expected.every((value, index) => Math.abs(value - received[index]) < GPU_TOLERANCE);
      if (model.isFullyAccelerated && agrees) return onGpu;
      model.delete();
    } catch (error) {
      console.info("WebGPU is there but cannot run this model:", error);
    }
    return null;
  }

  constructor(model) {
    this.model = model;
    const [input, output] = [model.getInputDetails(), model.getOutputDetails()];
    this.size = input[0]?.shape[1];
    const shapes = [...input, ...output].map(({ shape, dtype }) => `${dtype} ${[...shape].join(" × ")}`);
    const wanted = [1, 2].map((channels) => `float32 1 × ${this.size} × ${this.size} × ${channels}`);
    if (shapes.join() !== wanted.join()) {
      model.delete();
      throw new Error(`It does not map lightness to colour: ${shapes.join(" to ")}.`);
    }
  }

  /**
   * @param {Float32Array} lightness `size * size` values in [-1, 1].
   * @returns {Promise<Float32Array>} Pairs a, b in [-1, 1].
   * @throws {Error} The model gives something that is not a number.
   */
  async run(lightness) {
    const input = new litert.Tensor(lightness, [1, this.size, this.size, 1]);
    try {
      const [output] = await this.model.run(input);
      const ab = await output.data();
      output.delete();
      if (!ab.every(Number.isFinite)) throw new Error("The model gives values that are not numbers.");
      return ab;
    } finally {
      input.delete();
    }
  }
}

async function compiled(bytes, options) {
  try {
    return await litert.loadAndCompile(bytes, options);
  } catch (error) {
    throw new Error("It is not a TFLite model that LiteRT can run.", { cause: error });
  }
}
