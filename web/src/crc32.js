/** The checksum of zip archives and of PNG. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/**
 * @param {Uint8Array} bytes
 * @param {number} [before] Checksum of the preceding bytes.
 * @returns {number}
 */
export function crc32(bytes, before = 0) {
  let crc = ~before;
  for (let index = 0; index < bytes.length; index++) crc = TABLE[(crc ^ bytes[index]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
