/** The detection of flat margins, which get no color: the same as in tf_colorize/color/margins.py. */

import { LIGHTNESS_SCALE } from "../photo/lab.js";

// Shares of the picture's side, pixels, L*, and shares of lines, as in Python.
const [STRIP, WIDE, NARROW] = [0.0134, 0.03, 0.0134];
const LEAST_STRIP = 2;
const LEAST_INSIDE = 0.3;
const LEAST_PIXELS = 32;
const [TOLERANCE, TOLERANCE_OF_PAIRS] = [4, 2];
const MOST_FALL = 20;
const FITS = 3;
const FLAT_SHARE = 0.97;
const [STRAIGHT_SHARE, STRAIGHT_SHARE_OF_ONE] = [0.6, 0.2];
const STRAIGHT_WITHIN = 1.5;
const MOST_LAYERS = 3;
const UNIT = 200; // in a pixel
const SLOPES = [0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5, -6, 6]; // hundredths of a pixel per line

const [LEFT, RIGHT, TOP, BOTTOM] = [0, 1, 2, 3];
const OPPOSITE = [RIGHT, LEFT, BOTTOM, TOP];
const GROUPS = [[LEFT, RIGHT, TOP, BOTTOM], [LEFT, RIGHT], [TOP, BOTTOM]];

/**
 * @typedef {{top: number, left: number, height: number, width: number}} Frame Part of the square.
 * @typedef {{start: number, slope: number}} Edge At line `i`, `start + slope * (2 i + 1)` units from its side.
 */

/**
 * The share of color to keep at each place: 0 in a flat margin, 1 in the photo or without a margin.
 *
 * @param {Float32Array} lightness `size * size` values in [-1, 1].
 * @returns {Float32Array} As many values in [0, 1].
 */
export function colorShare(lightness) {
  const size = Math.sqrt(lightness.length);
  const levels = lightness.map((value) => (value + 1) * LIGHTNESS_SCALE);
  const share = new Float32Array(lightness.length).fill(1);
  let frame = { top: 0, left: 0, height: size, width: size };
  for (let layer = 0; layer < MOST_LAYERS && Math.min(frame.height, frame.width) >= LEAST_PIXELS; layer++) {
    const edges = foundEdges(levels, size, frame, layer === 0 ? WIDE : NARROW);
    if (!edges) break;
    removeOutside(share, size, frame, edges);
    frame = inner(share, size);
  }
  return share;
}

/**
 * Removes the color in flat margins. A photo with a hint in a margin keeps all color.
 *
 * @param {Float32Array} ab Two per place of the square.
 * @param {Float32Array} share From `colorShare`.
 * @param {Float32Array} [hints] From `painting.paint`.
 * @returns {Float32Array} The colors that remain.
 */
export function withoutColorInMargins(ab, share, hints) {
  if (hints && share.some((kept, place) => kept < 0.5 && hints[3 * place + 2] > 0)) return ab;
  return ab.map((value, index) => value * share[index >> 1]);
}

/** The frame of the photo, without pixels that are blurred with the margin. */
function inner(share, size) {
  const rows = [];
  const columns = [];
  for (let at = 0; at < share.length; at++) {
    if (share[at] < 1) continue;
    rows[Math.floor(at / size)] = true;
    columns[at % size] = true;
  }
  const [top, left] = [rows.indexOf(true) + 1, columns.indexOf(true) + 1];
  return { top, left, height: rows.length - 1 - top, width: columns.length - 1 - left };
}

/** @returns {Map<number, Edge> | null} The edges of the first group of sides with a margin. */
function foundEdges(levels, size, frame, wide) {
  for (const sides of GROUPS) {
    const tone = toneOf(levels, size, frame, sides);
    if (!tone) continue;
    const tolerance = sides.length === 2 ? TOLERANCE_OF_PAIRS : TOLERANCE;
    const isFlat = (row, column) =>
      Math.abs(levels[(frame.top + row) * size + frame.left + column] - tone(row, column)) <= tolerance;
    const edges = straightEdges(isFlat, frame, sides);
    if (edges && isWide(edges, frame, wide)) return edges;
  }
  return null;
}

/** The number of lines that begin at a side, and their length. */
function extent(side, { height, width }) {
  return side === LEFT || side === RIGHT ? [height, width] : [width, height];
}

/** The row and column of a place on a line that begins at a side. */
function placeAt(side, line, depth, { height, width }) {
  if (side === LEFT) return [line, depth];
  if (side === RIGHT) return [line, width - 1 - depth];
  return side === TOP ? [depth, line] : [height - 1 - depth, line];
}

/** A function that returns the margin's tone at a row and column, or null if the outermost lines are not flat. */
function toneOf(levels, size, frame, sides) {
  const [places, values] = outermost(levels, size, frame, sides);
  const middle = median(values);
  const share = (tolerance, distances) => distances.filter((distance) => distance <= tolerance).length / values.length;
  let distance = values.map((value) => Math.abs(value - middle));
  if (sides.length === 2) return share(TOLERANCE_OF_PAIRS, distance) >= FLAT_SHARE ? () => middle : null;
  if (share(MOST_FALL, distance) < FLAT_SHARE) return null;
  let plane;
  for (let fit = 0, limit = MOST_FALL; fit < FITS; fit++, limit = Math.max(TOLERANCE, median(distance) * 3)) {
    plane = fittedPlane(values, places, distance.map((value) => value <= limit));
    distance = values.map((value, index) => Math.abs(value - plane.at(...places[index])));
  }
  if (share(TOLERANCE, distance) < FLAT_SHARE || plane.fall > MOST_FALL) return null;
  return (row, column) => plane.at(row / frame.height - 0.5, column / frame.width - 0.5);
}

/** Places, as shares of the frame from its center, and levels of the outermost lines of some sides. */
function outermost(levels, size, frame, sides) {
  const [places, values] = [[], []];
  const wide = (length) => Math.max(LEAST_STRIP, Math.round(STRIP * length));
  const [across, down] = [wide(frame.width), wide(frame.height)];
  for (let row = 0; row < frame.height; row++) {
    for (let column = 0; column < frame.width; column++) {
      const isOutermost =
        (column < across && sides.includes(LEFT)) ||
        (column >= frame.width - across && sides.includes(RIGHT)) ||
        (row < down && sides.includes(TOP)) ||
        (row >= frame.height - down && sides.includes(BOTTOM));
      if (!isOutermost) continue;
      places.push([row / frame.height - 0.5, column / frame.width - 0.5]);
      values.push(levels[(frame.top + row) * size + frame.left + column]);
    }
  }
  return [places, values];
}

/** The plane with the least squared distance from the values that count. */
function fittedPlane(values, places, counts) {
  const sums = new Float64Array(3);
  let total = 0;
  values.forEach((value, index) => {
    if (!counts[index]) return;
    total++;
    [value, ...places[index]].forEach((each, axis) => (sums[axis] += each));
  });
  const [mean, row, column] = sums.map((sum) => sum / total);
  let [rr, cc, rc, rv, cv] = [0, 0, 0, 0, 0];
  values.forEach((value, index) => {
    if (!counts[index]) return;
    const [v, r, c] = [value - mean, places[index][0] - row, places[index][1] - column];
    [rr, cc, rc, rv, cv] = [rr + r * r, cc + c * c, rc + r * c, rv + r * v, cv + c * v];
  });
  const determinant = Math.max(rr * cc - rc * rc, 1e-9);
  const [perRow, perColumn] = [(rv * cc - cv * rc) / determinant, (cv * rr - rv * rc) / determinant];
  return {
    fall: Math.abs(perRow) + Math.abs(perColumn),
    at: (down, across) => mean + perRow * (down - row) + perColumn * (across - column),
  };
}

/** @returns {Map<number, Edge> | null} Null if the margins do not end at straight lines. */
function straightEdges(isFlat, frame, sides) {
  const found = new Map(sides.map((side) => [side, edgeOf(isFlat, frame, side, SLOPES)]));
  const weak = sides.filter((side) => !(found.get(side)?.share >= STRAIGHT_SHARE));
  if (weak.length > (sides.length === 2 ? 0 : 1)) return null;
  for (const side of weak) {
    // Much of the photo has the margin's tone there, so the slope is that of the opposite edge, and lines can only end too late.
    const edge = edgeOf(isFlat, frame, side, [-found.get(OPPOSITE[side]).slope], STRAIGHT_SHARE_OF_ONE);
    if (!(edge?.share >= STRAIGHT_SHARE_OF_ONE)) return null;
    found.set(side, edge);
  }
  return found;
}

/**
 * @returns {Edge & {share: number} | null} Where most lines of a side end, or, with `firstShare`, the first place where
 *   at least that share does, and the share of lines that end there.
 */
function edgeOf(isFlat, frame, side, slopes, firstShare) {
  const [count, length] = extent(side, frame);
  const lines = [];
  for (let line = 0; line < count; line++) {
    let depth = 0;
    while (depth < length && isFlat(...placeAt(side, line, depth, frame))) depth++;
    if (depth < length) lines.push([line, depth]); // the other lines are in the margins above and below
  }
  if (lines.length / count < LEAST_INSIDE) return null;
  let best = { near: [], slope: 0 };
  for (const slope of slopes) {
    const starts = lines.map(([line, depth]) => UNIT * depth - slope * (2 * line + 1));
    const start = UNIT * mode(starts, firstShare);
    const near = starts.filter((each) => Math.abs(each - start) <= UNIT * STRAIGHT_WITHIN);
    if (near.length > best.near.length) best = { near, slope };
  }
  const start = best.near.length > 0 ? median(best.near) : 0;
  return start >= UNIT ? { start, slope: best.slope, share: best.near.length / lines.length } : null;
}

/** The pixel near which most lines end, or the first near which a share of them does. */
function mode(starts, firstShare) {
  const ends = starts.map((start) => Math.max(Math.floor((start + UNIT / 2) / UNIT), 0));
  const counts = new Float64Array(Math.max(...ends) + 1);
  for (const end of ends) {
    for (let near = Math.max(end - 1, 0); near <= Math.min(end + 1, counts.length - 1); near++) counts[near]++;
  }
  if (firstShare === undefined) return counts.indexOf(Math.max(...counts));
  return Math.max(0, counts.findIndex((number) => number / starts.length >= firstShare));
}

/** Whether the margins are wide enough and leave enough of the photo. */
function isWide(edges, frame, wide) {
  const pairs = [[LEFT, RIGHT], [TOP, BOTTOM]].filter(([side]) => edges.has(side));
  const shares = pairs.map((pair) =>
    pair.map((side) => {
      const [count, length] = extent(side, frame);
      const { start, slope } = edges.get(side);
      return (start + slope * count) / UNIT / length;
    }),
  );
  const leavesPhoto = pairs.every(([side], index) => {
    const [, length] = extent(side, frame);
    return (length - shares[index][0] * length - shares[index][1] * length) / length >= LEAST_INSIDE;
  });
  return leavesPhoto && Math.min(...shares.flat()) >= NARROW && shares.some((pair) => Math.min(...pair) >= wide);
}

/** Sets the share to 0 outside of the frame and beyond its edges, which are soft. */
function removeOutside(share, size, frame, edges) {
  const kept = new Float32Array(share.length);
  for (let row = 0; row < frame.height; row++) {
    const from = (frame.top + row) * size + frame.left;
    kept.fill(1, from, from + frame.width);
  }
  for (const [side, { start, slope }] of edges) {
    const [count, length] = extent(side, frame);
    for (let line = 0; line < count; line++) {
      const end = start + slope * (2 * line + 1);
      for (let depth = 0; depth < length; depth++) {
        const beyond = (UNIT * depth + UNIT / 2 - end) / UNIT;
        if (beyond >= 1) break;
        const [row, column] = placeAt(side, line, depth, frame);
        const at = (frame.top + row) * size + frame.left + column;
        kept[at] = Math.min(kept[at], Math.max(beyond, 0));
      }
    }
  }
  for (let at = 0; at < share.length; at++) share[at] = Math.min(share[at], kept[at]);
}

function median(values) {
  const sorted = Float64Array.from(values).sort();
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
