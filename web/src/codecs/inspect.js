/** Inspects the bytes of a file before decoding. */

/** A picture that cannot be colorized; the message is one sentence for the user. */
export class PictureError extends Error {}

/**
 * Recognizes a complete still picture.
 *
 * @param {Uint8Array} bytes The file.
 * @returns {{format: string, width?: number, height?: number}} The size as stored, if it is easy to read.
 * @throws {PictureError} Not a picture, animated or truncated.
 */
export function inspect(bytes) {
  if (bytes.length === 0) throw new PictureError("The file is empty.");
  const found = READERS.find(({ matches }) => matches(bytes));
  if (!found) throw new PictureError("This is not a picture that the page can read, such as a JPEG, PNG, WebP, GIF, BMP or AVIF.");
  try {
    return { format: found.format, ...found.read(bytes) };
  } catch (error) {
    // In a truncated file, a view reads past the end.
    throw error instanceof RangeError ? new PictureError("The picture is truncated or broken.") : error;
  }
}

const READERS = [
  { format: "JPEG", matches: (bytes) => starts(bytes, [0xff, 0xd8, 0xff]), read: readJpeg },
  { format: "PNG", matches: (bytes) => starts(bytes, [0x89, 0x50, 0x4e, 0x47]), read: readPng },
  { format: "GIF", matches: (bytes) => text(bytes, 0, 4) === "GIF8", read: readGif },
  {
    format: "WebP",
    matches: (bytes) => text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 4) === "WEBP",
    read: readWebp,
  },
  // The first brand is often a general one, such as mif1.
  { format: "AVIF", matches: (bytes) => brands(bytes).some((brand) => /^avi[fs]$/.test(brand)), read: readAvif },
  { format: "HEIC", matches: (bytes) => brands(bytes).some((brand) => /^(hei[cxms]|hevc|mif1|msf1)$/.test(brand)), read: largestImage },
  { format: "BMP", matches: (bytes) => text(bytes, 0, 2) === "BM", read: readBmp },
  { format: "TIFF", matches: (bytes) => /^(II\*\0|MM\0\*)$/.test(text(bytes, 0, 4)), read: () => ({}) },
];

function starts(bytes, head) {
  return head.every((byte, index) => bytes[index] === byte);
}

function text(bytes, at, length) {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

/** The major and compatible brands of AVIF and HEIC. */
function brands(bytes) {
  if (text(bytes, 4, 4) !== "ftyp") return [];
  const end = Math.min(bytes.length, 256, view(bytes).getUint32(0));
  const others = [];
  for (let at = 16; at + 4 <= end; at += 4) others.push(text(bytes, at, 4));
  return [text(bytes, 8, 4), ...others];
}

function view(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function refuseAnimated() {
  throw new PictureError("This is an animation. Only still pictures can be colorized.");
}

function refuseCutOff() {
  throw new PictureError("The picture is truncated: its end is missing.");
}

/**
 * Walks the segments of a JPEG up to the pixels.
 *
 * @param {Uint8Array} bytes
 * @param {(marker: number, start: number, length: number) => void} visit Called with the position
 *   of each segment's content.
 * @returns {number} Where the pixels begin.
 */
export function walkJpeg(bytes, visit) {
  const data = view(bytes);
  let at = 2;
  for (;;) {
    const marker = data.getUint16(at);
    if (marker === 0xffff) {
      at++; // fill byte
      continue;
    }
    const length = data.getUint16(at + 2);
    visit(marker, at + 4, length - 2);
    at += 2 + length;
    if (marker === 0xffda) return at;
  }
}

function readJpeg(bytes) {
  const size = {};
  const pixels = walkJpeg(bytes, (marker, start) => {
    const isFrame = marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker);
    if (!isFrame) return;
    size.height = view(bytes).getUint16(start + 1);
    size.width = view(bytes).getUint16(start + 3);
  });
  // Browsers silently fill missing data with gray.
  for (let at = bytes.indexOf(0xff, pixels); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === 0xd9) return size;
  }
  return refuseCutOff();
}

function readPng(bytes) {
  const data = view(bytes);
  const size = { width: data.getUint32(16), height: data.getUint32(20) };
  for (let at = 8; at + 8 <= bytes.length; at += 12 + data.getUint32(at)) {
    const chunk = text(bytes, at + 4, 4);
    if (chunk === "acTL" && data.getUint32(at + 8) > 1) refuseAnimated();
    if (chunk === "IEND") return size;
  }
  return refuseCutOff();
}

function readGif(bytes) {
  const data = view(bytes);
  const tableAfter = (at) => (bytes[at] & 0x80 ? 3 << ((bytes[at] & 7) + 1) : 0);
  const pastBlocks = (at) => {
    while (data.getUint8(at) !== 0) at += data.getUint8(at) + 1;
    return at + 1;
  };
  let frames = 0;
  for (let at = 13 + tableAfter(10); data.getUint8(at) !== 0x3b; ) {
    if (bytes[at] === 0x21) {
      at = pastBlocks(at + 2);
    } else if (bytes[at] === 0x2c) {
      if (++frames > 1) refuseAnimated();
      at = pastBlocks(at + 11 + tableAfter(at + 9));
    } else {
      refuseCutOff();
    }
  }
  return { width: data.getUint16(6, true), height: data.getUint16(8, true) };
}

function readWebp(bytes) {
  const data = view(bytes);
  if (data.getUint32(4, true) + 8 > bytes.length) refuseCutOff();
  const kind = text(bytes, 12, 4);
  if (kind === "VP8X") {
    if (bytes[20] & 2) refuseAnimated();
    return { width: 1 + (data.getUint32(24, true) & 0xffffff), height: 1 + (data.getUint32(26, true) >>> 8) };
  }
  if (kind === "VP8L") {
    const sides = data.getUint32(21, true);
    return { width: 1 + (sides & 0x3fff), height: 1 + ((sides >>> 14) & 0x3fff) };
  }
  return { width: data.getUint16(26, true) & 0x3fff, height: data.getUint16(28, true) & 0x3fff };
}

function readBmp(bytes) {
  const data = view(bytes);
  const isOld = data.getUint32(14, true) === 12;
  if (isOld) return { width: data.getUint16(18, true), height: data.getUint16(20, true) };
  return { width: data.getInt32(18, true), height: Math.abs(data.getInt32(22, true)) };
}

function readAvif(bytes) {
  if (brands(bytes)[0] === "avis") refuseAnimated();
  return largestImage(bytes);
}

/** AVIF and HEIC contain a picture and often tiles or thumbnails, each with a box for its size. */
function largestImage(bytes) {
  const data = view(bytes);
  const name = [...new TextEncoder().encode("ispe")];
  const end = bytes.length - 16;
  let largest = {};
  for (let at = bytes.indexOf(name[0]); at >= 0 && at < end; at = bytes.indexOf(name[0], at + 1)) {
    if (!name.every((byte, index) => bytes[at + index] === byte)) continue;
    if (data.getUint32(at - 4) !== 20) continue; // a box of that name always has this length
    const [width, height] = [data.getUint32(at + 8), data.getUint32(at + 12)];
    if (!(width * height <= largest.width * largest.height)) largest = { width, height };
  }
  return largest;
}
