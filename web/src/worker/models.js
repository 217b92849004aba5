/** Model files: downloaded with progress, kept by the browser, checked before use. */

import { strFromU8, unzipSync } from "fflate";
import { AB_SCALE, LIGHTNESS_SCALE } from "../photo/lab.js";

const CACHE = "tf-colorize-models";
const METADATA = "tf_colorize.json";

/**
 * Returns a model's file and its metadata.
 *
 * @param {{url?: string, version?: string, bytes?: number, file?: Blob}} model From the server or from this device.
 * @param {(received: number, total: number) => void} onProgress
 * @returns {Promise<{bytes: Uint8Array, sizes: number[], palette: number[][], temperature: number}>} Sides of the network's
 *   square input, if there are several, and the palette, if there is one, as pairs a, b in [-1, 1].
 * @throws {Error} It cannot be loaded or was made for other scales.
 */
export async function openModel(model, onProgress) {
  const bytes = model.file ? new Uint8Array(await model.file.arrayBuffer()) : await downloaded(/** @type {any} */ (model), onProgress);
  const metadata = metadataOf(bytes);
  for (const [key, scale] of Object.entries({ lightness_scale: LIGHTNESS_SCALE, ab_scale: AB_SCALE })) {
    if (metadata[key] !== undefined && Math.abs(metadata[key] - scale) > 1e-6) {
      throw new Error(`It was made for ${key} ${metadata[key]}, but this page uses ${scale}.`);
    }
  }
  const palette = (metadata.palette ?? []).map((units) => units.map((unit) => unit / AB_SCALE));
  return { bytes, sizes: [metadata.image_sizes ?? []].flat(), palette, temperature: metadata.palette_temperature ?? 1 };
}

async function downloaded({ url, version, bytes }, onProgress) {
  const address = `${url}?version=${version}`;
  // Pages on http:// have no cache storage, except on this device.
  const cache = await self.caches?.open(CACHE).catch(() => undefined);
  const cached = await cache?.match(address);
  if (cached) return new Uint8Array(await cached.arrayBuffer());
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) throw new Error(`It cannot be downloaded (${response?.status ?? "no connection"}).`);
  const model = await received(response, bytes, onProgress);
  await cache?.delete(url, { ignoreSearch: true });
  // With a full disk, colorize anyway.
  await cache?.put(address, new Response(model)).catch(() => undefined);
  return model;
}

async function received(response, total, onProgress) {
  const model = new Uint8Array(total);
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done && size === total) return model;
    if (done || size + value.length > total) throw new Error("The download is incomplete. Reload the page.");
    model.set(value, size);
    size += value.length;
    onProgress(size, total);
  }
}

/** Reads the zip archive with one file that is appended to the models of tf_colorize. */
function metadataOf(bytes) {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = lastIndexOf(data, 0x06054b50);
  if (end < 0) return {};
  // Offsets count from the start of the archive or of the file, depending on the writer.
  const start = end - data.getUint32(end + 12, true) - data.getUint32(end + 16, true);
  if (start < 0) return {}; // not an archive, only bytes that look like the end of one
  try {
    const { [METADATA]: content } = unzipSync(bytes.subarray(start), { filter: ({ name }) => name === METADATA });
    return content ? JSON.parse(strFromU8(content)) : {};
  } catch (error) {
    throw new Error("Its metadata cannot be read.", { cause: error });
  }
}

function lastIndexOf(data, signature) {
  const comment = 1 << 16;
  for (let at = data.byteLength - 22; at >= Math.max(0, data.byteLength - 22 - comment); at--) {
    if (data.getUint32(at, true) === signature) return at;
  }
  return -1;
}
