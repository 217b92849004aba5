/** Zip archives of files that are already compressed: stored, and each read only while its checksum is made. */

import { Zip, ZipPassThrough } from "fflate";

const LIMIT = 0xffffffff; // of the classic format, which is what fflate writes

/**
 * @param {{name: string, blob: Blob}[]} files
 * @returns {Promise<Blob>}
 * @throws {Error} More than 4 GB.
 */
export async function zip(files) {
  const size = files.reduce((sum, { blob }) => sum + blob.size + 4096, 0); // with room for what stands around a file
  if (size > LIMIT) throw new Error("The archive would be larger than 4 GB; save the photos in smaller groups.");
  const parts = [];
  let current = { bytes: new Uint8Array(0), blob: new Blob() };
  const archive = new Zip((error, chunk) => {
    if (error) throw error;
    parts.push(chunk === current.bytes ? current.blob : chunk); // the browser may keep blobs on the disk
  });
  for (const { name, blob } of files) {
    current = { bytes: new Uint8Array(await blob.arrayBuffer()), blob };
    const entry = new ZipPassThrough(name);
    archive.add(entry);
    entry.push(current.bytes, true);
  }
  archive.end();
  return new Blob(parts, { type: "application/zip" });
}
