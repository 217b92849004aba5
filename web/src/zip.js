/** Zip archives of files that are already compressed: stored without copying anything. */

import { crc32 } from "./crc32.js";

const UTF8_NAMES = 0x0800;
const LIMIT = 0xffffffff; // of the classic format

/**
 * @param {{name: string, blob: Blob}[]} files
 * @param {Date} [date]
 * @returns {Promise<Blob>}
 * @throws {Error} More than 4 GB.
 */
export async function zip(files, date = new Date()) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const bytes = new TextEncoder().encode(name);
    const common = [
      [2, 20],
      [2, UTF8_NAMES],
      [2, 0], // stored
      [2, (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1)],
      [2, ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate()],
      [4, crc32(new Uint8Array(await blob.arrayBuffer()))],
      [4, blob.size],
      [4, blob.size],
      [2, bytes.length],
      [2, 0],
    ];
    const header = record([[4, 0x04034b50], ...common]);
    const placed = [[2, 0], [2, 0], [2, 0], [4, 0], [4, offset]];
    directory.push(record([[4, 0x02014b50], [2, 20], ...common, ...placed]), bytes);
    parts.push(header, bytes, blob);
    offset += header.length + bytes.length + blob.size;
    if (offset > LIMIT) throw new Error("The archive would be larger than 4 GB; save the photos in smaller groups.");
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const counts = [[2, 0], [2, 0], [2, files.length], [2, files.length]];
  const end = record([[4, 0x06054b50], ...counts, [4, size], [4, offset], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function record(fields) {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const data = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) data.setUint16(at, value, true);
    else data.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}
